#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/views.h"
#include "impact/ablation.h"
#include "probe/model.h"

namespace sinkscope {

struct HeadReachRequest {
  int sink_size = 64;     // first tokens of a text that a streaming head keeps
  int recent_size = 256;  // tokens up to the query, itself among them, that it keeps
  std::optional<std::int64_t> max_documents;  // sequences; the first that are long enough
  std::function<bool()> should_stop;          // as of RunOptions
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;
};

// Queries that a sequence must have beyond both, at least, to tell of heads.
inline constexpr int kMinReachQueries = 64;

// What a KV head reads beyond the tokens that a streaming head keeps.
struct HeadReach {
  int sink_size = 0, recent_size = 0;
  std::int64_t n_sequences = 0, n_queries = 0;
  // [n_layers, n_kv_heads], in [0, 1]: attention on keys outside the first sink_size and the last recent_size tokens, mean
  // over the heads of the group and over all queries that have such keys before them, of all sequences alike. What a
  // learned sink took lies within.
  Matrix<double> beyond;
};

// What one sequence showed.
struct SequenceReach {
  std::int64_t n_queries = 0;  // that have such keys before them
  // [n_layers, n_kv_heads] the same attention, mean over the heads of the group, summed over these queries
  Matrix<double> sums;
};

// Queries of a sequence beyond both sizes; less than 1: none.
std::int64_t n_reach_queries(const HeadReachRequest& request, std::int64_t n_tokens);

class HeadReachStore;

// Measures every KV head on the sequences of a results file. What is in the store is not measured again. As DuoAttention's pattern it is measured, not trained: heads
// that retrieve seldom, but then need it, show little.
//
//   beyond[l, g] = mean over queries q >= sink_size + recent_size and heads h of g of
//                  the sum of A[h, q, k] over sink_size <= k <= q - recent_size
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// throws       Error{kInput} if none is long enough, or what is stored is damaged; Error{kModel} if a block shows no attention, or blocks have unequal
//              numbers of KV heads; whatever Model::run throws
// cost         a pass of each sequence that the store has not, with column sums alone
// source       Xiao et al. 2410.10819 for the pattern; the measure is ours
HeadReach measure_head_reach(Model& model, std::int64_t n_sequences,
                             const std::function<SequenceToAblate(std::int64_t)>& load,
                             const HeadReachRequest& request, HeadReachStore& store);

}  // namespace sinkscope
