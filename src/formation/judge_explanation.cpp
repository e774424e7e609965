#include "formation/judge_explanation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/index.h"
#include "base/statistics/document_draws.h"
#include "formation/claim_cases.h"
#include "formation/explain_sequence.h"

namespace sinkscope {
namespace {

FormationNull sum_of_nulls(const std::vector<SequenceExplanation>& sequences) {
  FormationNull sum;
  for (const SequenceExplanation& sequence : sequences) {
    sum.n_pretended += sequence.null.n_pretended;
    sum.pretended_formed += sequence.null.pretended_formed;
    sum.n_permuted += sequence.null.n_permuted;
    sum.permuted_formed += sequence.null.permuted_formed;
    sum.pretended_excess.insert(sum.pretended_excess.end(), sequence.null.pretended_excess.begin(),
                                sequence.null.pretended_excess.end());
    sum.permuted_excess.insert(sum.permuted_excess.end(), sequence.null.permuted_excess.begin(),
                               sequence.null.permuted_excess.end());
  }
  return sum;
}

// The layer in which most secondary sinks begin.
std::vector<int> commonest_start(const std::map<int, int>& starts) {
  if (starts.empty()) return {};
  return {std::ranges::max_element(starts, {}, [](const auto& count) { return count.second; })->first};
}

// The number of each sequence of the explanation in the order in which documents are drawn, by ordinal.
std::map<int, int> draw_numbers(const std::vector<SequenceExplanation>& sequences, std::span<const std::string> keys) {
  std::map<int, int> numbers;
  for (const std::size_t place : order_of_draws(keys)) {
    numbers.emplace(static_cast<int>(sequences[place].ordinal), static_cast<int>(numbers.size()));
  }
  return numbers;
}

// The same cases in that order and under these numbers, so that neither draws nor sums depend on how the file lists texts.
template <typename Case>
std::vector<Case> in_draw_order(std::vector<Case> cases, const std::map<int, int>& numbers) {
  for (Case& one : cases) one.sequence = numbers.at(one.sequence);
  std::ranges::stable_sort(cases, {}, &Case::sequence);
  return cases;
}

// The runs that the thresholds make sinks, with what was measured of them.
void choose_runs(SequenceExplanation& explanation, const Detection& detection, const ExplainRequest& request,
                 Explanation& result) {
  std::vector<RunExplanation> chosen;
  const bool same_axis = explanation.primary.position == detection.primary->position;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kUnaligned) ++result.n_unaligned;
    if (!is_explained(run, request.kinds)) continue;
    const auto measured = std::ranges::find_if(explanation.runs, [&](const RunExplanation& one) {
      return one.run.position == run.position && one.run.l_start == run.l_start && one.run.l_end == run.l_end;
    });
    if (!same_axis || measured == explanation.runs.end()) {
      if (explanation.writes_lacking.empty()) {
        result.unexplained.push_back({explanation.ordinal, run.position, run.l_start, run.l_end});
      }
      continue;
    }
    chosen.push_back(std::move(*measured));
    chosen.back().run = run;
  }
  explanation.runs = std::move(chosen);
}

}  // namespace

Explanation judge_explanation(std::int64_t n_sequences, const LoadSequence& load, const ExplainRequest& request,
                              const ExplanationStore& store) {
  Explanation result;
  std::map<SinkKind, std::vector<NormCase>> norms;
  std::vector<PrimaryCase> primaries;
  std::map<int, int> starts;
  std::vector<std::string> keys;  // of result.sequences
  int n_layers = 0;
  for (std::int64_t ordinal = 0; ordinal < n_sequences; ++ordinal) {
    const SequenceToExplain loaded = load(ordinal);
    n_layers = loaded.figures.n_layers;
    if (!loaded.detection.primary) {
      ++result.n_without_primary;
      continue;
    }
    auto explained = store.find(ordinal);
    if (!explained) {
      ++result.n_not_measured;
      continue;
    }
    const ScannedSequence sequence = view_of(loaded);
    choose_runs(*explained, loaded.detection, request, result);
    for (const SinkKind kind : request.kinds) {
      const auto cases = norm_cases(sequence, explained->sees_all, kind, request.options);
      norms[kind].insert(norms[kind].end(), cases.begin(), cases.end());
    }
    if (auto primary = primary_case(sequence, explained->sees_all, static_cast<int>(ordinal))) {
      primaries.push_back(std::move(*primary));
    }
    for (const Run& run : loaded.detection.runs) {
      if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary) ++starts[run.l_start];
    }
    if (result.writes_lacking.empty()) result.writes_lacking = explained->writes_lacking;
    result.n_sinks += static_cast<int>(explained->runs.size());
    keys.push_back(loaded.key);
    result.sequences.push_back(std::move(*explained));
  }
  const std::map<int, int> numbers = draw_numbers(result.sequences, keys);
  for (LayerMap& map : store.maps()) {
    if (std::ranges::find(request.kinds, map.kind) != request.kinds.end()) result.maps.push_back(std::move(map));
  }
  for (const SinkKind kind : request.kinds) {
    const std::string name(name_of(kind));
    if (request.formation) {
      std::vector<FormationCase> cases;
      for (const SequenceExplanation& sequence : result.sequences) {
        for (auto& one : formation_cases(sequence, static_cast<int>(sequence.ordinal), kind)) {
          cases.push_back(std::move(one));
        }
      }
      FormationClaims claims = formation_claims(in_draw_order(std::move(cases), numbers), sum_of_nulls(result.sequences), name, request.options);
      result.claims.insert(result.claims.end(), claims.claims.begin(), claims.claims.end());
      result.layers.push_back({kind, std::move(claims.layers), std::move(claims.null)});
    }
    if (request.map) result.claims.push_back(map_claim(result.maps, kind, request.options));
    if (request.norm) {
      NormClaim claim = norm_claim(in_draw_order(norms[kind], numbers), name, request.options);
      result.claims.insert(result.claims.end(), claim.claims.begin(), claim.claims.end());
      result.norm.push_back(std::move(claim.figures));
      result.norm_cases.push_back(std::move(norms[kind]));
    }
  }
  if (request.primary) {
    PrimaryClaim claim = primary_claim(primaries, request.layers.empty() ? commonest_start(starts) : request.layers,
                                       n_layers, request.options);
    result.primary = std::move(claim.dip);
    result.claims.push_back(std::move(claim.claim));
  }
  return result;
}

}  // namespace sinkscope
