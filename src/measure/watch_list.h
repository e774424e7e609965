#pragma once

#include <cstdint>
#include <vector>

#include "measure/measurement.h"
#include "probe/observer.h"

namespace sinkscope {

// The keys of one sequence whose logits are looked at query by query, and their logit gaps.
class WatchList {
 public:
  // Watches the candidates from the start.
  //
  // candidates  their positions, ascending
  WatchList(int n_layers, int n_heads, int n_tokens, std::vector<int> candidates);

  // Takes the key up, or counts it as overflow when kWatchedKeys are watched already.
  void watch(int position);
  bool watches(int position) const { return state_[static_cast<std::size_t>(position)] == kWatched; }
  // Appends the watched positions below end, ascending, as keys of the pack.
  void append_keys(int end, int first_key, std::vector<std::int32_t>& keys) const;

  // Adds the gaps of one micro-batch's far queries.
  //
  //   gap[k, c] += sum over q of logit[q, k] - logit[q, c], over q that see both and lie min_distance or more after
  //   both
  //
  // first_key   pack index of the sequence's position 0
  // first_row   first query of the event that belongs to this sequence; n_rows of them do
  // cost        O(n_watched x n_rows x 8)
  void add_gaps(const AttentionEvent& event, int first_key, int first_row, int n_rows, int min_distance);

  // Adds the eviction costs of one micro-batch, where the event has them.
  void add_evictions(const AttentionEvent& event, int first_key);

  // Moves keys and sums into the measurement.
  void finish(SequenceMeasurement& measurement) const;

 private:
  enum : std::uint8_t { kUnwatched, kWatched, kOverflowed };
  struct Gap {
    double sum[kPrimaryCandidates] = {};
    std::int32_t queries[kPrimaryCandidates] = {};
  };
  struct Key {
    int position;
    std::vector<Gap> by_layer;                                 // [n_layers]
    Matrix<double> eviction_cost;                              // [n_layers, n_heads]
    std::vector<std::int32_t> eviction_left_out, far_queries;  // [n_layers]
  };
  Key new_key(int position) const;

  std::size_t n_layers_, n_heads_;
  std::vector<int> candidates_;
  int n_overflow_ = 0;
  std::vector<Key> keys_;            // ascending by position
  std::vector<std::uint8_t> state_;  // [n_tokens]
  // Of the candidates, by query of the running event: logits, and 1 where the query sees it from afar.
  std::vector<float> candidate_logit_, candidate_far_;  // [n_rows, 8]
};

}  // namespace sinkscope
