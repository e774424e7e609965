#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/statistics/intervals.h"
#include "impact/ablate.h"

namespace sinkscope {

// What removing does to one quantity, over documents: removed - mean of its placebo draws.
struct AblationEffect {
  EditHow how;
  std::string quantity;                                // "score", "log_odds", "loss", ...
  std::optional<int> block;                            // nothing: the endpoint, or by distance
  std::optional<int> distance;                         // the first of a range: TokenEffect::by_distance
  std::optional<double> removed, placebo, difference;  // means over documents
  std::optional<Interval> interval;                    // 95 %, of the difference
  std::optional<double> p;                             // sign flip
  std::optional<double> q;  // endpoints: Holm over all of a command; blocks: Benjamini-Hochberg over all of an edit
  int n_documents = 0;
};

enum class AblationVerdict : std::uint8_t {
  kNotEnough,
  kNoEffect,
  kCompetitionOnly,
  kBeyondCompetition,
  kSupported,
  kReplaced,
  kUndecided
};
// "not enough", "no effect", "competition only", "weakened beyond competition", "supported by the sinks", "replaced",
// "undecided"
std::string_view name_of(AblationVerdict verdict);

enum class TokenVerdict : std::uint8_t { kNotEnough, kMatters, kNegligible, kHarmless, kUndecided };
// "not enough", "matters", "negligible", "changes but does not hurt", "undecided"
std::string_view name_of(TokenVerdict verdict);

// About the primary, and about tokens, of one way of removing.
struct JudgedEdit {
  EditHow how;
  AblationVerdict verdict = AblationVerdict::kUndecided;
  std::string reason;
  AblationEffect score, log_odds;  // endpoints
  std::optional<TokenVerdict> tokens_verdict;  // nothing: losses were not asked for
  std::string tokens_reason;
  std::optional<AblationEffect> loss, kl;      // endpoints
  int n_documents = 0;
  int n_replaced = 0;                    // documents with new sinks
  std::int64_t n_new_sinks = 0;          // of the runs in which sinks were removed
  std::int64_t n_new_placebo_sinks = 0;  // of all placebo draws
  std::optional<double> replaced_mass;   // mean over documents with new sinks and blocks of the endpoint
};

struct JudgedAblation {
  std::vector<AblationEffect> effects;  // endpoints of each edit, then its blocks
  std::vector<JudgedEdit> verdicts;     // [edits]
};

// The verdict from the two endpoints.
//
//   not enough                   under min_documents
//   no effect                    both intervals wholly within their margins
//   competition only             score above 0, log odds within the margin
//   weakened beyond competition  score above 0, log odds above the margin
//   supported by the sinks       score below 0 and log odds below the margin
//   undecided                    anything else: an interval that merely holds 0 is no evidence for "no"
//
// "Above" and "below": the whole interval, and q at most 0.05. With new sinks in replaced_share of the documents or
// more, every verdict but "weakened beyond competition" and "not enough" is "replaced".
AblationVerdict primary_verdict(const AblationEffect& score, const AblationEffect& log_odds, int n_replaced,
                                const AblateRequest& request);

// The verdict about tokens.
//
//   not enough                under min_documents
//   matters                   loss and kl above the margin
//   negligible                both intervals wholly within it
//   changes but does not hurt kl above it, loss wholly below its upper bound
//   undecided                 anything else
TokenVerdict token_verdict(const AblationEffect& loss, const AblationEffect& kl, const AblateRequest& request);

// Mean over the blocks l_start + 1 .. min(l_end + 1, last) in which the effect is measured, from the first l_start to
// the last l_end of the removed tokens: the endpoint, fixed beforehand.
//
// returns  nothing if it is measured in none
std::optional<double> endpoint_of(const SequenceAblation& ablation, const EditedRun& run, const std::string& quantity);

// cost  n_resamples x (2 endpoints + blocks x 7 quantities) for each edit
JudgedAblation judge_ablation(const Ablation& ablation, const AblateRequest& request);

}  // namespace sinkscope
