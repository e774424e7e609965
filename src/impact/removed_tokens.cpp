#include "impact/removed_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/index.h"
#include "probe/change_rows.h"
#include "probe/hide_keys.h"

namespace sinkscope {
namespace {

constexpr std::array<std::string_view, 5> kSelections = {"nonprimary", "secondary", "primary_like", "unaligned",
                                                         "primary"};

bool is_meant(const Run& run, SinkSelection selection) {
  switch (selection) {
    case SinkSelection::kNonprimary:
      return run.kind != SinkKind::kPrimary;
    case SinkSelection::kSecondary:
      return run.kind == SinkKind::kSecondary;
    case SinkSelection::kPrimaryLike:
      return run.kind == SinkKind::kPrimaryLike;
    case SinkSelection::kUnaligned:
      return run.kind == SinkKind::kUnaligned;
    default:
      return false;
  }
}

std::vector<RemovedToken> the_primary(const Primary& primary) {
  const int last = primary.active_layers.empty() ? primary.birth_end : primary.active_layers.back().second;
  std::vector<int> positions = primary.set;
  if (std::ranges::find(positions, primary.position) == positions.end()) positions.push_back(primary.position);
  std::ranges::sort(positions);
  std::vector<RemovedToken> tokens;
  for (const int position : positions) {
    tokens.push_back({position, primary.birth_layer, std::max(last, primary.birth_layer), SinkKind::kPrimary});
  }
  return tokens;
}

}  // namespace

std::string_view name_of(SinkSelection selection) { return kSelections[index(static_cast<int>(selection))]; }

std::optional<SinkSelection> sink_selection_named(const std::string& name) {
  const auto found = std::ranges::find(kSelections, name);
  if (found == kSelections.end()) return std::nullopt;
  return static_cast<SinkSelection>(found - kSelections.begin());
}

std::vector<RemovedToken> selected_sinks(const Detection& detection, SinkSelection selection) {
  if (!detection.primary) return {};
  if (selection == SinkSelection::kPrimary) return the_primary(*detection.primary);
  std::vector<RemovedToken> tokens;
  for (const Run& run : detection.runs) {
    const std::vector<int>& primary = detection.primary->set;
    const bool is_primary =
        run.position == detection.primary->position || std::ranges::find(primary, run.position) != primary.end();
    if (run.verdict != Verdict::kSink || !is_meant(run, selection) || is_primary) continue;
    if (!tokens.empty() && tokens.back().position == run.position) continue;
    tokens.push_back({run.position, run.l_start, run.l_end, run.kind});
  }
  return tokens;
}

std::unique_ptr<Edit> make_edit(const EditHow& how, std::span<const RemovedToken> tokens, const SinkAxes& axes,
                                int n_layers) {
  if (how.hides()) {
    std::vector<HiddenKeys> hidden;
    for (const RemovedToken& token : tokens) {
      if (how.first_block(token.l_start) >= n_layers) continue;
      HiddenKeys keys;
      keys.positions = {token.position};
      keys.first_layer = how.first_block(token.l_start);
      if (how.kind == EditKind::kEvict) keys.min_distance = static_cast<int>(how.number);
      hidden.push_back(std::move(keys));
    }
    return hidden.empty() ? nullptr : std::make_unique<HideKeys>(std::move(hidden));
  }
  std::vector<ChangeRows::Change> changes;
  for (const RemovedToken& token : tokens) {
    const int last = how.layers == EditedLayers::kFirst ? token.l_start : token.l_end;
    for (int layer = token.l_start; layer <= last; ++layer) {
      const RowPlace place{ProbePoint::kMlpWrite, layer, 0, token.position};
      if (how.needs_axis()) {
        const SinkAxis& axis = axes.at(index(layer));
        changes.emplace_back(place, ScaleComponent{axis.direction, how.number, axis.ordinary});
      } else {
        changes.emplace_back(place, ClipNorm{how.number});
      }
    }
  }
  return changes.empty() ? nullptr : std::make_unique<ChangeRows>(std::move(changes));
}

}  // namespace sinkscope
