#include "cli/bench_runs.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/peak_memory.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

// Tokens from all over the vocabulary: time does not depend on what they say.
Pack made_up_pack(const Model& model, int n_tokens) {
  std::vector<TokenId> tokens;
  if (model.facts().adds_bos) tokens.push_back(model.facts().bos);
  for (std::int64_t i = 0; static_cast<int>(tokens.size()) < n_tokens; ++i)
    tokens.push_back(static_cast<TokenId>((i * 7919 + 13) % model.facts().n_vocab));
  return {{tokens}};
}

void run_once(Model& model, int n_tokens, BenchWork work) {
  const Pack pack = made_up_pack(model, n_tokens);
  if (work == BenchWork::kForward) {
    Observer nobody;
    RunOptions options;
    options.should_stop = interrupted;
    model.run(pack, nobody, options);
    return;
  }
  ExamineOptions options;
  options.run.should_stop = interrupted;
  options.attention = work == BenchWork::kScan;
  examine(model, pack, options);
}

AccelTimes minus(const AccelTimes& a, const AccelTimes& b) {
  return {a.unpacking_ms - b.unpacking_ms, a.products_ms - b.products_ms,   a.attention_ms - b.attention_ms,
          a.rest_ms - b.rest_ms,           a.product_flop - b.product_flop, a.attention_flop - b.attention_flop};
}

void time_once(Model& model, BenchRuns& runs) {
  const AccelTimes before = accel_times();
  const auto start = std::chrono::steady_clock::now();
  run_once(model, runs.n_tokens, runs.work);
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  if (runs.ms.empty() || spent.count() < *std::min_element(runs.ms.begin(), runs.ms.end()))
    runs.parts = minus(accel_times(), before);
  runs.ms.push_back(spent.count());
}

bool reset_peak_memory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return static_cast<bool>(file);
}

}  // namespace

const char* name_of(BenchWork work) {
  switch (work) {
    case BenchWork::kForward:
      return "forward";
    case BenchWork::kScanWithoutAttention:
      return "scan without attention";
    case BenchWork::kScan:
      return "scan";
  }
  return "";
}

std::vector<BenchRuns> run_bench(const BenchPlan& plan, const std::function<void(const std::string&)>& announce) {
  std::vector<BenchRuns> all;
  for (const int n_tokens : plan.n_tokens) {
    const std::size_t first = all.size();
    const auto load = [&](Precision precision) {
      LoadOptions options = plan.load;
      options.precision = precision;
      options.n_ctx = n_tokens;
      return load_model(plan.file, options);
    };
    for (const Precision precision : plan.precisions) {
      for (const BenchWork work : kBenchWorks) {
        BenchRuns runs;
        runs.precision = precision_of(plan.file, precision).name;
        runs.n_tokens = n_tokens;
        runs.work = work;
        announce(std::to_string(n_tokens) + " tokens, " + runs.precision + ", " + name_of(work) + ": memory");
        const bool known = reset_peak_memory();
        const auto before = peak_memory_mib();
        run_once(*load(precision), n_tokens, work);
        const auto after = peak_memory_mib();
        if (known && before && after) runs.peak_mib = *after - *before;
        all.push_back(runs);
      }
    }
    std::vector<std::unique_ptr<Model>> models;
    for (const Precision precision : plan.precisions) models.push_back(load(precision));
    for (int repeat = 0; repeat < plan.repeats; ++repeat) {
      announce(std::to_string(n_tokens) + " tokens: pass " + std::to_string(repeat + 1) + " of " +
               std::to_string(plan.repeats));
      for (std::size_t i = first; i < all.size(); ++i) time_once(*models[(i - first) / std::size(kBenchWorks)], all[i]);
    }
  }
  return all;
}

}  // namespace sinkscope
