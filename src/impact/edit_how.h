#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// How a sink is taken out of a run. s: its token; l_start, l_end: the layers of its state.
//
//   knockout   in blocks after l_start, queries after s do not see its key
//   evict:D    in every block, queries at least D positions after s do not see it: what a cache that drops s does.
//              Positions of the others stay
//   unwrite    the MLP's write w at s becomes w + (m - w.u) u; u: direction of the primary's state in that layer of the
//              unedited run, m: median of w.u over ordinary tokens
//   scale:F    w + (1 - F)(m - w.u) u; 1 changes no bit, 0 is unwrite
//   clip:NORM  w times min(1, NORM / |w|)
enum class EditKind : std::uint8_t { kKnockout, kEvict, kUnwrite, kScale, kClip };

// Layers whose write is edited.
enum class EditedLayers : std::uint8_t { kRun, kFirst };  // l_start to l_end; l_start alone

struct EditHow {
  EditKind kind = EditKind::kKnockout;
  double number = 0;  // D, F or NORM; unwrite: 0, as scale's F
  EditedLayers layers = EditedLayers::kRun;

  bool hides() const { return kind == EditKind::kKnockout || kind == EditKind::kEvict; }
  // Whether a write's component along the sink axis is edited.
  bool needs_axis() const { return kind == EditKind::kUnwrite || kind == EditKind::kScale; }
  // The first block in which a removed token's edit is in force, by its l_start.
  int first_block(int l_start) const { return kind == EditKind::kEvict ? 0 : l_start + 1; }
  bool operator==(const EditHow&) const = default;
};

// As the command line has it.
//
// word    "knockout", "evict", "evict:64", "unwrite", "scale:0.5", "clip:50"
// layers  nothing: all of the run, for clip the first alone
// throws  Error{kUsage} for anything else, and a number that cannot be
EditHow edit_how_from(const std::string& word, std::optional<EditedLayers> layers = std::nullopt);
// The same of several words.
//
// throws  Error{kUsage} also if one comes twice
std::vector<EditHow> edits_from(std::span<const std::string> words, std::optional<EditedLayers> layers = std::nullopt);
// The word, with its number: "evict:64".
std::string word_of(const EditHow& how);
// "blocks" of edits that hide keys; of others whose layers' writes they change: "run", "first".
std::string_view layers_word_of(const EditHow& how);

}  // namespace sinkscope
