#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "probe/deployment.h"
#include "sinks/figures.h"

namespace sinkscope {

// How much of a document's measurement is kept.
enum class Keep {
  kRuns,      // the figures of all candidate tokens
  kProfiles,  // and the profile arrays, [n_layers, n_tokens] each
  kHeads,     // and those by head, [n_layers, n_heads, n_tokens] each
};
std::string_view name_of(Keep keep);  // "runs", "profiles", "heads"
// throws  Error{kUsage} naming the three
Keep keep_from_name(std::string_view name);

// Everything that decides which numbers are measured. A results file holds documents of one such set only;
// thresholds are no part of it, since rules are applied to the stored figures afterwards.
struct MeasurementOptions {
  int min_distance = 64;
  std::string bos = "auto";  // auto, on, off
  bool special = false;      // control tokens in a text are parsed
  bool chat = false;
  int chunk = 0;  // tokens a chunk; 0: documents are whole
  int n_ubatch = 512;
  // Documents that may share a pack, which decides how micro-batches cut them. With more than one the last digits of a
  // document's figures depend on what it shared a pack with.
  int parallel = 1;
  std::string precision = "native";
  Deployment deployment;
  int short_rope_tokens = 0;  // longer documents run with the long of two sets of RoPE factors; 0: there is one network
  bool final_norm = false;    // the last layer's state is taken after the final norm, as the paper's code does
  CandidateFloor floor;
  Keep keep = Keep::kRuns;
  std::string edits;  // description_of() the run's edits; empty: the network as it is
  // Which rule is applied where nobody asks for another: it changes nothing that is measured.
  std::string rule = "evidence";  // evidence, paper
  int paper_positions = 2;        // of the paper's rule
};

// From which distance on queries are far in a model with a sliding window.
struct FarDistance {
  int min_distance = 0;
  std::string note;  // one sentence where the window has a say; else empty
};
// The distance that was asked for, or the largest at which the window leaves kMinFarQueries far queries to a key. A
// window too small for any stays silent, and the note says so.
//
// sliding_window  as ModelFacts; 0: none
FarDistance far_distance(int asked, int sliding_window);

// An option's name and its value as JSON text; for messages, the results file and JSON, in a fixed order.
using NamedOption = std::pair<std::string, std::string>;
//
// returns  without what is as the model's file says, and without "edits" where there are none
std::vector<NamedOption> named_options(const MeasurementOptions& options);
// throws  Error{kInput} if a name lacks or a value is not of its kind; names that it does not know are ignored
MeasurementOptions options_from_names(std::span<const NamedOption> named);

// The settings that are not llama.cpp's defaults, as NAME=VALUE with commas; empty if there are none.
std::string settings_in_words(const Deployment& deployment);

// An option in which two sets differ, with its values as JSON text.
struct OptionDifference {
  std::string name, expected, got;
};
// "chunk = 512, got 0", with what stands behind an option that nobody gives.
std::string in_words(const OptionDifference& difference);
// returns  nothing if the sets are equal: results of such can stand in one file
std::vector<OptionDifference> option_differences(const MeasurementOptions& expected, const MeasurementOptions& got);

}  // namespace sinkscope
