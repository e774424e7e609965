#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include <memory>
#include <optional>

#include "run_request.h"

namespace sinkscope::python {
namespace {

ProtectRequest protect_request(const std::vector<std::string>& caches, std::uint64_t seed,
                               std::optional<std::int64_t> documents, const NamedThresholds& thresholds,
                               const nb::object& progress) {
  ProtectRequest request;
  set_run(request, thresholds, progress);
  request.caches = cache_forms_from(caches);
  request.seed = seed;
  request.max_documents = documents;
  return request;
}

nb::bytes protect(OpenModel& model, const std::string& path, const std::vector<std::string>& caches, int draws,
                  std::uint64_t seed, std::optional<std::int64_t> documents, bool detector,
                  const NamedThresholds& thresholds, const nb::object& progress) {
  ProtectRequest request = protect_request(caches, seed, documents, thresholds, progress);
  request.n_draws = draws;
  return bytes_of(model.use(nb::none(), [&](const Scanner& scanner) {
    ProtectedResults found = scanner.protect(path, request);
    if (detector) found.detector = scanner.detector(path, request).measured;
    return protection_json(Results(path), found);
  }));
}

ModelDetector detector(OpenModel& model, const std::string& path, const std::vector<std::string>& caches,
                       std::uint64_t seed, std::optional<std::int64_t> documents, const NamedThresholds& thresholds,
                       const nb::object& progress) {
  const ProtectRequest request = protect_request(caches, seed, documents, thresholds, progress);
  return model.use(nb::none(), [&](const Scanner& scanner) { return scanner.detector(path, request); });
}

HeadPattern head_reach(OpenModel& model, const std::string& path, int sink_size, int recent_size,
                       std::optional<std::int64_t> documents, const nb::object& progress) {
  HeadReachRequest request;
  request.sink_size = sink_size;
  request.recent_size = recent_size;
  request.max_documents = documents;
  request.should_stop = stops_for_signals;
  request.on_progress = told(progress);
  return model.use(nb::none(), [&](const Scanner& scanner) { return scanner.head_reach(path, request); });
}

const TrainedDetector& trained_of(const ModelDetector& detector) { return detector.measured.trained; }

nb::object axis_of(const std::shared_ptr<ModelDetector>& detector) {
  const std::vector<float>& axis = trained_of(*detector).detector.axis;
  return nb::cast(array_of({{axis.size()}, axis, detector}));
}

// An array [rows, cols] of what `owner` holds.
nb::object array_of_doubles(const Matrix<double>& values, const std::shared_ptr<HeadPattern>& owner) {
  const std::size_t shape[] = {values.rows(), values.cols()};
  return nb::cast(nb::ndarray<nb::numpy, const double, nb::c_contig>(values.data(), 2, shape, keep_alive(owner)));
}

using States = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void init_protection(nb::module_& module) {
  nb::class_<ModelDetector>(module, "Detector", "A rule that names sinks by one block's output.")
      .def_prop_ro("model", [](const ModelDetector& detector) { return utf8_text(detector.model); })
      .def_prop_ro("model_sha256", [](const ModelDetector& detector) { return utf8_text(detector.model_sha256); })
      .def_prop_ro("layer", [](const ModelDetector& detector) { return trained_of(detector).detector.layer; })
      .def_prop_ro("axis", axis_of)
      .def_prop_ro("ordinary_norm", [](const ModelDetector& detector) { return trained_of(detector).detector.ordinary_norm; })
      .def_prop_ro("min_norm_ratio", [](const ModelDetector& detector) { return trained_of(detector).detector.min_norm_ratio; })
      .def_prop_ro("min_cosine", [](const ModelDetector& detector) { return trained_of(detector).detector.min_cosine; })
      .def_prop_ro("recall", [](const ModelDetector& detector) { return trained_of(detector).recall; })
      .def_prop_ro("precision", [](const ModelDetector& detector) { return trained_of(detector).precision; })
      .def_prop_ro("reason", [](const ModelDetector& detector) { return utf8_text(trained_of(detector).reason); })
      .def("json", [](const ModelDetector& detector) { return bytes_of(detector_json(detector)); })
      .def("named",
           [](const ModelDetector& detector, const States& states) {
             return trained_of(detector).detector.named({states.data(), states.shape(0), states.shape(1)});
           },
           nb::arg("states"))
      .def("save", [](const ModelDetector& detector, const std::string& path) {
        without_gil([&] { save_detector(path, detector); });
      });
  module.def("load_detector", [](const std::string& path) { return without_gil([&] { return load_detector(path); }); });

  nb::class_<HeadPattern>(module, "HeadPattern", "Which heads of a model need a whole cache.")
      .def_prop_ro("model", [](const HeadPattern& pattern) { return utf8_text(pattern.model); })
      .def_prop_ro("sink_size", [](const HeadPattern& pattern) { return pattern.reach.sink_size; })
      .def_prop_ro("recent_size", [](const HeadPattern& pattern) { return pattern.reach.recent_size; })
      .def_prop_ro("n_sequences", [](const HeadPattern& pattern) { return pattern.reach.n_sequences; })
      .def_prop_ro("n_queries", [](const HeadPattern& pattern) { return pattern.reach.n_queries; })
      .def_prop_ro("beyond",
                   [](const std::shared_ptr<HeadPattern>& pattern) {
                     return array_of_doubles(pattern->reach.beyond, pattern);
                   })
      .def("save", [](const HeadPattern& pattern, const std::string& folder) {
        without_gil([&] { save_pattern(folder, pattern); });
      });
}

}  // namespace

void add_protection(nb::module_& module, nb::class_<OpenModel>& type) {
  init_protection(module);
  type.def("protect", protect, nb::arg("path"), nb::arg("caches"), nb::arg("draws"), nb::arg("seed"),
           nb::arg("documents").none(), nb::arg("detector"), nb::arg("thresholds"), nb::arg("progress").none());
  type.def("detector", detector, nb::arg("path"), nb::arg("caches"), nb::arg("seed"), nb::arg("documents").none(),
           nb::arg("thresholds"), nb::arg("progress").none());
  type.def("head_reach", head_reach, nb::arg("path"), nb::arg("sink_size"), nb::arg("recent_size"),
           nb::arg("documents").none(), nb::arg("progress").none());
}

}  // namespace sinkscope::python
