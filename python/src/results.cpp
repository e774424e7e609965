#include <nanobind/stl/optional.h>

#include "binding.h"

namespace sinkscope::python {
namespace {

LevelOptions level_options(int separation, int bootstraps, double min_stability, std::uint64_t seed) {
  LevelOptions options;
  options.separation = separation;
  options.n_bootstraps = bootstraps;
  options.min_stability = min_stability;
  options.seed = seed;
  return options;
}

}  // namespace

void init_results(nb::module_& module) {
  nb::class_<LevelOptions>(module, "LevelOptions")
      .def(nb::new_(&level_options), nb::arg("separation"), nb::arg("bootstraps"), nb::arg("min_stability"),
           nb::arg("seed"));

  nb::class_<Results>(module, "Results", "A results file that is open for reading.")
      .def(nb::init<const std::string&>())
      .def_prop_ro("n_texts", &Results::n_texts)
      .def_prop_ro("facts", &Results::model, nb::rv_policy::copy)
      .def_prop_ro("notes", [](const Results& results) { return sentences_of(results.notes()); })
      .def("text",
           [](const Results& results, std::int64_t i, const NamedThresholds& thresholds) {
             return without_gil([&] { return results.text(i, thresholds_from(thresholds)); });
           })
      .def("table",
           [](const Results& results, const NamedThresholds& thresholds, bool all_runs) {
             return Table(without_gil([&] {
               return results.table(thresholds_from(thresholds), all_runs ? TableRows::kAllRuns : TableRows::kSinks);
             }));
           })
      .def("levels_json",
           [](const Results& results, const LevelOptions& options, const NamedThresholds& thresholds,
              const std::vector<std::string>& kinds) {
             return bytes_of(without_gil(
                 [&] { return levels_json(results, options, thresholds_from(thresholds), kinds_of(kinds)); }));
           })
      .def("explanation_json",
           [](const Results& results, const NamedThresholds& thresholds) -> std::optional<nb::bytes> {
             const auto json = without_gil([&] { return explanation_json(results, thresholds_from(thresholds)); });
             if (!json) return std::nullopt;
             return bytes_of(*json);
           })
      .def("protection_json", [](const Results& results) -> std::optional<nb::bytes> {
        const auto json = without_gil([&]() -> std::optional<std::string> {
          const auto found = results.protection();
          return found ? std::optional(protection_json(results, *found)) : std::nullopt;
        });
        if (!json) return std::nullopt;
        return bytes_of(*json);
      });

  module.def("merge", [](const std::vector<std::string>& files, const std::string& output) {
    const MergeSummary summary = without_gil([&] { return merge(files, output); });
    return nb::make_tuple(summary.documents, summary.tokens, summary.repeated);
  });
  module.def("levels_json_of", [](const std::vector<ScannedText>& texts, const LevelOptions& options,
                                  const std::vector<std::string>& kinds) {
    return bytes_of(without_gil([&] { return levels_json(texts, options, kinds_of(kinds)); }));
  });
}

}  // namespace sinkscope::python
