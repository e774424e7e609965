#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "scan/measurement_options.h"
#include "scan/scanned_document.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// Numbers of an array, and what keeps them alive: as long as a copy of this lives, so do the numbers.
//
// shape  [n_layers, n_tokens] or [n_layers, n_heads, n_tokens]; the last axis is contiguous
// values float32, NaN where not measured
struct ArrayView {
  std::vector<std::size_t> shape;
  std::span<const float> values;
  std::shared_ptr<const void> owner;

  // Of an array by layer and token.
  float at(int layer, int token) const {
    return values[static_cast<std::size_t>(layer) * shape.back() + static_cast<std::size_t>(token)];
  }
  // Of an array by layer, head and token.
  float at(int layer, int head, int token) const {
    return values[(static_cast<std::size_t>(layer) * shape[1] + static_cast<std::size_t>(head)) * shape.back() +
                  static_cast<std::size_t>(token)];
  }
};

// One text as a model saw it. A value that shares its data: copies are cheap, and whatever it returns by reference or
// as a span lives as long as any copy does. It may be read from several threads.
class ScannedText {
 public:
  struct Parts;  // of the library
  explicit ScannedText(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  int n_layers() const { return figures().n_layers; }
  int n_tokens() const { return figures().n_tokens; }
  int prompt_tokens() const { return figures().prompt_tokens; }
  // [n_tokens] as the network read them, with BOS where there is one.
  std::span<const TokenId> tokens() const;
  // What a token stands for, as bytes: perhaps part of a character. Control tokens by their name.
  //
  // throws  Error{kUsage} if there is no such position
  const std::string& token_bytes(int position) const;
  // The name that the text was given.
  const std::string& name() const;

  // Figures of the first positions and of all tokens that a rule may ask about.
  const SequenceFigures& figures() const;
  // What was found, under the thresholds that were asked for.
  const Detection& detection() const;
  const std::optional<Primary>& primary() const { return detection().primary; }
  // The runs of layers that are sinks, by position; the primary's own runs are among them.
  std::vector<Run> sinks() const;
  // The same text under other thresholds, without the model.
  //
  // throws  Error{kUsage} if tokens were kept by a stricter floor than the thresholds ask for; says which
  ScannedText under(const Thresholds& thresholds) const;

  // Names of the arrays that were kept: "hidden_norm", "alignment", "sink_score", "far_boost", ...; with Keep::kHeads
  // "sink_score_by_head" and "far_boost_by_head" too. sinks/figures.h lists them.
  std::vector<std::string> array_names() const;
  // throws  Error{kUsage} with the names that there are; Error{kInput} if a results file is damaged
  // cost    none for a text that was scanned; reads a text of a results file, and its numbers are those of the file,
  //         which are exact to 2^-11 of each row's largest
  ArrayView array(std::string_view name) const;

  // Which tokens are of some sort, [n_tokens], 1 or 0:
  //
  //   "sinks"      the primary with its set, every token of a run that is a sink, every member of a group that is one
  //   "primary"    the primary with its set
  //   "primary_like", "secondary", "unaligned"   tokens of runs that are sinks of this kind, members of such groups
  //   "eligible"   tokens that could be a sink beside the primary: those that rates are rates of
  //
  // throws  Error{kUsage} for another name
  std::vector<std::uint8_t> mask(std::string_view what) const;

  // What is to be known before the figures are trusted, a sentence each: of the model and of the scan, as the program's JSON
  // has it (`model.notes`), then of this text, as the program says on standard error.
  std::vector<std::string> notes() const;

  const MeasurementOptions& measured_by() const;
  const Thresholds& judged_by() const;
  const Parts& parts() const { return *parts_; }

 private:
  std::shared_ptr<const Parts> parts_;
};

}  // namespace sinkscope
