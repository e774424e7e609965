#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "measure/kernels.h"
#include "measure/measurement.h"
#include "measure/watch_list.h"
#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

using CandidateNorms = std::array<float, kPrimaryCandidates>;

// Tokens of one sequence in the running micro-batch, or a part of them.
struct SequenceRows {
  MatrixView<const float> states;  // [n_rows, width]
  int first_position;
};

// Queries of one sequence in an attention event.
struct SequenceQueries {
  int first_key;       // pack index of the sequence's position 0
  int first_row;       // first query of the event that belongs to the sequence
  int n_rows;          // how many do
  int first_position;  // of these queries, in the sequence
};

// Measures one sequence from the pieces of its states that the micro-batches bring.
//
// Calls come layer after layer; what is documented as "by rows" may run on several threads for different rows.
class SequenceMeter {
 public:
  // n_kept_positions  positions below it are candidates that stand whatever their norms
  SequenceMeter(const ModelFacts& facts, std::span<const TokenId> tokens_of_sequence, int min_distance,
                int n_kept_positions);

  // Before any row of a micro-batch: the sequence's tokens up to n_tokens are coming.
  void begin_rows(int n_tokens);
  // After all rows of it: gives candidates up that stand no more.
  void end_rows(int n_tokens);

  // By rows: what the attention of block `layer` wrote; running: h_{layer-1} comes, r_layer is left.
  void measure_mid_residual(int layer, SequenceRows rows, MatrixView<float> running);
  // By rows: the same from the network's own write node.
  void measure_attention_write(int layer, SequenceRows rows);

  // Keeps the states of candidates, before any measure_block of the micro-batch.
  //
  // writes  [n_rows, d_model] h - r of the rows, or empty
  void keep_candidates(int layer, SequenceRows rows, MatrixView<const float> running_mid,
                       MatrixView<const float> writes);
  // By rows: norms and alignments of h_layer; running as in block_products.
  void measure_block(int layer, SequenceRows rows, MatrixView<float> running, bool running_is_mid);
  // By rows: what the MLP wrote, from the network's own write node; after keep_candidates.
  void measure_mlp_write(int layer, SequenceRows rows);

  // What the measure_ functions do with products, wherever these were made. By tokens, after keep_candidates or
  // keep_read_candidates.
  void note_attention_write(int layer, std::size_t token, float squared_norm) {
    measurement_.attn_write_norm(static_cast<std::size_t>(layer), token) = std::sqrt(squared_norm);
  }
  void note_state(int layer, std::size_t token, const RowProducts& products);
  void note_mlp_write(int layer, std::size_t token, const RowProducts& products);
  // products       of vectors minus the mean
  // centred_norms  [8] of the candidates minus the mean
  void note_centred(int layer, std::size_t token, const RowProducts& products, std::span<const float> centred_norms);
  void note_read(int layer, std::size_t token, const RowProducts& products, std::span<const float> candidate_norms);
  // [8] norms of the candidates that were kept.
  CandidateNorms read_norms(int layer) const;
  CandidateNorms centred_norms() const;

  // What was ordinary up to now, after measure_block of all rows.
  //
  // throws  Error{kModel} if a norm is not finite
  void classify(int layer, int first_position, std::size_t n_rows);
  // After classify.
  bool is_ordinary(int layer, std::size_t token) const {
    return measurement_.roles.may_be_ordinary[token] &&
           measurement_.hidden_norm(static_cast<std::size_t>(layer), token) <= limit_;
  }
  int n_ordinary(int layer) const { return n_ordinary_[static_cast<std::size_t>(layer)]; }
  // By columns [first, first + count) of the states: adds ordinary rows to the sum, and renews the mean.
  void add_to_mean(int layer, SequenceRows rows, std::size_t first, std::size_t count);
  // By columns: the same of a sum over the ordinary rows.
  void add_sum_to_mean(int layer, std::size_t first, std::span<const float> sum);
  // The sum of ordinary states before the running micro-batch, divided by n_ordinary() after it.
  void mean_before(int layer, std::span<float> origin) const;
  std::span<const float> mean() const { return mean_; }
  MatrixView<const float> centred_candidates() const { return centred_candidates_.view(); }
  // Renews the candidates minus the mean.
  void centre_candidates(int layer);
  // By rows.
  void measure_centred(int layer, SequenceRows rows);
  // By rows: the largest channels of tokens with large norms.
  void find_channels(int layer, SequenceRows rows);
  // Keeps what find_channels found, and looks at magnitudes of ordinary tokens.
  void note_channels(int layer, SequenceRows rows);
  // Whether these look at a token's state at all.
  bool has_large_norm(int layer, std::size_t token) const {
    return !is_candidate(token) && measurement_.hidden_norm(static_cast<std::size_t>(layer), token) >= least_norm();
  }
  bool shows_magnitudes(int layer, std::size_t token) const {
    return token % kMagnitudePositions == 0 && is_ordinary(layer, token);
  }
  // Takes up keys that show state evidence in this layer and the one before.
  void watch_evidence(int layer, int first_position, std::size_t n_rows);

  // By rows, but candidates once before: read alignment of h_layer.
  void keep_read_candidates(int layer, SequenceRows rows);
  void measure_read(int layer, SequenceRows rows);

  // By heads: adds what one head gave to the sequence's keys.
  //
  // returns  its sum
  double add_head(const AttentionEvent& event, SequenceQueries part, std::size_t head);
  // All else that the event says of the sequence's keys.
  //
  // head_totals  [n_heads] what add_head returned
  void add_queries(const AttentionEvent& event, SequenceQueries part, std::span<const double> head_totals);

  // Alignments among the candidates, and all that is known at the end only.
  SequenceMeasurement finish();

  SequenceMeasurement& measurement() { return measurement_; }
  // Of the candidates, ascending.
  const std::vector<int>& positions() const { return measurement_.roles.candidates; }
  int last_candidate() const { return measurement_.roles.candidates.back(); }
  WatchList& watch_list() { return watch_list_; }

 private:
  MatrixView<const float> candidates(int layer) const {
    return candidate_states_.slice(static_cast<std::size_t>(layer));
  }
  static constexpr float kWatchedNormRatio = 1.5F;
  static constexpr std::size_t kMagnitudePositions = 32;  // magnitudes are looked at in every 32nd token

  float least_norm() const { return kWatchedNormRatio * median_; }
  bool is_candidate(std::size_t token) const {
    return std::ranges::binary_search(positions(), static_cast<int>(token));
  }
  // Calls body(candidate, row) for each candidate among the rows.
  template <typename Body>
  void for_candidates(SequenceRows rows, const Body& body) const {
    for (std::size_t c = 0; c < n_candidates_; ++c) {
      const int row = positions()[c] - rows.first_position;
      if (row >= 0 && row < static_cast<int>(rows.states.rows())) body(c, static_cast<std::size_t>(row));
    }
  }
  CandidateNorms state_norms(int layer) const;
  void align_candidates(int layer);
  void set_cosines(CandidateCosines& cosines, int layer, std::size_t token, const RowProducts& products, float norm,
                   std::span<const float> candidate_norms);

  std::size_t d_model_;
  std::size_t n_candidates_;
  std::size_t n_kept_positions_;
  bool settled_ = false;  // candidates were given up, or all stand to the end
  int n_come_ = 0;        // tokens, those of the running micro-batch included
  SequenceMeasurement measurement_;
  WatchList watch_list_;

  // Rows of zeros stand for candidates that have not come yet, or never will.
  Cube<float> candidate_states_;                // [n_layers, 8, d_model]
  Cube<float> candidate_writes_;                // [n_layers, 8, d_model] h_l - r_l
  std::vector<Matrix<float>> candidate_reads_;  // [n_layers] of [8, width]

  Matrix<double> ordinary_sum_;              // [n_layers, d_model]
  std::vector<int> n_ordinary_;              // [n_layers]
  std::vector<float> mean_;                  // [d_model] of the running layer
  Matrix<float> centred_candidates_;         // [8, d_model] of the running layer
  float limit_ = 0;                          // norms up to it are ordinary in the running layer
  float median_ = 0;                         // of ordinary norms; 0 while there are too few
  std::vector<std::uint8_t> evident_;        // [n_tokens] state evidence in the layer that was measured last
  int first_position_ = 0;                   // of the running micro-batch
  std::vector<TopChannels> row_channels_;    // of the running layer, by row; without channels where not looked for
  std::vector<MagnitudeMedian> magnitudes_;  // [n_layers]
  std::vector<float> scratch_;
};

}  // namespace sinkscope
