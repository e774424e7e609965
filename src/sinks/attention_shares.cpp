#include "sinks/attention_shares.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

// Adds the shares of tokens, each once in a block.
class Sums {
 public:
  explicit Sums(const SequenceFigures& figures) : figures_(figures) {
    for (std::vector<double>& sums : sums_) sums.assign(n_layers(), 0);
    measured_.assign(n_layers(), 1);
    counted_.assign(static_cast<std::size_t>(figures.n_tokens), {});
  }

  void add(const ReadSpan& span) {
    const TokenProfile* token = profile_of(figures_, span.position);
    if (token == nullptr) throw Error(ErrorCode::kInternal, "attention shares: the figures of a sink were not kept");
    std::vector<bool>& counted = counted_[static_cast<std::size_t>(span.position)];
    counted.resize(n_layers());
    for (auto block = static_cast<std::size_t>(span.first); block <= static_cast<std::size_t>(span.last); ++block) {
      if (counted[block]) continue;
      counted[block] = true;
      if (const auto share = token->attention_share[block]) {
        sums_[static_cast<std::size_t>(span.kind)][block] += *share;
      } else {
        measured_[block] = 0;
      }
    }
  }

  AttentionShares finish(bool any_token) const {
    AttentionShares shares;
    for (std::size_t kind = 0; kind < kSinkKinds; ++kind) shares.by_kind[kind].resize(n_layers());
    shares.learned.resize(n_layers());
    shares.other.resize(n_layers());
    for (std::size_t block = 0; any_token && block < n_layers(); ++block) {
      if (measured_[block] == 0) continue;
      const float learned = figures_.learned_share[block].value_or(0);
      shares.learned[block] = learned;
      double rest = 1.0 - static_cast<double>(learned);
      for (std::size_t kind = 0; kind < kSinkKinds; ++kind) {
        shares.by_kind[kind][block] = static_cast<float>(sums_[kind][block]);
        rest -= sums_[kind][block];
      }
      shares.other[block] = static_cast<float>(std::max(rest, 0.0));
    }
    return shares;
  }

 private:
  std::size_t n_layers() const { return static_cast<std::size_t>(figures_.n_layers); }

  const SequenceFigures& figures_;
  std::array<std::vector<double>, kSinkKinds> sums_;
  std::vector<char> measured_;
  std::vector<std::vector<bool>> counted_;  // [n_tokens] of [n_layers], empty for a token that is no sink
};

}  // namespace

LayerFigures AttentionShares::sinks() const {
  LayerFigures all(other.size());
  for (std::size_t block = 0; block < all.size(); ++block) {
    if (!other[block]) continue;
    all[block] = 0.0F;
    for (const SinkKind kind : {SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned}) {
      *all[block] += of(kind)[block].value_or(0);
    }
  }
  return all;
}

std::vector<ReadSpan> read_spans(int n_layers, const Detection& detection) {
  std::vector<ReadSpan> spans;
  if (detection.primary) {
    for (const int position : detection.primary->set) spans.push_back({position, SinkKind::kPrimary, 0, n_layers - 1});
  }
  for (const Run& run : detection.runs) {
    const bool by_itself = run.verdict == Verdict::kSink;
    if (!by_itself && !detection.in_sink_group(run)) continue;
    const SinkKind kind = by_itself ? run.kind : detection.groups[index(*run.group)].kind;
    const int last = std::min(run.l_end + 1, n_layers - 1);
    if (run.l_start + 1 <= last) spans.push_back({run.position, kind, run.l_start + 1, last});
  }
  return spans;
}

AttentionShares attention_shares(const SequenceFigures& figures, const Detection& detection) {
  Sums sums(figures);
  for (const ReadSpan& span : read_spans(figures.n_layers, detection)) sums.add(span);
  return sums.finish(detection.primary.has_value());
}

}  // namespace sinkscope
