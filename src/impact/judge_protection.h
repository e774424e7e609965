#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/statistics/intervals.h"
#include "impact/protect.h"

namespace sinkscope {

// A mean over documents, and of its difference to something else.
struct Estimate {
  double mean = 0;
  std::optional<Interval> interval;  // 95 %; nothing of too few documents
};

struct JudgedSet {
  KeptSet set = KeptSet::kNone;
  int n_documents = 0;             // in which it was measured
  std::optional<double> n_kept;    // mean tokens
  std::optional<Estimate> kl;      // in nats
  std::optional<double> loss;
  std::optional<Estimate> to_first_n, to_placebo;  // KL of this minus that of first n, or of the placebo
};

struct JudgedCache {
  CacheForm cache;
  int n_choosing = 0;               // documents that chose
  int n_judging = 0;                // documents of the figures: others; all, where there are too few to choose
  std::vector<JudgedSet> sets;      // as kKeptSets
  std::optional<KeptSet> recommended;
  std::string reason;
};

// llama.cpp's --keep, which keeps a prefix of a context that is shifted.
struct KeepPrefix {
  CacheForm window;
  int n_first = 0;             // tokens of the text's beginning that are kept
  int keep = 0;                // the number for --keep: without BOS, where the vocabulary adds one
  std::optional<double> lost;  // nats of KL that a prefix gives away against what is recommended; nothing: none
};

struct JudgedProtection {
  std::vector<JudgedCache> caches;  // of the request
  std::optional<KeepPrefix> prefix;  // of the first window with a recommendation
};

// Half of the documents, drawn by the seed, choose; the other half give the figures. Recommended is the smallest set
// whose KL does not lie resolvably above the best one's: the interval of the difference over the choosing documents holds
// 0 or less. Of equally small ones the first of kKeptSets. The placebo is never recommended.
//
// The unit is the document: its chunks' mean.
JudgedProtection judge_protection(const std::vector<SequenceProtection>& sequences, const ProtectRequest& request,
                                  bool adds_bos);

}  // namespace sinkscope
