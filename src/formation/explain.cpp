#include "formation/explain.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "formation/claim_cases.h"
#include "formation/edit_sink.h"

namespace sinkscope {
namespace {

ScannedSequence view_of(const SequenceToExplain& sequence) {
  return {sequence.ordinal, sequence.tokens, sequence.figures, sequence.detection};
}

// What a first look at the stored figures tells.
struct Survey {
  std::vector<std::int64_t> with_primary;
  std::int64_t with_sinks = 0;  // sequences that have a run to be explained
};

Survey survey(std::int64_t n_sequences, const std::function<SequenceToExplain(std::int64_t)>& load,
              const ExplainRequest& request) {
  Survey survey;
  for (std::int64_t i = 0; i < n_sequences; ++i) {
    const SequenceToExplain sequence = load(i);
    if (!sequence.detection.primary) continue;
    survey.with_primary.push_back(i);
    if (std::ranges::any_of(sequence.detection.runs,
                            [&](const Run& run) { return is_explained(run, request.kinds); })) {
      ++survey.with_sinks;
    }
  }
  return survey;
}

void tell(const ExplainRequest& request, std::int64_t done, std::int64_t total, const std::string& what) {
  if (request.on_progress) request.on_progress(done, total, what);
}

void edit_sinks(Model& model, Explanation& explanation, SinkKind kind,
                const std::function<SequenceToExplain(std::int64_t)>& load, const ExplainRequest& request) {
  std::vector<std::vector<RunExplanation*>> runs;
  std::vector<std::size_t> counts;
  for (SequenceExplanation& sequence : explanation.sequences) {
    std::vector<RunExplanation*> of_sequence;
    for (RunExplanation& run : sequence.runs) {
      if (run.run.kind == kind) of_sequence.push_back(&run);
    }
    counts.push_back(of_sequence.size());
    runs.push_back(std::move(of_sequence));
  }
  int n_edited = 0;
  const int wanted = request.options.edit_sinks;
  for (const auto& [sequence, sink] : edit_order(counts, wanted)) {
    if (n_edited == wanted) break;
    tell(request, n_edited, wanted, "edits");
    const SequenceToExplain loaded = load(explanation.sequences[sequence].ordinal);
    if (edit_sink(model, view_of(loaded), *runs[sequence][sink], request.thresholds, request.options, request.run)) {
      ++n_edited;
    }
  }
}

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

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> edit_order(std::span<const std::size_t> sinks, int n_wanted) {
  std::vector<std::size_t> with_sinks;
  for (std::size_t s = 0; s < sinks.size(); ++s) {
    if (sinks[s] > 0) with_sinks.push_back(s);
  }
  std::vector<std::size_t> sequences;
  std::set<std::size_t> taken;
  const std::size_t spread = std::min(index(n_wanted), with_sinks.size());
  for (std::size_t i = 0; i < spread; ++i) {
    sequences.push_back(with_sinks[i * with_sinks.size() / spread]);
    taken.insert(sequences.back());
  }
  for (const std::size_t s : with_sinks) {
    if (!taken.contains(s)) sequences.push_back(s);
  }
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t sink = 0;; ++sink) {
    const std::size_t before = order.size();
    for (const std::size_t s : sequences) {
      if (sink < sinks[s]) order.emplace_back(s, sink);
    }
    if (order.size() == before) return order;
  }
}

Explanation explain(Model& model, ModelWeights& weights, std::int64_t n_sequences,
                    const std::function<SequenceToExplain(std::int64_t ordinal)>& load, const ExplainRequest& request) {
  const ExplainOptions& options = request.options;
  const Survey found = survey(n_sequences, load, request);
  if (found.with_primary.empty()) {
    throw Error(ErrorCode::kInput,
                "explain: expected a sequence with a primary sink, whose direction is the axis; none "
                "of " +
                    std::to_string(n_sequences) + " has one");
  }
  Explanation result;
  result.n_without_primary = static_cast<int>(n_sequences - static_cast<std::int64_t>(found.with_primary.size()));
  const auto n_pretended =
      found.with_sinks == 0 ? 0 : static_cast<int>((options.n_pretended + found.with_sinks - 1) / found.with_sinks);
  std::map<SinkKind, std::vector<NormCase>> norms;
  std::vector<PrimaryCase> primaries;
  std::map<int, int> starts;
  int n_layers = 0;
  for (const std::int64_t ordinal : found.with_primary) {
    tell(request, static_cast<std::int64_t>(result.sequences.size()),
         static_cast<std::int64_t>(found.with_primary.size()), "sequences");
    const SequenceToExplain loaded = load(ordinal);
    const ScannedSequence sequence = view_of(loaded);
    n_layers = loaded.figures.n_layers;
    SequenceExplanation explained =
        explain_sequence(model, weights, sequence, request.kinds, n_pretended, options, request.run);
    for (const SinkKind kind : request.kinds) {
      const auto cases = norm_cases(sequence, explained.sees_all, kind, options);
      norms[kind].insert(norms[kind].end(), cases.begin(), cases.end());
    }
    if (auto primary = primary_case(sequence, explained.sees_all, static_cast<int>(ordinal))) {
      primaries.push_back(std::move(*primary));
    }
    for (const Run& run : loaded.detection.runs) {
      if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary) ++starts[run.l_start];
    }
    result.n_sinks += static_cast<int>(explained.runs.size());
    result.n_unaligned += explained.n_unaligned;
    result.sequences.push_back(std::move(explained));
  }
  for (const SinkKind kind : request.kinds) {
    const std::string name(name_of(kind));
    if (request.formation) {
      edit_sinks(model, result, kind, load, request);
      std::vector<FormationCase> cases;
      for (const SequenceExplanation& sequence : result.sequences) {
        for (auto& one : formation_cases(sequence, static_cast<int>(sequence.ordinal), kind)) {
          cases.push_back(std::move(one));
        }
      }
      FormationClaims claims = formation_claims(cases, sum_of_nulls(result.sequences), name, options);
      result.claims.insert(result.claims.end(), claims.claims.begin(), claims.claims.end());
      result.layers.push_back({kind, std::move(claims.layers), std::move(claims.null)});
    }
    if (request.norm) {
      NormClaim claim = norm_claim(norms[kind], name, options);
      result.claims.insert(result.claims.end(), claim.claims.begin(), claim.claims.end());
      result.norm.push_back(std::move(claim.figures));
    }
  }
  if (request.primary) {
    PrimaryClaim claim =
        primary_claim(primaries, request.layers.empty() ? commonest_start(starts) : request.layers, n_layers, options);
    result.primary = std::move(claim.dip);
    result.claims.push_back(std::move(claim.claim));
  }
  return result;
}

}  // namespace sinkscope
