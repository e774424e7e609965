#include "store/ablation_blob.h"

#include <cstdint>

#include "store/archive.h"
#include "store/record_bytes.h"

namespace sinkscope {

// The lists of members.

template <typename Archive, RecordOf<RemovedToken> T>
void members(Archive& a, T& x) {
  a(x.position, x.l_start, x.l_end, x.kind);
}
template <typename Archive, RecordOf<Placebo> T>
void members(Archive& a, T& x) {
  a(x.draws, x.n_wanted, x.max_distance);
}
template <typename Archive, RecordOf<LogChanges> T>
void members(Archive& a, T& x) {
  a(x.log_a, x.own_logit, x.competition, x.other_keys, x.log_odds, x.competition_score);
}
template <typename Archive, RecordOf<BlockEffect> T>
void members(Archive& a, T& x) {
  a(x.score, x.logs, x.removed_mass, x.replaced_mass, x.left_out, x.n_primary_heads, x.primary_heads_score,
    x.primary_heads, x.score_by_head);
}
template <typename Archive, RecordOf<PrimaryFigures> T>
void members(Archive& a, T& x) {
  a(x.score, x.log_a, x.logit, x.log_z, x.log_odds, x.removed_mass);
}
template <typename Archive, RecordOf<BlockBase> T>
void members(Archive& a, T& x) {
  a(x.n_queries, x.figures);
}
template <typename Archive, RecordOf<EditedDetection> T>
void members(Archive& a, T& x) {
  a(x.primary, x.new_sinks, x.lost_sinks);
}
template <typename Archive, RecordOf<DistanceEffect> T>
void members(Archive& a, T& x) {
  a(x.first, x.last, x.n, x.loss, x.kl);
}
template <typename Archive, RecordOf<TokenEffect> T>
void members(Archive& a, T& x) {
  a(x.n, x.loss_base, x.loss, x.kl, x.by_distance);
}
template <typename Archive, RecordOf<StateChange> T>
void members(Archive& a, T& x) {
  a(x.norm, x.cosine);
}
template <typename Archive, RecordOf<Downstream> T>
void members(Archive& a, T& x) {
  a(x.n, x.layers);
}
template <typename Archive, RecordOf<EditedRun> T>
void members(Archive& a, T& x) {
  a(x.detection, x.blocks, x.tokens, x.downstream);
}
template <typename Archive, RecordOf<SequenceAblation> T>
void members(Archive& a, T& x) {
  a(x.n_tokens, x.primary, x.removed, x.placebo, x.base, x.edited, x.placebo_runs);
}

namespace {

constexpr std::uint32_t kAblationMagic = 0x424C4241;  // "ABLB"
constexpr std::uint16_t kAblationVersion = 2;

void check(const SequenceAblation& ablation, std::size_t n_layers, const ByteReader& bytes) {
  const auto check_run = [&](const EditedRun& run) {
    if (run.blocks.size() != n_layers) bytes.fail("it has blocks of another model");
    if (run.tokens && run.tokens->by_distance.size() != kDistanceRanges) bytes.fail("its tokens are at other distances");
    if (run.downstream.has_value() != run.tokens.has_value()) bytes.fail("it has one of losses and later states");
    if (run.downstream && run.downstream->layers.size() != (run.downstream->n > 0 ? n_layers : 0)) {
      bytes.fail("its later states are of another model");
    }
    for (std::size_t b = 0; b < n_layers; ++b) {
      if (run.blocks[b] && !ablation.base[b].figures) bytes.fail("an effect has no unedited figures");
    }
  };
  const auto check_tokens = [&](const std::vector<RemovedToken>& tokens) {
    if (tokens.size() != ablation.removed.size()) bytes.fail("a draw is of other tokens than were removed");
    for (const RemovedToken& token : tokens) {
      const bool is_there = token.position >= 0 && token.position < ablation.n_tokens && token.l_start >= 0 &&
                            token.l_start <= token.l_end && token.l_end < static_cast<int>(n_layers);
      if (!is_there) bytes.fail("a removed token is not in the text or the network");
    }
  };
  if (ablation.removed.empty()) bytes.fail("nothing was removed");
  if (ablation.base.size() != n_layers) bytes.fail("it has blocks of another model");
  if (ablation.placebo_runs.size() != ablation.placebo.draws.size()) bytes.fail("a draw has no run");
  check_tokens(ablation.removed);
  check_run(ablation.edited);
  for (const std::vector<RemovedToken>& draw : ablation.placebo.draws) check_tokens(draw);
  for (const EditedRun& run : ablation.placebo_runs) {
    check_run(run);
    if (run.tokens.has_value() != ablation.edited.tokens.has_value()) bytes.fail("some runs have losses, others not");
  }
}

}  // namespace

std::vector<std::byte> encode_ablation(const SequenceAblation& ablation) {
  return encode_record(kAblationMagic, kAblationVersion, ablation);
}

SequenceAblation decode_ablation(std::span<const std::byte> bytes, std::size_t n_layers, const std::string& what) {
  auto ablation = decode_record<SequenceAblation>(bytes, kAblationMagic, kAblationVersion, what);
  check(ablation, n_layers, ByteReader(bytes, what));
  return ablation;
}

}  // namespace sinkscope
