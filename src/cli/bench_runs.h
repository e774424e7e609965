#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/accel/device.h"
#include "engine/llama/model.h"

namespace sinkscope {

// What is done with the tokens of a benchmark.
enum class BenchWork { kForward, kScanWithoutAttention, kScan };
inline constexpr BenchWork kBenchWorks[] = {BenchWork::kForward, BenchWork::kScanWithoutAttention, BenchWork::kScan};
const char* name_of(BenchWork work);

// The passes of one model, precision, length and work.
struct BenchRuns {
  std::string precision;  // as it was resolved
  int n_tokens = 0;
  BenchWork work = BenchWork::kForward;
  std::vector<double> ms;          // of each pass
  AccelTimes parts;                // of the fastest pass; zeros with native precision
  std::optional<double> peak_mib;  // of loading the model and one pass, beyond what the program had before
};

struct BenchPlan {
  ModelFile file;
  LoadOptions load = {};
  std::vector<Precision> precisions = {};
  std::vector<int> n_tokens = {};
  int repeats = 5;
};

// Runs a plan: first each combination alone, for its memory; then all of one length in turns, so that what a busy
// machine does to one it does to all.
//
// announce  is told what comes next
std::vector<BenchRuns> run_bench(const BenchPlan& plan, const std::function<void(const std::string&)>& announce);

}  // namespace sinkscope
