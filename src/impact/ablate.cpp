#include "impact/ablate.h"

#include <fmt/format.h>

#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "impact/ablate_sequence.h"

namespace sinkscope {
namespace {

// Which sequences have something to be removed; of these as many as are wanted.
//
// n_without  counts those before the last of them that have nothing
std::vector<std::int64_t> sequences_to_ablate(const ModelFacts& facts, std::int64_t n_sequences,
                                              const LoadToAblate& load, const AblateRequest& request,
                                              std::int64_t& n_without) {
  std::vector<std::int64_t> ordinals;
  std::set<std::string> keys;
  bool any_primary = false;
  for (std::int64_t i = 0; i < n_sequences; ++i) {
    if (request.max_documents && std::ssize(ordinals) >= *request.max_documents) break;
    const SequenceToAblate sequence = load(i);
    keys.insert(sequence.key);
    any_primary = any_primary || sequence.detection.primary.has_value();
    if (tokens_to_remove(sequence, request, facts.n_layers).sinks.empty()) {
      ++n_without;
    } else {
      ordinals.push_back(i);
    }
  }
  if (request.named && !request.max_documents) {
    for (const auto& [key, named] : *request.named) {
      if (keys.contains(key)) continue;
      throw Error(ErrorCode::kInput, fmt::format("sinks: expected documents of the results file, got '{}'", key));
    }
  }
  if (!ordinals.empty()) return ordinals;
  if (!any_primary) {
    throw Error(ErrorCode::kInput,
                fmt::format("ablate: expected a sequence with a primary sink, on which effects are measured; none of {} "
                            "has one",
                            n_sequences));
  }
  throw Error(ErrorCode::kInput,
              fmt::format("ablate: expected a sequence with {} sinks; none of {} has one; try other --sinks",
                          request.named ? "the named" : name_of(request.selection), n_sequences));
}

void check_network(const ModelFacts& facts, const AblateRequest& request) {
  for (int layer = 0; layer < facts.n_layers; ++layer) {
    for (const EditHow& how : request.edits) {
      const auto l = static_cast<std::size_t>(layer);
      const bool shown = how.hides() ? facts.has_attention[l]
                                     : !how.needs_axis() || (facts.has_writes[l] && facts.has_mid_residual[l]);
      if (shown) continue;
      throw Error(ErrorCode::kModel,
                  fmt::format("{}: expected a network that shows {} in every block, got one that does not in block {}{}",
                              word_of(how), how.hides() ? "its attention" : "what MLPs write into the stream", layer,
                              how.hides() ? "" : "; try --how knockout"));
    }
  }
}

// Whether losses can be had is asked before hours of passes.
void check_logits(Model& model) {
  const Matrix<float> state(1, static_cast<std::size_t>(model.facts().d_model));
  Matrix<float> logits;
  try {
    model.next_token_logits(state.view(), logits);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kModel) throw;
    throw Error(ErrorCode::kModel, fmt::format("{}; try --no-loss", error.what()));
  }
}

// Runs the edits that the store does not have.
void measure_missing(Model& model, const SequenceToAblate& sequence, const AblateRequest& request,
                     AblationStore& store) {
  AblateRequest missing = request;
  std::erase_if(missing.edits, [&](const EditHow& how) {
    return store.find(edit_specification(request, how), sequence.ordinal).has_value();
  });
  if (missing.edits.empty()) return;
  const NamedSinks sinks = tokens_to_remove(sequence, request, model.facts().n_layers);
  const std::vector<SequenceAblation> results = ablate_sequence(model, sequence, sinks, missing);
  std::vector<AblationStore::Edited> edits;
  for (std::size_t i = 0; i < results.size(); ++i) {
    edits.emplace_back(edit_specification(request, missing.edits[i]), &results[i]);
  }
  store.add(sequence.ordinal, edits);
}

}  // namespace

void name_sequence(SequenceAblation& ablation, const SequenceToAblate& sequence) {
  ablation.ordinal = sequence.ordinal;
  ablation.key = sequence.key;
  ablation.id = sequence.id;
  ablation.unit = sequence.unit;
  ablation.chunk = sequence.chunk;
}

Ablation ablate(Model& model, std::int64_t n_sequences, const LoadToAblate& load, const AblateRequest& request,
                AblationStore& store) {
  check_network(model.facts(), request);
  Ablation ablation;
  const std::vector<std::int64_t> ordinals =
      sequences_to_ablate(model.facts(), n_sequences, load, request, ablation.n_without);
  if (request.loss) check_logits(model);
  ablation.edits.resize(request.edits.size());
  for (const std::int64_t ordinal : ordinals) {
    if (request.on_progress) {
      request.on_progress(std::ssize(ablation.edits.front()), std::ssize(ordinals), "sequences");
    }
    const SequenceToAblate sequence = load(ordinal);
    measure_missing(model, sequence, request, store);
    for (std::size_t i = 0; i < request.edits.size(); ++i) {
      ablation.edits[i].push_back(*store.find(edit_specification(request, request.edits[i]), ordinal));
      name_sequence(ablation.edits[i].back(), sequence);
    }
  }
  return ablation;
}

}  // namespace sinkscope
