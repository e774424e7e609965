#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "impact/attention_recorder.h"

namespace sinkscope {

inline constexpr int kMinEffectQueries = 64;         // of a block, below which nothing is said
inline constexpr double kMostMass = 0.9999;          // of removed keys, or they and the primary: logs say nothing
inline constexpr double kPrimaryHeadAttention = 0.1;  // mean attention on the primary of a primary head

// Of one head and query: A = attention on the primary's set, m = on removed keys, x = log of the sum of exp(logit) over
// the primary's set, Z = normaliser. Means over heads and queries.
struct PrimaryFigures {
  double score = 0;  // A
  std::optional<double> log_a, logit, log_z, log_odds;  // log A = x - log Z; log A - log(1 - A - m)
  double removed_mass = 0;                              // m
};

// Changes of logs, edited - unedited; log_a = own_logit + competition + other_keys. Pairs of head and query that say
// nothing by logs are left out.
struct LogChanges {
  double log_a = 0;
  double own_logit = 0;          // x
  double competition = 0;        // log(1 - m)
  double other_keys = 0;         // - log(Z (1 - m))
  double log_odds = 0;           // log A - log(1 - A - m); 0 where only the removed keys' mass changed
  double competition_score = 0;  // A (1 - m edited) / (1 - m) - A: what renormalising alone gives
};

struct BlockEffect {
  double score = 0;                 // change of A
  std::optional<LogChanges> logs;   // nothing if every pair is left out
  double removed_mass = 0;          // change of m
  std::optional<double> replaced_mass;  // attention on tokens that became sinks; nothing if none did
  std::int64_t left_out = 0;        // pairs of head and query
  int n_primary_heads = 0;          // heads whose mean A is 0.1 or more, before or after
  std::optional<double> primary_heads_score;  // means over them
  std::optional<LogChanges> primary_heads;
  std::vector<double> score_by_head;
};

// base  of at least one query
// group whose keys are the removed ones
PrimaryFigures primary_figures(const BlockRecord& base, std::size_t group);

// What an edit did, by the same heads and queries of two runs.
//
// edited  its first group are the same removed keys
// throws  Error{kInternal} if the records are of other heads or queries
BlockEffect block_effect(const BlockRecord& base, std::size_t group, const BlockRecord& edited);

// Mean over heads and queries of the attention on a group.
double mean_mass(const BlockRecord& record, std::size_t group);

}  // namespace sinkscope
