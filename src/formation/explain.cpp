#include "formation/explain.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics/document_draws.h"
#include "formation/edit_order.h"
#include "formation/edit_sink.h"
#include "formation/map_layers.h"

namespace sinkscope {
namespace {

// What a first look at the stored figures tells.
struct Survey {
  std::vector<std::int64_t> with_primary;  // in the order in which documents are drawn
  std::int64_t with_sinks = 0;  // sequences that have a run to be explained
};

Survey survey(std::int64_t n_sequences, const LoadSequence& load, const ExplainRequest& request) {
  Survey survey;
  std::vector<std::string> keys;
  std::vector<std::int64_t> listed;
  for (std::int64_t i = 0; i < n_sequences; ++i) {
    const SequenceToExplain sequence = load(i);
    if (!sequence.detection.primary) continue;
    keys.push_back(sequence.key);
    listed.push_back(i);
    if (std::ranges::any_of(sequence.detection.runs,
                            [&](const Run& run) { return is_explained(run, request.kinds); })) {
      ++survey.with_sinks;
    }
  }
  for (const std::size_t place : order_of_draws(keys)) survey.with_primary.push_back(listed[place]);
  return survey;
}

// Pretended sinks of each sequence. Their states take memory, so no sequence has more than each needs where there are
// just enough of them for a claim.
int pretended_each(std::int64_t n_with_sinks, const ExplainOptions& options) {
  if (n_with_sinks == 0) return 0;
  const auto sequences = std::max<std::int64_t>(n_with_sinks, options.min_sequences);
  return static_cast<int>((options.n_pretended + sequences - 1) / sequences);
}

void edit_sinks(Model& model, std::vector<SequenceExplanation>& sequences, SinkKind kind, const LoadSequence& load,
                const ExplainRequest& request, ExplanationStore& store) {
  std::vector<std::vector<RunExplanation*>> runs;
  std::vector<std::size_t> counts;
  for (SequenceExplanation& sequence : sequences) {
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
    request.tell(n_edited, wanted, "edits");
    RunExplanation& run = *runs[sequence][sink];
    if (run.edits.empty() && !run.cannot_be_edited) {
      const SequenceToExplain loaded = load(sequences[sequence].ordinal);
      run.cannot_be_edited = !edit_sink(model, view_of(loaded), run, request.thresholds, request.options, request.run);
      store.replace(sequences[sequence]);
    }
    n_edited += run.edits.empty() ? 0 : 1;
  }
}

// Whether maps of just the wanted layers are stored.
bool has_maps(std::span<const LayerMap> maps, std::span<const SequenceExplanation> sequences,
              const ExplainRequest& request) {
  std::set<std::pair<SinkKind, int>> stored, wanted;
  for (const LayerMap& map : maps) stored.emplace(map.kind, map.layer);
  for (const SinkKind kind : request.kinds) {
    for (const int layer : mapped_layers(sequences, kind, request.layers, request.options)) wanted.emplace(kind, layer);
  }
  return !stored.empty() && std::ranges::includes(wanted, stored) && std::ranges::all_of(wanted, [&](const auto& one) {
    return stored.contains(one) ||
           std::ranges::none_of(stored, [&](const auto& other) { return other.first == one.first; });
  });
}

}  // namespace

void measure_explanation(Model& model, ModelWeights& weights, std::int64_t n_sequences, const LoadSequence& load,
                         const ExplainRequest& request, ExplanationStore& store) {
  const ExplainOptions& options = request.options;
  const Survey found = survey(n_sequences, load, request);
  if (found.with_primary.empty()) {
    throw Error(ErrorCode::kInput,
                "explain: expected a sequence with a primary sink, whose direction is the axis; none of " +
                    std::to_string(n_sequences) + " has one");
  }
  const int n_pretended = pretended_each(found.with_sinks, options);
  std::vector<SequenceExplanation> sequences;
  for (const std::int64_t ordinal : found.with_primary) {
    request.tell(static_cast<std::int64_t>(sequences.size()), static_cast<std::int64_t>(found.with_primary.size()),
                 "sequences");
    if (auto stored = store.find(ordinal)) {
      sequences.push_back(std::move(*stored));
      continue;
    }
    const SequenceToExplain loaded = load(ordinal);
    sequences.push_back(
        explain_sequence(model, weights, view_of(loaded), request.kinds, n_pretended, options, request.run));
    store.add(sequences.back());
  }
  if (request.formation) {
    for (const SinkKind kind : request.kinds) edit_sinks(model, sequences, kind, load, request, store);
  }
  if (request.map && !has_maps(store.maps(), sequences, request)) {
    store.set_maps(measure_maps(model, sequences, load, request));
  }
}

}  // namespace sinkscope
