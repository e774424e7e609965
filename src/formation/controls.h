#pragma once

#include <span>
#include <vector>

#include "base/ids.h"
#include "formation/explain_options.h"
#include "sinks/detection.h"

namespace sinkscope {

// The tokens with which a sink is compared.
struct Controls {
  bool same_token = true;      // false: of any token, as too few eligible ones have the sink's
  std::vector<int> positions;  // ascending
  int n_eligible = 0;
};

// Tokens that a run may be compared with, among the first n_tokens of a text, which may have more: at position >= first_ordinary,
// behind the primary and not of its set, no sink in any layer, no run whose layers overlap [l_start, l_end].
//
// returns  ascending
// cost     O(n_tokens + runs)
std::vector<int> eligible_tokens(int n_tokens, const Detection& detection, int l_start, int l_end,
                                 const ExplainOptions& options);

// Tokens at position >= first_ordinary and behind the primary that are in no run at all, among the first n_tokens.
std::vector<int> tokens_in_no_run(int n_tokens, const Detection& detection, const ExplainOptions& options);

// The nearest eligible tokens, by (distance, then the earlier), with the token id of `position`; under min_same_token
// such, of any token.
//
// tokens    [n_tokens]
// eligible  ascending; `position` itself is passed over
Controls choose_controls(std::span<const TokenId> tokens, std::span<const int> eligible, int position,
                         const ExplainOptions& options);

}  // namespace sinkscope
