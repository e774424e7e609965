#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>

#include "run_request.h"

namespace sinkscope::python {
namespace {

bool has(const std::vector<std::string>& words, const char* word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

nb::bytes explain(OpenModel& model, const std::string& path, const std::vector<std::string>& claims,
                  const std::vector<std::string>& kinds, std::vector<int> layers, int edit_sinks, std::uint64_t seed,
                  const NamedThresholds& thresholds, const nb::object& progress) {
  ExplainRequest request;
  set_run(request, thresholds, progress);
  request.formation = has(claims, "formation");
  request.map = has(claims, "map");
  request.norm = has(claims, "norm");
  request.primary = has(claims, "primary");
  request.kinds = kinds_of(kinds);
  request.layers = std::move(layers);
  request.options.edit_sinks = edit_sinks;
  request.options.seed = seed;
  return bytes_of(model.use(nb::none(), [&](const Scanner& scanner) {
    const Explanation explanation = scanner.explain(path, request);
    return explanation_json(Results(path), explanation, request);
  }));
}

AblatedResults ablate(OpenModel& model, const std::string& path, const std::vector<std::string>& how,
                      const std::optional<std::string>& layers, const std::string& sinks,
                      const std::optional<std::string>& named, int draws, std::uint64_t seed,
                      std::optional<std::int64_t> documents, bool loss, double score_margin, double log_odds_margin,
                      double token_margin, const NamedThresholds& thresholds, const nb::object& progress) {
  AblateRequest request;
  set_run(request, thresholds, progress);
  std::optional<EditedLayers> edited;
  if (layers) edited = *layers == "first" ? EditedLayers::kFirst : EditedLayers::kRun;
  request.edits = edits_from(how, edited);
  if (named) {
    request.named = named_sinks(*named, Results(path));
  } else if (const auto selection = sink_selection_named(sinks)) {
    request.selection = *selection;
  }
  request.n_draws = draws;
  request.seed = seed;
  request.max_documents = documents;
  request.loss = loss;
  request.score_margin = score_margin;
  request.log_odds_margin = log_odds_margin;
  request.token_margin = token_margin;
  return model.use(nb::none(), [&](const Scanner& scanner) { return scanner.ablate(path, request); });
}

void init_effects(nb::module_& module) {
  nb::class_<AblatedResults>(module, "Effects", "What taking sinks away did.")
      .def("json",
           [](const AblatedResults& ablated, const std::string& path) {
             return bytes_of(without_gil([&] { return ablation_json(Results(path), ablated); }));
           })
      .def("table", [](const AblatedResults& ablated) { return Table(effect_table(ablated.judgement)); })
      .def("block_table",
           [](const AblatedResults& ablated) { return Table(block_effect_table(ablated.ablation, ablated.request)); });
}

}  // namespace

void add_analyses(nb::module_& module, nb::class_<OpenModel>& type) {
  init_effects(module);
  type.def("explain", explain, nb::arg("path"), nb::arg("claims"), nb::arg("kinds"), nb::arg("layers"),
            nb::arg("edit_sinks"), nb::arg("seed"), nb::arg("thresholds"), nb::arg("progress").none());
  type.def("ablate", ablate, nb::arg("path"), nb::arg("how"), nb::arg("layers").none(), nb::arg("sinks"),
            nb::arg("named").none(), nb::arg("draws"), nb::arg("seed"), nb::arg("documents").none(), nb::arg("loss"),
            nb::arg("score_margin"), nb::arg("log_odds_margin"), nb::arg("token_margin"), nb::arg("thresholds"),
            nb::arg("progress").none());
}

}  // namespace sinkscope::python
