#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/vectors.h"
#include "base/views.h"
#include "formation/explain_options.h"

namespace sinkscope {

// What one block, or the embedding, has put into a state.
enum class PartKind { kEmbedding, kAttention, kMlp };
struct PartName {
  PartKind kind = PartKind::kEmbedding;
  int layer = -1;
  bool operator==(const PartName&) const = default;
};
std::string_view name_of(PartKind kind);    // "embedding", "attention", "mlp"
std::string text_of(const PartName& part);  // "embedding", "attention 3", "MLP 5"

// The writes of one token that are kept, and what its MLPs read.
struct KeptStates {
  std::vector<float> embedding;  // [d_model]
  Matrix<float> attention, mlp;  // [n_kept_layers, d_model] what each block's two halves add
  Matrix<float> mlp_input;       // [n_kept_layers, d_model]
  std::span<const float> write(const PartName& part) const;
};

// Heights of everything that makes up a state h_q[t], along one axis, in ordinary norms.
struct PartHeights {
  double embedding = 0;
  std::vector<double> attention, mlp;  // [q + 1]

  double of(const PartName& part) const;
  double sum() const;
};

//   height of a part = <w, axis> / scale
//
// q      layer, below the layers that are kept
// axis   [d_model]
// scale  the median ordinary norm of layer q
// cost   (2 q + 3) d_model multiply-adds
PartHeights part_heights(const KeptStates& states, int q, std::span<const float> axis, double scale);

// The same as the next block's attention reads it: w -> gain * w / rms(h_q[t]), along the unit vector of gain * h_q[p].
//
// gain     [d_model]
// primary  h_q[p], [d_model]
PartHeights read_part_heights(const KeptStates& states, int q, std::span<const float> gain,
                              std::span<const float> primary);

struct LargestPart {
  PartName part;
  double share = 0;
  double excess = 0;
};

// What makes a sink's state taller than its controls'.
//
//   excess of a part = its height in the sink - the mean of its heights in the controls
//   share            = max(excess, 0) / sum of max(excess, 0) over all parts
struct PartExcess {
  int layer = 0;  // q
  double total = 0, control_total = 0;
  PartHeights excess;
  double sum = 0;                      // of the excesses
  std::optional<double> cancellation;  // sum of |excess| / |sum of excess|
  double mlp_share = 0;
  int parts_for_80 = 0;              // how few parts, largest first, hold reach_share; 0 if no part is higher
  std::vector<LargestPart> largest;  // largest share first
  // Of the largest part, with the axis of its own layer (the embedding: of layer 0).
  std::optional<double> cos, excess_cos;
  std::optional<double> rank_p;
};

// controls  not empty
// returns   without cos, excess_cos and rank_p
PartExcess excess_over(const PartHeights& sink, std::span<const PartHeights> controls, int q,
                       const ExplainOptions& options);

// cos and excess_cos of the largest part: of its write, and of its write minus the mean of the controls'.
//
// axes  [n_layers, d_model]
void add_cosines(PartExcess& excess, const KeptStates& sink, std::span<const KeptStates* const> controls,
                 MatrixView<const float> axes);

// Rank of the sink's height among those of eligible tokens: (1 + eligible tokens at least as high) / (1 + eligible).
//
// heights  [n_tokens] of one layer
double rank_p(std::span<const float> heights, std::span<const int> eligible, int position);

// Whether MLPs made the state, along the axis.
//
// n_eligible  under min_ranked of them, rank_p is not asked
bool is_formed(const PartExcess& peak, int n_eligible, const ExplainOptions& options);

// returns  nothing for vectors of no length
std::optional<double> cosine(std::span<const float> a, std::span<const float> b);

}  // namespace sinkscope
