#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/statistics/intervals.h"
#include "levels/corpus.h"

namespace sinkscope {

struct LevelOptions {
  int separation = 3;  // centres closer than this in l_start and in l_end are one level
  int min_sinks = 3;   // of a level
  int most_levels = 12;
  int n_bootstraps = 100;       // over documents, for stability
  double min_stability = 0.8;   // fraction of bootstraps that find a level
  int n_rate_resamples = 1000;  // over documents, for the intervals of rates
  int tentative_documents = 5;  // a level in fewer documents is tentative
  int enough_documents = 5;     // of a corpus: with fewer, draws of documents say nothing, and none are made
  std::uint64_t seed = 1;
  int n_threads = 0;  // 0: default_threads(); the report does not depend on it
};

// How often sinks of some sort occur, per 1000 eligible tokens: like is divided by like, so those that stand outside the
// eligible tokens are counted apart.
struct Rate {
  std::int64_t count = 0;      // at eligible positions
  std::int64_t documents = 0;  // that hold one of these at least
  std::int64_t outside = 0;    // at other positions
  std::int64_t total() const { return count + outside; }
  std::int64_t eligible_tokens = 0;
  std::optional<double> per_1000;    // nothing without eligible tokens
  std::optional<Interval> interval;  // 95 %, by bootstrap over enough documents; none found: 0 to 3 / eligible tokens
};

struct Lifetimes {
  int shortest = 0, longest = 0;       // as observed
  int median = 0;                      // Kaplan-Meier, which knows that censored states lasted longer than was seen
  bool median_is_lower_bound = false;  // more than half are censored before: the median of what was observed
  std::int64_t censored = 0;
};

struct TokenCount {
  TokenId token = 0;
  std::int64_t count = 0;
};

// Sinks at the eligible positions in [first, end). Over all bins they are the rate's count.
struct HazardBin {
  int first = 0, end = 0;
  std::int64_t count = 0;
  std::int64_t eligible_tokens = 0;
  std::optional<double> per_1000;
};

// A cluster of (l_start, l_end).
struct Level {
  // Its range of layers, which all outputs show: the centre of its bells. Where the median lifetime of its members is
  // a lower bound, l_end is what that lifetime reaches to, and is one too: the bell would lie anywhere later.
  int l_start = 0, l_end = 0;
  bool l_end_is_lower_bound = false;
  double start_jitter = 0, end_jitter = 0;  // layers, standard deviation of the fitted bell
  std::optional<double> stability;          // fraction of bootstraps over documents that find it; of enough documents
  bool tentative = false;                   // in too few documents to be sure
  Rate rate, prompt_rate, output_rate;
  Lifetimes lifetimes;
  double within_one_frac = 0;                              // members with both layers at most one from the centre
  double start_entropy_bits = 0;                           // of l_start over the members
  std::optional<double> norm_ratio, logit_gap, far_boost;  // medians over the members
  std::vector<TokenCount> tokens;                          // commonest first, at most 10
  std::vector<HazardBin> hazard;                           // by position, bins that double
};

// A cluster that the Bayes criterion wants and the bootstraps do not find often enough.
struct WeakLevel {
  int l_start = 0, l_end = 0;  // as of a level
  bool l_end_is_lower_bound = false;
  std::int64_t count = 0;
  std::int64_t documents = 0;
  double stability = 0;
};

struct LabelledRate {
  std::string name;
  Rate rate;
};

struct LevelReport {
  int n_layers = 0;
  std::int64_t documents = 0;
  std::int64_t documents_without_primary = 0;
  std::int64_t tokens = 0;
  bool enough_documents = false;       // for stability and for intervals of rates
  Rate all;                            // its total: all sinks of the corpus, Detection::n_sinks
  std::int64_t groups = 0, group_tokens = 0;  // of these sinks, such groups, and their tokens
  std::vector<LabelledRate> by_kind;   // those that occur
  std::vector<LabelledRate> by_label;  // of imported records
  double start_entropy_bits = 0;       // of l_start over all sinks
  double within_one_frac = 0;          // sinks within one layer of their level's centre, of all sinks
  std::vector<Level> levels;           // by l_start, then l_end
  std::vector<WeakLevel> weak;
  Rate unassigned;                                // sinks of no level
  std::vector<std::optional<int>> level_of_sink;  // of all sinks, in the order of the corpus: index into levels
};

// The sink levels of a corpus.
//
// A mixture over (l_start, l_end): levels with jitter, censored ends known as "at least so late", and noise. How many
// levels there are is decided by the Bayes criterion, and each must be found again in min_stability of the bootstraps
// over documents. Equal corpora and options give equal reports, in whatever order their documents come.
//
// throws  Error{kInternal} if a sink's layers or position lie outside its model or document, or counts of one sort of
//         sinks differ (sinks by position, by kind, in levels and in none)
// cost    O(n_bootstraps x fits + n_rate_resamples x documents); memory a few words a sink
LevelReport find_levels(const SinkCorpus& corpus, const LevelOptions& options);

}  // namespace sinkscope
