#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "impact/token_effect.h"
#include "probe/model.h"
#include "sinks/detection.h"
#include "sinks/direction.h"

namespace sinkscope {

// What is done to the MLP's write of one token in one layer.
struct SteerChange {
  int layer = 0, position = 0;
  std::optional<Direction> direction;  // norm x direction is added; nothing: the write is clipped to that norm
  double norm = 0;
};

// text    "layer=14,position=120,direction=axis,norm=4000"; without a direction: axis
// throws  Error{kUsage} if a key is unknown, missing or twice, or a value is none; as parse_direction
SteerChange steer_add_from(std::string_view text);
// text    "layer=22,position=120,norm=50"
SteerChange steer_clip_from(std::string_view text);

struct SteerRequest {
  std::vector<SteerChange> changes;  // made in this order
  Thresholds thresholds;
  int n_draws = 5;  // of the placebo: the same changes at ordinary tokens
  std::uint64_t seed = 1;
  bool loss = true;
  RunOptions run;
};

inline constexpr int kSteeredBlocks = 4;  // behind a change, in which its effect is looked at

// One changed token in one run.
struct SteeredToken {
  int position = 0;
  int layer = 0;                                // the first in which it is changed
  std::optional<double> alignment, norm_ratio;  // of its state after that layer
  std::vector<std::optional<double>> far_boost;  // in the kSteeredBlocks blocks behind; fewer at the network's end
  // What the rule makes of it: the primary of this run, or of its set; else the first run that is a sink, else the first.
  bool is_primary = false;
  std::optional<Run> run;
};

struct SteeredRun {
  std::vector<SteeredToken> tokens;                  // changed ones, by position
  std::vector<std::optional<double>> primary_score;  // mean A over heads and queries in the blocks of Steering
  std::optional<int> primary;                        // of this run itself
  std::optional<TokenEffect> effect;                 // of predictions from the first changed token on
};

struct Steering {
  int primary = 0;      // of the unedited run: A is of its whole set
  int first_block = 0;  // behind the first changed layer
  int n_queries = 0;    // in that block: those that see the primary and a changed token, both at least min_distance behind
  SteeredRun unedited, steered;
  std::vector<SteeredRun> placebo;  // [draws]
  int n_wanted = 0;                 // draws; fewer are made where there are too few ordinary tokens
  int placebo_distance = 0;         // of a token to the one that it stands for, at most
};

// Changes MLP writes of a text, and looks at what becomes of the tokens, the primary and the predictions.
//
// throws  Error{kInput} if the text has no primary, or lacks the token of a direction token:ID; Error{kUsage} if a layer
//         or position is not there; whatever Model::run throws
// cost    three passes, and one for each draw; with losses a vocabulary product for each
Steering steer(Model& model, const std::vector<TokenId>& tokens, const SteerRequest& request);

}  // namespace sinkscope
