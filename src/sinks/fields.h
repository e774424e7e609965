#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "sinks/detection.h"
#include "sinks/far_neighbours.h"
#include "sinks/figures.h"

namespace sinkscope {

// The one list of each record's members. JSON, CSV, results files, options of the command line and the tables of
// docs/file-formats.md are loops over these lists, or are compared with them by a test. To add a figure: its member,
// one line here, at the end of its list, and its computation.

// One member of a record.
template <typename Record, typename Value>
struct Field {
  std::string_view name;  // in JSON, CSV and arrays
  std::string_view unit;  // "cosine", "layers", ...; empty where there is none
  std::string_view help;  // one sentence, without its full stop
  Value Record::* member;
};
template <typename Record, typename Value>
Field(std::string_view, std::string_view, std::string_view, Value Record::*) -> Field<Record, Value>;

// A member that is a record of its own. JSON shows it as an object; in CSV its members have `prefix` before their
// names.
template <typename Record, typename Value, typename Fields>
struct Group {
  std::string_view name, unit, help, prefix;
  Value Record::* member;
  Fields fields;
};
template <typename Record, typename Value, typename Fields>
Group(std::string_view, std::string_view, std::string_view, std::string_view, Value Record::*, Fields)
    -> Group<Record, Value, Fields>;

// A threshold of the rule. The option of the command line has the same name: --min-alignment.
template <typename Value>
struct ThresholdField {
  std::string_view name, help;
  Value Thresholds::* member;
  Value least, most;
  bool in_detail;  // listed under "Rule, in detail"
};
template <typename Value>
ThresholdField(std::string_view, std::string_view, Value Thresholds::*, Value, Value, bool) -> ThresholdField<Value>;

inline constexpr float kAnyRatio = 1e6F;
inline constexpr int kAnyCount = 1000;

inline constexpr std::tuple kThresholdFields{
    ThresholdField{"min_alignment", "Cosine with the primary's state, at least", &Thresholds::min_alignment, -1.0F,
                   1.0F, false},
    ThresholdField{"min_norm_ratio", "Norm over that of ordinary tokens, at least", &Thresholds::min_norm_ratio, 0.0F,
                   kAnyRatio, false},
    ThresholdField{"min_far_boost", "Attention from far queries over what uniform attention would give, at least",
                   &Thresholds::min_far_boost, 0.0F, kAnyRatio, false},
    ThresholdField{"min_far_z",
                   "How many spreads the log far boost lies above that of ordinary tokens beside it, at least; 0: any",
                   &Thresholds::min_far_z, 0.0F, kAnyRatio, false},
    ThresholdField{"min_block_frac", "Share of the blocks reading a run that must pass --min-far-boost and --min-far-z",
                   &Thresholds::min_block_frac, 0.0F, 1.0F, true},
    ThresholdField{"early_blocks", "Of the first so many of these blocks ...", &Thresholds::early_blocks, 1, kAnyCount,
                   true},
    ThresholdField{"min_early_blocks", "... so many must pass, or all if there are fewer",
                   &Thresholds::min_early_blocks, 0, kAnyCount, true},
    ThresholdField{"birth_cosine", "The primary is born where its direction comes so close to that of its middle layer",
                   &Thresholds::birth_cosine, -1.0F, 1.0F, true},
    ThresholdField{"birth_slack", "A run that starts at most so many layers after the birth is primary_like",
                   &Thresholds::birth_slack, 0, kAnyCount, true},
    ThresholdField{"min_lifetime_boost", "The attention lifetime counts blocks with at least this far boost",
                   &Thresholds::min_lifetime_boost, 0.0F, kAnyRatio, true},
    ThresholdField{"unaligned_far_boost", "Far boost of an unaligned sink, at least", &Thresholds::unaligned_far_boost,
                   0.0F, kAnyRatio, true},
    ThresholdField{"unaligned_far_z", "Far z of an unaligned sink, at least; 0: any", &Thresholds::unaligned_far_z,
                   0.0F, kAnyRatio, true},
    ThresholdField{"unaligned_max_alignment", "Read and centred alignment of an unaligned sink, below this",
                   &Thresholds::unaligned_max_alignment, -1.0F, 1.0F, true},
    ThresholdField{"unaligned_norm_ratio", "Norm ratio of an unaligned sink, at least",
                   &Thresholds::unaligned_norm_ratio, 0.0F, kAnyRatio, true},
    ThresholdField{"unaligned_blocks", "Consecutive blocks of an unaligned sink, at least",
                   &Thresholds::unaligned_blocks, 1, kAnyCount, true},
    ThresholdField{"min_layers", "Layers of a run that is a sink, at least", &Thresholds::min_layers, 1, kAnyCount,
                   true},
    ThresholdField{"censor_layers",
                   "A run that ends so close to the primary's end, or the network's, might have lasted longer",
                   &Thresholds::censor_layers, 0, kAnyCount, true},
    ThresholdField{"drain_value_ratio", "A sink drains up to this value norm over the median, and broadcasts above",
                   &Thresholds::drain_value_ratio, 0.0F, kAnyRatio, true},
    ThresholdField{"group_norm_gap", "Tokens of one group: their norms differ by at most this share of the larger",
                   &Thresholds::group_norm_gap, 0.0F, 1.0F, true},
    ThresholdField{"group_alignment_gap", "Tokens of one group: their alignments differ by at most this",
                   &Thresholds::group_alignment_gap, 0.0F, 2.0F, true},
    ThresholdField{"group_min_mass", "Share of far attention from which tokens of unlike norms are judged together",
                   &Thresholds::group_min_mass, 0.0F, 1.0F, true},
};

// What is known of a token in every layer, in the order of results files.
inline constexpr std::array kTokenFields = {
    Field{"hidden_norm", "", "norm of the state after the block", &TokenProfile::hidden_norm},
    Field{"norm_ratio", "ratio", "hidden_norm / median of ordinary tokens", &TokenProfile::norm_ratio},
    Field{"alignment", "cosine", "with the state of the primary candidate", &TokenProfile::alignment},
    Field{"centred_alignment", "cosine", "the same, both minus the mean ordinary token of the layer",
          &TokenProfile::centred_alignment},
    Field{"read_alignment", "cosine", "the same after the next block's attention norm and gain",
          &TokenProfile::read_alignment},
    Field{"mlp_write_norm", "", "norm of what the MLP adds", &TokenProfile::mlp_write_norm},
    Field{"mlp_write_alignment", "cosine", "of what the MLP adds with the state of the primary candidate",
          &TokenProfile::mlp_write_alignment},
    Field{"value_norm_ratio", "ratio", "value norm / median of ordinary tokens", &TokenProfile::value_norm_ratio},
    Field{"sink_score", "probability", "mean over heads and visible queries of the attention that the token receives",
          &TokenProfile::score},
    Field{"sink_score_head_max", "probability", "the same of the strongest head", &TokenProfile::score_head_max},
    Field{"sink_score_group_max", "probability", "the same of the strongest KV group, as a mean over its heads",
          &TokenProfile::score_group_max},
    Field{"sink_rate_03", "share of heads", "heads whose score is above 0.3", &TokenProfile::sink_rate_03},
    Field{"far_score", "probability", "sink_score over far queries only", &TokenProfile::far_score},
    Field{"far_boost", "ratio", "far_score / what uniform attention gives", &TokenProfile::far_boost},
    Field{"heads_over_10", "heads", "heads with far boost >= 10", &TokenProfile::heads_over_10},
    Field{"logit_gap", "nats", "mean difference of attention logits to the primary candidate",
          &TokenProfile::logit_gap},
    Field{"sink_rate_02", "share of heads", "heads whose score is above 0.2", &TokenProfile::sink_rate_02},
    Field{"sink_rate_05", "share of heads", "heads whose score is above 0.5", &TokenProfile::sink_rate_05},
    Field{"sink_rate_08", "share of heads", "heads whose score is above 0.8", &TokenProfile::sink_rate_08},
    Field{"attention_share", "probability",
          "share of all attention of the sequence that the token receives, mean over heads; queries that do not see it "
          "give 0",
          &TokenProfile::attention_share},
    Field{"massive_channel_1", "", "index of the channel of the state with the largest magnitude",
          &TokenProfile::massive_channel_1},
    Field{"massive_channel_2", "", "index of the channel of the state with the second largest magnitude",
          &TokenProfile::massive_channel_2},
    Field{"massive_channel_3", "", "index of the channel of the state with the third largest magnitude",
          &TokenProfile::massive_channel_3},
    Field{"massive_value_1", "", "its value", &TokenProfile::massive_value_1},
    Field{"massive_value_2", "", "its value", &TokenProfile::massive_value_2},
    Field{"massive_value_3", "", "its value", &TokenProfile::massive_value_3},
    Field{"massive_ratio_1", "ratio", "its magnitude / channel_median", &TokenProfile::massive_ratio_1},
    Field{"massive_ratio_2", "ratio", "its magnitude / channel_median", &TokenProfile::massive_ratio_2},
    Field{"massive_ratio_3", "ratio", "its magnitude / channel_median", &TokenProfile::massive_ratio_3},
    Field{"massive_overlap", "channels", "how many of the three are among the primary candidate's three",
          &TokenProfile::massive_overlap},
    Field{"eviction_cost", "value norm squared",
          "sum over far queries of the squared distance that the attention output would move without the token, mean "
          "over "
          "heads; of watched tokens",
          &TokenProfile::eviction_cost},
    Field{"eviction_left_out", "pairs",
          "pairs of head and query that eviction_cost leaves out, as the token has almost all of the attention",
          &TokenProfile::eviction_left_out},
    Field{"far_attention", "queries", "sum over far queries of the attention that the token receives, mean over heads",
          &TokenProfile::far_attention},
    Field{"far_even", "queries", "sum over far queries of 1 / keys that the query sees", &TokenProfile::far_even},
    Field{"far_z", "spreads", "(log far_boost - median of the ordinary tokens beside it) / far_spread",
          &TokenProfile::far_z},
    Field{"far_spread", "nats", "spread of the log far boosts of the ordinary tokens beside it",
          &TokenProfile::far_spread},
    Field{"selection_rate", "share of queries",
          "far queries that selected the token, of those that could; only where a network selects keys",
          &TokenProfile::selection_rate},
};

// What is known of a whole sequence by layer.
inline constexpr std::array kSequenceFields = {
    Field{"ordinary_norm", "", "median norm of ordinary tokens", &SequenceFigures::ordinary_norm},
    Field{"channel_median", "", "median magnitude over the channels of ordinary tokens, every 32nd position",
          &SequenceFigures::channel_median},
    Field{"far_attention", "queries", "far_attention of all tokens together", &SequenceFigures::far_attention},
    Field{"far_even", "queries", "far_even of all tokens together", &SequenceFigures::far_even},
    Field{"learned_share", "share", "share of all attention that learned sink logits take, mean over heads",
          &SequenceFigures::learned_share},
};

// Those that JSON has of the first token, by layer: the sink rates of Gu et al. 2410.10781 are of it.
inline constexpr std::array<std::string_view, 5> kFirstTokenFigures = {"attention_share", "sink_rate_02",
                                                                       "sink_rate_03", "sink_rate_05", "sink_rate_08"};

inline constexpr std::tuple kMassiveFields{
    Field{"channel_1", "", "index of the channel with the largest magnitude", &MassiveFigures::channel_1},
    Field{"channel_2", "", "index of the channel with the second largest magnitude", &MassiveFigures::channel_2},
    Field{"channel_3", "", "index of the channel with the third largest magnitude", &MassiveFigures::channel_3},
    Field{"value_1", "", "its value", &MassiveFigures::value_1},
    Field{"value_2", "", "its value", &MassiveFigures::value_2},
    Field{"value_3", "", "its value", &MassiveFigures::value_3},
    Field{"ratio_1", "ratio", "its magnitude / the median magnitude of ordinary tokens in that layer",
          &MassiveFigures::ratio_1},
    Field{"ratio_2", "ratio", "its magnitude / the median magnitude of ordinary tokens in that layer",
          &MassiveFigures::ratio_2},
    Field{"ratio_3", "ratio", "its magnitude / the median magnitude of ordinary tokens in that layer",
          &MassiveFigures::ratio_3},
    Field{"overlap", "channels", "how many of the three are among the primary's three", &MassiveFigures::overlap},
};

inline constexpr std::tuple kPrimaryFields{
    Field{"set", "positions", "those that share its birth and direction, itself among them", &Primary::set},
    Field{"birth_layer", "layer", "first layer of the stretch in which its direction holds", &Primary::birth_layer},
    Field{"birth_end", "layer", "last layer of that stretch", &Primary::birth_end},
    Field{"active_layers", "layers", "intervals [first, last] with norm ratio >= min_norm_ratio",
          &Primary::active_layers},
    Field{"early_plateau", "layers", "those of them that end before the birth", &Primary::early_plateau},
    Field{"sink_axis_drift", "1 - cosine", "largest distance from the direction in the middle of the stretch",
          &Primary::sink_axis_drift},
    Field{"norm_ratio_median", "ratio", "over its active layers", &Primary::norm_ratio_median},
    Field{"norm_ratio_max", "ratio", "over its active layers", &Primary::norm_ratio_max},
    Field{"score_mean", "probability", "over the blocks that read its active layers", &Primary::score_mean},
    Field{"score_max", "probability", "over the blocks that read its active layers", &Primary::score_max},
    Field{"far_boost_median", "ratio", "over the blocks that read its active layers", &Primary::far_boost_median},
    Field{"far_boost_max", "ratio", "over the blocks that read its active layers", &Primary::far_boost_max},
    Field{"far_z_median", "spreads", "over the blocks that read its active layers", &Primary::far_z_median},
    Field{"value_norm_ratio", "ratio", "value norm / median of ordinary tokens, median over the same blocks",
          &Primary::value_norm_ratio},
    Field{"sink_rate_02", "share of heads",
          "heads whose score is above 0.2, mean over the blocks that read its active layers", &Primary::sink_rate_02},
    Field{"sink_rate_03", "share of heads",
          "heads whose score is above 0.3, mean over the blocks that read its active layers", &Primary::sink_rate_03},
    Field{"sink_rate_05", "share of heads",
          "heads whose score is above 0.5, mean over the blocks that read its active layers", &Primary::sink_rate_05},
    Field{"sink_rate_08", "share of heads",
          "heads whose score is above 0.8, mean over the blocks that read its active layers", &Primary::sink_rate_08},
    Field{"attention_share", "probability",
          "share of all attention of the sequence that the token receives, mean over the blocks that read its active "
          "layers",
          &Primary::attention_share},
    Group{"massive", "", "largest channels in the middle of its longest active interval, an object", "massive_",
          &Primary::massive, kMassiveFields},
    Field{
        "eviction_cost", "value norm squared",
        "how far the attention output would move without the token, median over the blocks that read its active layers",
        &Primary::eviction_cost},
    Field{"eviction_left_out", "pairs", "pairs of head and query that eviction_cost leaves out, most of any block",
          &Primary::eviction_left_out},
    Field{"group", "",
          "of the group that the primary is a member of: its place in groups, then in other_groups, from 0",
          &Primary::group},
    Field{"mean_norm_ratio", "ratio", "over all layers: it has the largest of the positions looked at",
          &Primary::mean_norm_ratio},
    Field{"selection_rate", "share of queries",
          "far queries that selected the token, of those that could, mean over the blocks that read its active layers; "
          "only where a network selects keys",
          &Primary::selection_rate},
};

inline constexpr std::tuple kMarginFields{
    Field{"alignment", "ratio - 1", "smallest alignment / min_alignment - 1", &Margins::alignment},
    Field{"norm_ratio", "ratio - 1", "smallest norm ratio, its own or the primary's, / min_norm_ratio - 1",
          &Margins::norm_ratio},
    Field{"far_boost", "ratio - 1",
          "the largest min_far_boost with which the far boosts alone would pass / min_far_boost - 1",
          &Margins::far_boost},
    Field{"far_z", "ratio - 1", "the largest min_far_z with which the far z alone would pass / min_far_z - 1",
          &Margins::far_z},
    Field{"attention", "ratio - 1",
          "the smaller of both in each block, and of these what enough blocks have: decides on attention evidence",
          &Margins::attention},
    Field{"edge", "ratio - 1", "how far the nearer of the two layers beside the run is from belonging to it",
          &Margins::edge},
};

inline constexpr std::tuple kRunFields{
    Field{"verdict", "", "sink, aligned_only, transient, unscored", &Run::verdict},
    Field{"kind", "", "primary_like, secondary, unaligned; of a run that is no sink, what it would be", &Run::kind},
    Field{"run_index", "", "counts the runs of the position, from 0", &Run::run_index},
    Field{"l_start", "layer", "first layer of the state", &Run::l_start},
    Field{"l_end", "layer", "last layer of the state", &Run::l_end},
    Field{"lifetime", "layers", "how many layers the state lasts", &Run::lifetime},
    Field{"attention_lifetime", "blocks",
          "consecutive measurable blocks with far boost >= min_lifetime_boost, from the first such block that reads "
          "the run; 0: none does",
          &Run::attention_lifetime},
    Field{"censored", "", "true: it ends with the primary or the network, and might have lasted longer",
          &Run::censored},
    Field{"broadcasts", "", "true: its value norm ratio is above drain_value_ratio; false: it drains",
          &Run::broadcasts},
    Field{"alignment_median", "cosine", "over the layers of the run", &Run::alignment_median},
    Field{"centred_alignment_median", "cosine", "over the layers of the run", &Run::centred_alignment_median},
    Field{"read_alignment_median", "cosine", "over the layers of the run", &Run::read_alignment_median},
    Field{"norm_ratio_median", "ratio", "over the layers of the run", &Run::norm_ratio_median},
    Field{"norm_ratio_max", "ratio", "over the layers of the run", &Run::norm_ratio_max},
    Field{"score_mean", "probability", "over the blocks that read the run", &Run::score_mean},
    Field{"score_max", "probability", "over the blocks that read the run", &Run::score_max},
    Field{"far_boost_median", "ratio", "over the blocks that read the run", &Run::far_boost_median},
    Field{"far_boost_max", "ratio", "over the blocks that read the run", &Run::far_boost_max},
    Field{"far_z_median", "spreads", "over the blocks that read the run", &Run::far_z_median},
    Field{"heads_over_10_max", "heads", "most heads at once with far boost >= 10", &Run::heads_over_10_max},
    Field{"logit_gap", "nats", "mean difference of attention logits to the primary, median over the same blocks",
          &Run::logit_gap},
    Field{"value_norm_ratio", "ratio", "value norm / median of ordinary tokens, median over the same blocks",
          &Run::value_norm_ratio},
    Field{"margin", "ratio - 1",
          "the smallest of the margins alignment, norm_ratio, attention; negative: missed by so much", &Run::margin},
    Group{"margins", "ratio - 1", "figure / threshold - 1, an object", "margin_", &Run::margins, kMarginFields},
    Field{"sink_rate_02", "share of heads", "heads whose score is above 0.2, mean over the blocks that read the run",
          &Run::sink_rate_02},
    Field{"sink_rate_03", "share of heads", "heads whose score is above 0.3, mean over the blocks that read the run",
          &Run::sink_rate_03},
    Field{"sink_rate_05", "share of heads", "heads whose score is above 0.5, mean over the blocks that read the run",
          &Run::sink_rate_05},
    Field{"sink_rate_08", "share of heads", "heads whose score is above 0.8, mean over the blocks that read the run",
          &Run::sink_rate_08},
    Field{"attention_share", "probability",
          "share of all attention of the sequence that the token receives, mean over the blocks that read the run",
          &Run::attention_share},
    Group{"massive", "", "largest channels of the state in the layer in the middle of the run, an object", "massive_",
          &Run::massive, kMassiveFields},
    Field{"eviction_cost", "value norm squared",
          "how far the attention output would move without the token, median over the blocks that read the run",
          &Run::eviction_cost},
    Field{"eviction_left_out", "pairs", "pairs of head and query that eviction_cost leaves out, most of any block",
          &Run::eviction_left_out},
    Field{"group", "", "of the group that the run is a member of: its place in groups, then in other_groups, from 0",
          &Run::group},
    Field{
        "selection_rate", "share of queries",
        "far queries that selected the token, of those that could, mean over the blocks that read the run; only where "
        "a network selects keys",
        &Run::selection_rate},
};

inline constexpr std::tuple kGroupFields{
    Field{"members", "", "positions of its tokens", &SinkGroup::members},
    Field{"equal_norms", "", "whether their norms are one too, and not their direction alone", &SinkGroup::equal_norms},
    Field{"kind", "", "primary, where the primary is a member; else primary_like or secondary", &SinkGroup::kind},
    Field{"verdict", "", "sink, aligned_only, transient, unscored: by what the members draw together",
          &SinkGroup::verdict},
    Field{"l_start", "layer", "first layer of the state: median over the members", &SinkGroup::l_start},
    Field{"l_end", "layer", "last layer of the state: median over the members", &SinkGroup::l_end},
    Field{"lifetime", "layers", "how many layers the state lasts", &SinkGroup::lifetime},
    Field{"mass_mean", "share",
          "share of far attention that all members draw together, mean over the blocks that read the state",
          &SinkGroup::mass_mean},
    Field{"mass_max", "share", "the same, largest of any block", &SinkGroup::mass_max},
    Field{"attention_share", "share", "share of all attention of the sequence, near and far, mean over the same blocks",
          &SinkGroup::attention_share},
    Field{"joint_boost_median", "ratio",
          "the members' far attention per even share / that of all other tokens, median over the same blocks",
          &SinkGroup::joint_boost_median},
    Field{"joint_boost_max", "ratio", "the same, largest of any block", &SinkGroup::joint_boost_max},
    Field{"joint_z_median", "spreads",
          "(log of the members' far attention per even share - median of the ordinary tokens beside them) / their "
          "spread, median over the same blocks",
          &SinkGroup::joint_z_median},
    Field{"alignment_median", "cosine", "median over the members of their medians", &SinkGroup::alignment_median},
    Field{"norm_ratio_median", "ratio", "median over the members of their medians", &SinkGroup::norm_ratio_median},
    Field{"margin", "ratio - 1", "as the margin attention of a run, by its joint boosts and joint z",
          &SinkGroup::margin},
};

// Calls visit(field) for each field of a list, in its order.
template <typename... Fields, typename Visit>
constexpr void for_each_field(const std::tuple<Fields...>& fields, Visit&& visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, fields);
}
template <typename Record, typename Value, std::size_t n, typename Visit>
constexpr void for_each_field(const std::array<Field<Record, Value>, n>& fields, Visit&& visit) {
  for (const auto& field : fields) visit(field);
}

// Where a figure of a profile is asked for.
struct ProfilePlace {
  const SequenceMeasurement& measurement;
  std::optional<std::size_t> candidate;  // whom alignments are with
  std::size_t layer, head, token;        // head and token: 0 in arrays that are not by head, or by token
  const FarNeighbours& neighbours;       // of the layer
};

enum class ProfileAxes {
  kToken,      // [n_layers, n_tokens]
  kHeadToken,  // [n_layers, n_heads, n_tokens]
  kLayer,      // [n_layers]
  kHead,       // [n_layers, n_heads]
};
constexpr bool is_by_head(ProfileAxes axes) { return axes == ProfileAxes::kHeadToken || axes == ProfileAxes::kHead; }
constexpr bool is_by_token(ProfileAxes axes) { return axes == ProfileAxes::kToken || axes == ProfileAxes::kHeadToken; }

// An array of the profiles of a sequence, and what it holds: nothing where it is not measured.
struct ProfileField {
  std::string_view name, unit, help;
  ProfileAxes axes;
  std::optional<float> (*figure)(const ProfilePlace&);
};

// In the order of results files. profile_arrays() makes them.
std::span<const ProfileField> profile_fields();

// The arrays of the given fields, by head only where wanted. See profile_arrays in figures.h.
std::vector<ProfileArray> arrays_of(std::span<const ProfileField> fields, const SequenceMeasurement& measurement,
                                    std::optional<int> candidate, bool with_heads);

}  // namespace sinkscope
