#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sinks/figures.h"

namespace sinkscope {

enum class Verdict { kSink, kAlignedOnly, kTransient, kUnscored };
enum class SinkKind { kPrimary, kPrimaryLike, kSecondary, kUnaligned };
std::string_view name_of(Verdict verdict);  // "sink", "aligned_only", "transient", "unscored"
std::string_view name_of(SinkKind kind);    // "primary", "primary_like", "secondary", "unaligned"

struct Thresholds {
  float min_alignment = 0.9F;
  float min_norm_ratio = 3.0F;
  float min_far_boost = 5.0F;   // of the primary in some layer, of a sink in enough of the blocks that read it
  float min_far_z = 3.0F;       // in the same blocks, where it is measured; 0: it is not asked
  float min_block_frac = 0.5F;  // of the measurable blocks that read a run: so many pass these two,
  int early_blocks = 4;         // and of the first so many
  int min_early_blocks = 2;     // so many (all, if there are fewer)
  float birth_cosine = 0.8F;
  int birth_slack = 1;              // a run that starts at most so long after the birth is primary_like
  float min_lifetime_boost = 3.0F;  // attention lifetime
  float unaligned_far_boost = 8.0F;
  float unaligned_far_z = 4.0F;
  float unaligned_max_alignment = 0.5F;
  float unaligned_norm_ratio = 1.5F;  // without it, words that later text repeats pass: content heads look them up
  int unaligned_blocks = 2;           // consecutive blocks of an unaligned sink, at least
  int min_layers = 2;                 // of a run, to be a sink
  int censor_layers = 2;              // a run that ends so close to the primary's end, or the network's
  float drain_value_ratio = 0.5F;     // a sink drains up to this ratio, above it broadcasts
  float group_norm_gap = 0.1F;        // of equal states: their norms differ by so much of the larger, at most
  float group_alignment_gap = 0.02F;  // and their alignments by this
  float group_min_mass = 0.25F;       // share of far attention from which tokens of unlike norms are judged together
  bool operator==(const Thresholds&) const = default;
};

// The three largest channels of a state in one layer.
struct MassiveFigures {
  std::optional<int> channel_1, channel_2, channel_3;
  std::optional<float> value_1, value_2, value_3;
  std::optional<float> ratio_1, ratio_2, ratio_3;
  std::optional<int> overlap;  // of the three, those that are among the primary's three
};

// How far a sink stands out, to show the strongest first: by far z, which depends neither on the length of the text nor
// on the place in it, then by far boost. What is not measured counts as 0.
struct Prominence {
  float far_z = 0, far_boost = 0;
  auto operator<=>(const Prominence&) const = default;
};
// sink  a Run, or the Primary
template <typename Sink>
Prominence prominence_of(const Sink& sink) {
  return {sink.far_z_median.value_or(0), sink.far_boost_median.value_or(0)};
}

using LayerInterval = std::pair<int, int>;  // first and last layer, both included

struct Primary {
  int position = 0;
  std::vector<int> set;  // positions that share its birth and direction, itself among them
  int birth_layer = 0;
  int birth_end = 0;                         // last layer of the stretch in which the direction holds
  std::vector<LayerInterval> active_layers;  // norm ratio >= min_norm_ratio
  std::vector<LayerInterval> early_plateau;  // of these, those that end before birth
  float sink_axis_drift = 0;                 // 1 - smallest cosine to the middle direction in [birth, birth_end]
  std::optional<float> mean_norm_ratio;      // over all layers: what it was chosen for
  std::optional<float> norm_ratio_median, norm_ratio_max;  // over active layers
  std::optional<float> score_mean, score_max, far_boost_median, far_boost_max, far_z_median;
  std::optional<float> value_norm_ratio;
  std::optional<float> sink_rate_02, sink_rate_03, sink_rate_05, sink_rate_08, attention_share;
  MassiveFigures massive;  // in the middle of its longest active interval
  std::optional<float> eviction_cost;
  std::optional<int> eviction_left_out;
  std::optional<int> group;  // index into Detection::groups
  std::optional<float> selection_rate;
};

// How far a run is from each threshold, as figure / threshold - 1, over all its layers. Negative: missed.
struct Margins {
  std::optional<float> alignment;   // smallest alignment
  std::optional<float> norm_ratio;  // smallest norm ratio, its own or the primary's
  std::optional<float> far_boost;   // the largest min_far_boost with which the far boosts alone would pass
  std::optional<float> far_z;       // the largest min_far_z with which the far z alone would pass
  std::optional<float> attention;   // by how much both pass, or miss, in the same blocks: decides on attention evidence
  std::optional<float> edge;        // how far from enough the nearer of the two layers beside the run is; >= 0
};

struct Run {
  int position = 0;
  int run_index = 0;  // counts the runs of a position, in order of layers
  Verdict verdict = Verdict::kUnscored;
  SinkKind kind = SinkKind::kSecondary;  // of sinks; of other runs what they would be
  int l_start = 0;
  int l_end = 0;
  int lifetime = 0;                       // state lifetime, in layers
  std::optional<int> attention_lifetime;  // blocks in a row that draw on it, from the first of its own that does
  bool censored = false;
  std::optional<bool> broadcasts;  // value norm ratio > drain_value_ratio; else it drains
  std::optional<float> alignment_median, centred_alignment_median, read_alignment_median;
  std::optional<float> norm_ratio_median, norm_ratio_max;
  std::optional<float> score_mean, score_max, far_boost_median, far_boost_max, far_z_median;
  std::optional<int> heads_over_10_max;
  std::optional<float> logit_gap, value_norm_ratio;
  Margins margins;
  std::optional<float> margin;  // the smallest of alignment, norm_ratio and attention
  std::optional<float> sink_rate_02, sink_rate_03, sink_rate_05, sink_rate_08, attention_share;  // means over blocks
  MassiveFigures massive;  // in the layer in the middle of the run
  std::optional<float> eviction_cost;
  std::optional<int> eviction_left_out;
  std::optional<int> group;  // index into Detection::groups
  std::optional<float> selection_rate;
};

// Tokens of one sink state, which they share, and its attention with it. Their norms are one as a rule; unlike where tokens
// of one direction draw much together and none of them enough by itself.
struct SinkGroup {
  std::vector<int> members;              // positions, ascending; two at least
  bool equal_norms = true;
  SinkKind kind = SinkKind::kSecondary;  // kPrimary: the primary is a member; else of the run that comes first
  Verdict verdict = Verdict::kUnscored;  // on what the members draw together
  int l_start = 0, l_end = 0;            // medians over the members' runs, the lower of two
  int lifetime = 0;
  std::optional<float> mass_mean, mass_max;  // share of all far attention that they draw together
  std::optional<float> attention_share;      // of all attention of the sequence
  std::optional<float> joint_boost_median, joint_boost_max, joint_z_median;
  std::optional<float> alignment_median, norm_ratio_median;  // over members, of their medians
  std::optional<float> margin;                               // as Margins::attention, by its joint boosts and joint z
  std::vector<std::size_t> runs;                             // indices into Detection::runs of its members' runs
};

struct Detection {
  std::optional<Primary> primary;
  std::string no_primary_reason;  // where there is none
  std::vector<Run> runs;          // all of them, by position and run index; sinks are those with Verdict::kSink
  std::vector<SinkGroup> groups;  // all of them: sinks first

  // Whether a run is a member of a group that is a sink.
  bool in_sink_group(const Run& run) const {
    return run.group && groups[static_cast<std::size_t>(*run.group)].verdict == Verdict::kSink;
  }
  // Whether a group counts as one sink: it is one, it is not the primary's, and none of its members is one by itself.
  bool counts(const SinkGroup& group) const;
  // Sinks beside the primary, which every count and rate takes: runs that are sinks, each, and groups that count, once.
  std::int64_t n_sinks() const;
};

// The rule of docs/science.md: direction, norm and attention together.
//
// cost  O(tokens kept x n_layers)
Detection detect_by_evidence(const SequenceFigures& figures, const Thresholds& thresholds);

// The rule of the authors' public code, for comparison. Needs figures kept with any_norm_both_signs.
//
// positions  2 or 3: among how many first positions the primary is sought
// throws     Error{kUsage} if positions is neither
struct PaperOptions {
  int positions = 2;
};
struct PaperRun {
  int position = 0;
  int first_layer = 0;
  int last_layer = 0;
  int layers_flagged = 0;
  std::string label;  // "bos_sink", "secondary", "noise"
};
struct PaperDetection {
  int primary = 0;
  int span_first = 0, span_last = 0;
  std::vector<PaperRun> runs;
};
PaperDetection detect_by_paper(const SequenceFigures& figures, const PaperOptions& options);

}  // namespace sinkscope
