#include "impact/judge_protection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/index.h"
#include "base/statistics/random.h"
#include "base/words.h"
#include "impact/mean_interval.h"

namespace sinkscope {
namespace {

constexpr std::uint64_t kHalvesStream = 0x68616c766573;  // "halves"

// One set in one document: means over its chunks.
struct DocumentEffect {
  double n_kept = 0, kl = 0, loss = 0;
};
// One cache in one document: by set, where it was measured.
using Document = std::map<KeptSet, DocumentEffect>;

double average_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Documents in which a cache was measured, by their names, so that draws do not depend on how the file lists them.
std::vector<Document> documents_of(const std::vector<SequenceProtection>& sequences, std::size_t cache) {
  std::map<std::string, std::map<KeptSet, std::vector<DocumentEffect>>> chunks;
  for (const SequenceProtection& sequence : sequences) {
    if (sequence.caches[cache].n == 0) continue;
    for (const KeptEffect& effect : sequence.caches[cache].sets) {
      if (effect.kl) chunks[sequence.unit][effect.set].push_back({effect.n_kept, *effect.kl, *effect.loss});
    }
  }
  std::vector<Document> documents;
  for (const auto& [unit, by_set] : chunks) {
    Document& document = documents.emplace_back();
    for (const auto& [set, effects] : by_set) {
      DocumentEffect mean;
      const auto n = static_cast<double>(effects.size());
      for (const DocumentEffect& effect : effects) {
        mean.n_kept += effect.n_kept / n;
        mean.kl += effect.kl / n;
        mean.loss += effect.loss / n;
      }
      document[set] = mean;
    }
  }
  return documents;
}

std::vector<double> values_of(const std::vector<Document>& documents, KeptSet set, double DocumentEffect::*member) {
  std::vector<double> values;
  for (const Document& document : documents) {
    if (const auto found = document.find(set); found != document.end()) values.push_back(found->second.*member);
  }
  return values;
}

// KL of one set minus that of another, in documents that have both.
std::vector<double> differences(const std::vector<Document>& documents, KeptSet set, KeptSet other) {
  std::vector<double> values;
  for (const Document& document : documents) {
    const auto a = document.find(set), b = document.find(other);
    if (a != document.end() && b != document.end()) values.push_back(a->second.kl - b->second.kl);
  }
  return values;
}

std::optional<Estimate> estimate_of(const std::vector<double>& values, const ProtectRequest& request) {
  if (values.empty()) return std::nullopt;
  Estimate estimate{average_of(values), {}};
  if (static_cast<int>(values.size()) >= request.min_documents) {
    estimate.interval = mean_interval(values, request.n_resamples, request.seed);
  }
  return estimate;
}

JudgedSet judge_set(KeptSet set, const std::vector<Document>& documents, const ProtectRequest& request) {
  JudgedSet judged;
  judged.set = set;
  const std::vector<double> kl = values_of(documents, set, &DocumentEffect::kl);
  judged.n_documents = static_cast<int>(kl.size());
  if (kl.empty()) return judged;
  judged.n_kept = average_of(values_of(documents, set, &DocumentEffect::n_kept));
  judged.kl = estimate_of(kl, request);
  judged.loss = average_of(values_of(documents, set, &DocumentEffect::loss));
  judged.to_first_n = estimate_of(differences(documents, set, KeptSet::kFirstN), request);
  judged.to_placebo = estimate_of(differences(documents, set, KeptSet::kPlacebo), request);
  return judged;
}

// A set that may be recommended, by the documents that choose.
struct Candidate {
  KeptSet set;
  double n_kept, kl;
};

// By size, as the sets of one size lie in kKeptSets: only those that were measured in every document.
std::vector<Candidate> candidates_of(const std::vector<Document>& documents) {
  std::vector<Candidate> candidates;
  for (const KeptSet set : kKeptSets) {
    const std::vector<double> kl = values_of(documents, set, &DocumentEffect::kl);
    if (set == KeptSet::kPlacebo || kl.size() != documents.size()) continue;
    candidates.push_back({set, average_of(values_of(documents, set, &DocumentEffect::n_kept)), average_of(kl)});
  }
  std::ranges::stable_sort(candidates, std::ranges::less(), &Candidate::n_kept);
  return candidates;
}

std::string shown(const Estimate& difference) {
  return fmt::format("{} [{}, {}]", signed_fixed(difference.mean, 4), signed_fixed(difference.interval->low, 4),
                     signed_fixed(difference.interval->high, 4));
}

// What the set means in words, for the sentence that recommends it.
std::string advice_for(KeptSet set, double n_kept) {
  switch (set) {
    case KeptSet::kNone:
      return "keep nothing";
    case KeptSet::kPrimary:
      return n_kept == 1 ? "keep the primary alone, no more" : "keep the primary's set, no more";
    case KeptSet::kFirst4:
      return "keep the first four tokens";
    case KeptSet::kFirstN:
      return "keep a prefix as long as the list of sinks";
    case KeptSet::kAttended:
      return "keep the most attended tokens";
    default:
      return "keep the primary and the sinks";
  }
}

void recommend(JudgedCache& judged, const std::vector<Document>& choosing, const ProtectRequest& request) {
  const std::vector<Candidate> candidates = candidates_of(choosing);
  const Candidate& best = *std::ranges::min_element(candidates, std::ranges::less(), &Candidate::kl);
  std::string smaller;
  for (const Candidate& candidate : candidates) {
    const std::optional<Estimate> above = estimate_of(differences(choosing, candidate.set, best.set), request);
    if (above->interval && above->interval->low > 0) {
      smaller = fmt::format("; {} lies {} above it", name_of(candidate.set), shown(*above));
      continue;
    }
    judged.recommended = candidate.set;
    judged.reason = fmt::format("{}: KL {}", advice_for(candidate.set, candidate.n_kept), fixed(candidate.kl, 4));
    judged.reason += candidate.set == best.set
                         ? ", the smallest of all"
                         : fmt::format(", not resolvably above the smallest, {} of {}{}", fixed(best.kl, 4),
                                       name_of(best.set), above->interval ? ": " + shown(*above) : "");
    judged.reason += fmt::format("{}; {} chose", smaller, counted(judged.n_choosing, "document"));
    return;
  }
}

JudgedCache judge_cache(const std::vector<SequenceProtection>& sequences, std::size_t cache,
                        const ProtectRequest& request) {
  JudgedCache judged;
  judged.cache = request.caches[cache];
  std::vector<Document> documents = documents_of(sequences, cache);
  const int n = static_cast<int>(documents.size());
  std::vector<Document> choosing;
  if (n >= 2 * request.min_documents) {
    RandomStream random(request.seed, kHalvesStream);
    random.shuffle(std::span(documents));
    const auto half = documents.begin() + n / 2;
    choosing.assign(documents.begin(), half);
    documents.erase(documents.begin(), half);
  }
  judged.n_choosing = static_cast<int>(choosing.size());
  judged.n_judging = static_cast<int>(documents.size());
  for (const KeptSet set : kKeptSets) judged.sets.push_back(judge_set(set, documents, request));
  if (choosing.empty()) {
    judged.reason = fmt::format("not enough: {}, {} needed", counted(n, "document"), 2 * request.min_documents);
  } else {
    recommend(judged, choosing, request);
  }
  return judged;
}

// The longest prefix that is kept by a set, in most of the sequences that tell of a cache.
int prefix_of(const std::vector<SequenceProtection>& sequences, KeptSet set, std::size_t cache) {
  std::vector<int> lengths;
  for (const SequenceProtection& sequence : sequences) {
    if (sequence.caches[cache].n == 0) continue;
    int n = 0;
    while (n < std::ssize(sequence.primary) && sequence.primary[index(n)] == n) ++n;
    if (set == KeptSet::kNone) n = 0;
    if (set == KeptSet::kFirst4) n = 4;
    if (set == KeptSet::kFirstN) n = static_cast<int>(sequence.positions.size());
    lengths.push_back(n);
  }
  std::ranges::sort(lengths);
  return lengths[(lengths.size() - 1) / 2];
}

std::optional<KeepPrefix> keep_prefix(const std::vector<JudgedCache>& caches,
                                      const std::vector<SequenceProtection>& sequences, bool adds_bos) {
  for (std::size_t c = 0; c < caches.size(); ++c) {
    const JudgedCache& cache = caches[c];
    if (cache.cache.kind != CacheKind::kWindow || !cache.recommended) continue;
    const KeptSet set = *cache.recommended;
    KeepPrefix prefix;
    prefix.window = cache.cache;
    prefix.n_first = prefix_of(sequences, set, c);
    prefix.keep = std::max(0, prefix.n_first - (adds_bos ? 1 : 0));
    if (set == KeptSet::kSinks || set == KeptSet::kAttended) {
      const auto& primary = cache.sets[index(static_cast<int>(KeptSet::kPrimary))].kl;
      const auto& recommended = cache.sets[index(static_cast<int>(set))].kl;
      if (primary && recommended) prefix.lost = primary->mean - recommended->mean;
    }
    return prefix;
  }
  return std::nullopt;
}

}  // namespace

JudgedProtection judge_protection(const std::vector<SequenceProtection>& sequences, const ProtectRequest& request,
                                  bool adds_bos) {
  JudgedProtection judged;
  for (std::size_t cache = 0; cache < request.caches.size(); ++cache) {
    judged.caches.push_back(judge_cache(sequences, cache, request));
  }
  judged.prefix = keep_prefix(judged.caches, sequences, adds_bos);
  return judged;
}

}  // namespace sinkscope
