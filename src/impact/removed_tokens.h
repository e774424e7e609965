#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "impact/edit_how.h"
#include "impact/sink_axes.h"
#include "probe/edit.h"
#include "sinks/detection.h"

namespace sinkscope {

// A token whose sink is taken away.
struct RemovedToken {
  int position = 0;
  int l_start = 0, l_end = 0;
  std::optional<SinkKind> kind;  // nothing: named by the user, or of a placebo
};

// Which sinks of a sequence are removed.
enum class SinkSelection : std::uint8_t { kNonprimary, kSecondary, kPrimaryLike, kUnaligned, kPrimary };
std::string_view name_of(SinkSelection selection);  // "nonprimary", "secondary", ...
// returns  nothing for any other word
std::optional<SinkSelection> sink_selection_named(const std::string& name);

// Sinks that a selection means, by position. Of several runs of one position the first that reads as a sink. The
// primary: its whole set, from its birth to the end of its last active layers.
std::vector<RemovedToken> selected_sinks(const Detection& detection, SinkSelection selection);

// The edit that takes all the tokens out of the first sequence of a pack.
//
// axes    of the layers whose writes are edited, where how.needs_axis()
// returns null if nothing is to be edited: every token's first block lies behind the network
std::unique_ptr<Edit> make_edit(const EditHow& how, std::span<const RemovedToken> tokens, const SinkAxes& axes,
                                int n_layers);

}  // namespace sinkscope
