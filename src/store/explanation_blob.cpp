#include "store/explanation_blob.h"

#include <algorithm>
#include <cstdint>

#include "store/archive.h"
#include "store/record_bytes.h"

namespace sinkscope {

template <>
inline constexpr PartKind kLastOf<PartKind> = PartKind::kMlp;
template <>
inline constexpr EndCause kLastOf<EndCause> = EndCause::kRemoved;

// The lists of members. Of a run that which tells it apart is stored: the rest follows from the figures.

template <typename Archive, RecordOf<PartName> T>
void members(Archive& a, T& x) {
  a(x.kind, x.layer);
}
template <typename Archive, RecordOf<PartHeights> T>
void members(Archive& a, T& x) {
  a(x.embedding, x.attention, x.mlp);
}
template <typename Archive, RecordOf<LargestPart> T>
void members(Archive& a, T& x) {
  a(x.part, x.share, x.excess);
}
template <typename Archive, RecordOf<PartExcess> T>
void members(Archive& a, T& x) {
  a(x.layer, x.total, x.control_total, x.excess, x.sum, x.cancellation, x.mlp_share, x.parts_for_80, x.largest, x.cos,
    x.excess_cos, x.rank_p);
}
template <typename Archive, RecordOf<Controls> T>
void members(Archive& a, T& x) {
  a(x.same_token, x.positions, x.n_eligible);
}
template <typename Archive, RecordOf<Neuron> T>
void members(Archive& a, T& x) {
  a(x.neuron, x.expert, x.share, x.height, x.control_height, x.primary_height, x.down_cos);
}
template <typename Archive, RecordOf<NeuronShares> T>
void members(Archive& a, T& x) {
  a(x.layer, x.sum, x.for_half, x.list);
}
template <typename Archive, RecordOf<LikePrimary> T>
void members(Archive& a, T& x) {
  a(x.layer, x.mlp_input, x.gate, x.up, x.neurons, x.write);
}
template <typename Archive, RecordOf<RunEnd> T>
void members(Archive& a, T& x) {
  a(x.cause, x.height_kept, x.primary_height_kept, x.diluted_l_end);
}
template <typename Archive, RecordOf<EditOutcome> T>
void members(Archive& a, T& x) {
  a(x.far_boost, x.kept, x.run, x.removed);
}
template <typename Archive, RecordOf<LayerEdit> T>
void members(Archive& a, T& x) {
  a(x.layer, x.placebo, x.excess, x.tokens_run, x.far_boost_before, x.axis, x.rest);
}
template <typename Archive, RecordOf<TogetherEdit> T>
void members(Archive& a, T& x) {
  a(x.layers, x.far_boost_before, x.outcome);
}
template <typename Archive, RecordOf<Run> T>
void members(Archive& a, T& x) {
  a(x.position, x.run_index, x.kind, x.l_start, x.l_end);
}
template <typename Archive, RecordOf<RunExplanation> T>
void members(Archive& a, T& x) {
  a(x.run, x.token, x.l_peak, x.norm_ratio, x.peak_norm_ratio, x.read_alignment, x.controls, x.state_axis,
    x.attention_axis, x.mlp_axis, x.mlp_norm_ratio, x.mlp_cos, x.control_state_axis, x.control_attention_axis,
    x.control_mlp_axis, x.control_mlp, x.logit_gap, x.far_boost, x.far_score, x.start, x.peak, x.start_read, x.formed,
    x.neurons, x.like_primary, x.end, x.edits, x.together, x.cannot_be_edited);
}
template <typename Archive, RecordOf<PrimaryExplanation> T>
void members(Archive& a, T& x) {
  a(x.position, x.birth_layer, x.norm_ratio, x.mlp_axis, x.attention_axis, x.axis_cosine, x.far_score, x.far_boost,
    x.heads_over_03, x.value_norm_ratio);
}
template <typename Archive, RecordOf<OrdinaryHeights> T>
void members(Archive& a, T& x) {
  a(x.n, x.norm, x.state_axis_p50, x.mlp_axis_p50, x.mlp_axis_p99, x.attention_axis_p50, x.attention_axis_p99);
}
template <typename Archive, RecordOf<FormationNull> T>
void members(Archive& a, T& x) {
  a(x.n_pretended, x.pretended_formed, x.n_permuted, x.permuted_formed, x.pretended_excess, x.permuted_excess);
}
template <typename Archive, RecordOf<SequenceExplanation> T>
void members(Archive& a, T& x) {
  a(x.n_tokens, x.primary, x.ordinary, x.sees_all, x.runs, x.null, x.n_unaligned, x.neurons_lacking, x.writes_lacking);
}

template <typename Archive, RecordOf<MappedDirection> T>
void members(Archive& a, T& x) {
  a(x.variance, x.norm_ratio, x.cos, x.cos_primary_write);
}
template <typename Archive, RecordOf<NullDirections> T>
void members(Archive& a, T& x) {
  a(x.n, x.hits_frac, x.both_signs_frac, x.cos_p50, x.norm_ratio_p50, x.norm_ratio_p99);
}
template <typename Archive, RecordOf<MapPath> T>
void members(Archive& a, T& x) {
  a(x.lambda, x.norm_ratio, x.cos, x.half_at);
}
template <typename Archive, RecordOf<MappedInputs> T>
void members(Archive& a, T& x) {
  a(x.sink_height_p50, x.sink_height_min, x.ordinary_height_p99, x.ordinary_height_max, x.ordinary_cos_over_98_frac);
}
template <typename Archive, RecordOf<Discrimination> T>
void members(Archive& a, T& x) {
  a(x.auc, x.null_p50, x.null_p95, x.p);
}
template <typename Archive, RecordOf<MapDecision> T>
void members(Archive& a, T& x) {
  a(x.n_sets, x.n_sequences, x.state, x.attention_write, x.mlp_input, x.mlp_write);
}
template <typename Archive, RecordOf<LayerMap> T>
void members(Archive& a, T& x) {
  a(x.kind, x.layer, x.n_sinks, x.n_sequences, x.n_controls, x.n_ordinary, x.input_norm_median, x.scales, x.directions,
    x.hits_unit, x.hits_typical, x.both_signs_unit, x.both_signs_typical, x.isotropic_unit, x.isotropic_typical,
    x.differences_unit, x.differences_typical, x.path, x.inputs, x.sink_projections, x.control_projections, x.decision);
}

namespace {

constexpr std::uint32_t kSequenceMagic = 0x50584553;  // "SEXP"
constexpr std::uint32_t kMapMagic = 0x50414D53;       // "SMAP"
constexpr std::uint16_t kExplanationVersion = 1;

// What readers rely on beyond what every list says of itself.
class ExplanationCheck {
 public:
  ExplanationCheck(const ByteReader& bytes, std::size_t n_layers) : bytes_(bytes), n_layers_(n_layers) {}

  void sequence(const SequenceExplanation& x) const {
    require(x.sees_all.size() == n_layers_, "it is of another number of layers");
    require(x.primary.position >= 0 && x.primary.position < x.n_tokens, "its primary lies outside the text");
    by_layer(x.primary.norm_ratio, x.primary.far_score, x.primary.far_boost, x.primary.heads_over_03,
             x.primary.value_norm_ratio, x.primary.axis_cosine);
    by_layer_or_empty(x.primary.mlp_axis, x.primary.attention_axis, x.ordinary.norm, x.ordinary.state_axis_p50,
                      x.ordinary.mlp_axis_p50, x.ordinary.mlp_axis_p99, x.ordinary.attention_axis_p50,
                      x.ordinary.attention_axis_p99);
    for (const RunExplanation& one : x.runs) run(one, x.n_tokens);
  }

  void map(const LayerMap& x) const {
    require(is_layer(x.layer), "its layer is not of this model");
    for (const MappedDirection& direction : x.directions) {
      require(direction.norm_ratio.size() == x.scales.size() && direction.cos.size() == x.scales.size() &&
                  direction.cos_primary_write.size() == x.scales.size(),
              "a direction is of other scales");
    }
    require(x.path.norm_ratio.size() == x.path.lambda.size() && x.path.cos.size() == x.path.lambda.size(),
            "its path contradicts itself");
    require(x.sink_projections.cols() == x.control_projections.cols(), "its projections contradict each other");
  }

 private:
  void run(const RunExplanation& x, int n_tokens) const {
    require(x.run.position >= 0 && x.run.position < n_tokens, "a run lies outside the text");
    require(is_layer(x.run.l_start) && is_layer(x.run.l_end) && x.run.l_start <= x.run.l_end && is_layer(x.l_peak),
            "a run has layers that are not of this model");
    by_layer(x.state_axis, x.attention_axis, x.mlp_axis, x.mlp_norm_ratio, x.mlp_cos);
    by_layer_or_empty(x.control_state_axis, x.control_attention_axis, x.control_mlp_axis, x.logit_gap, x.far_boost,
                      x.far_score);
    const auto& controls = x.controls.positions;
    require(
        std::ranges::is_sorted(controls) && (controls.empty() || (controls.front() >= 0 && controls.back() < n_tokens)),
        "a control lies outside the text");
    require(x.control_mlp.rows() == controls.size() && (controls.empty() || x.control_mlp.cols() == n_layers_),
            "a run's controls contradict each other");
    for (const auto* parts : {&x.start, &x.peak, &x.start_read}) {
      if (!*parts) continue;
      const PartExcess& excess = **parts;
      require(is_layer(excess.layer), "parts are of a layer that is not of this model");
      const std::size_t n = static_cast<std::size_t>(excess.layer) + 1;
      require(excess.excess.attention.size() == n && excess.excess.mlp.size() == n && !excess.largest.empty(),
              "parts contradict each other");
    }
    for (const LayerEdit& edit : x.edits) require(is_layer(edit.layer), "an edit is of no layer of this model");
  }
  bool is_layer(int layer) const { return layer >= 0 && static_cast<std::size_t>(layer) < n_layers_; }
  void require(bool holds, const char* what) const {
    if (!holds) bytes_.fail(what);
  }
  template <typename... Lists>
  void by_layer(const Lists&... lists) const {
    require(((lists.size() == n_layers_) && ...), "it is of another number of layers");
  }
  template <typename... Lists>
  void by_layer_or_empty(const Lists&... lists) const {
    require(((lists.empty() || lists.size() == n_layers_) && ...), "it is of another number of layers");
  }

  const ByteReader& bytes_;
  std::size_t n_layers_;
};

}  // namespace

std::vector<std::byte> encode_explanation(const SequenceExplanation& explanation) {
  return encode_record(kSequenceMagic, kExplanationVersion, explanation);
}

std::vector<std::byte> encode_map(const LayerMap& map) { return encode_record(kMapMagic, kExplanationVersion, map); }

SequenceExplanation decode_explanation(std::span<const std::byte> bytes, std::size_t n_layers,
                                       const std::string& what) {
  SequenceExplanation explanation = decode_record<SequenceExplanation>(bytes, kSequenceMagic, kExplanationVersion, what);
  ExplanationCheck(ByteReader(bytes, what), n_layers).sequence(explanation);
  for (RunExplanation& run : explanation.runs) run.run.verdict = Verdict::kSink;
  return explanation;
}

LayerMap decode_map(std::span<const std::byte> bytes, std::size_t n_layers, const std::string& what) {
  LayerMap map = decode_record<LayerMap>(bytes, kMapMagic, kExplanationVersion, what);
  ExplanationCheck(ByteReader(bytes, what), n_layers).map(map);
  return map;
}

}  // namespace sinkscope
