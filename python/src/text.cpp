#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>

#include "binding.h"

namespace sinkscope::python {
namespace {

nb::object tokens_of(const ScannedText& text) {
  const std::size_t shape[] = {text.tokens().size()};
  return nb::cast(nb::ndarray<nb::numpy, const TokenId, nb::c_contig>(text.tokens().data(), 1, shape, keep_alive(text)));
}

// What each token stands for: bytes.
nb::list token_bytes_of(const ScannedText& text) {
  nb::list list;
  for (int position = 0; position < text.n_tokens(); ++position) {
    const std::string& bytes = text.token_bytes(position);
    list.append(nb::bytes(bytes.data(), bytes.size()));
  }
  return list;
}

nb::object mask_of(const ScannedText& text, const std::string& what) {
  auto mask = std::make_shared<std::vector<std::uint8_t>>(text.mask(what));
  const std::size_t shape[] = {mask->size()};
  static_assert(sizeof(bool) == 1);
  return nb::cast(nb::ndarray<nb::numpy, bool, nb::c_contig>(mask->data(), 1, shape, keep_alive(mask)));
}

}  // namespace

FloatArray array_of(const ArrayView& view) {
  return FloatArray(view.values.data(), view.shape.size(), view.shape.data(), keep_alive(view.owner));
}

std::vector<std::string> sentences_of(const std::vector<std::string>& notes) {
  std::vector<std::string> sentences;
  for (const std::string& note : notes) sentences.push_back(utf8_text(note));
  return sentences;
}

std::vector<SinkKind> kinds_of(const std::vector<std::string>& names) {
  std::vector<SinkKind> kinds;
  for (const std::string& name : names) kinds.push_back(sink_kind_from_name(name));
  return kinds;
}

void init_text(nb::module_& module) {
  nb::class_<ThresholdInfo>(module, "ThresholdInfo")
      .def_ro("name", &ThresholdInfo::name)
      .def_ro("help", &ThresholdInfo::help)
      .def_ro("is_whole", &ThresholdInfo::is_whole)
      .def_ro("value", &ThresholdInfo::value)
      .def_ro("least", &ThresholdInfo::least)
      .def_ro("most", &ThresholdInfo::most);
  module.def("threshold_infos", threshold_infos);

  nb::class_<ScannedText>(module, "Text", "One text as a model saw it.")
      .def_prop_ro("name", [](const ScannedText& text) { return utf8_text(text.name()); })
      .def_prop_ro("n_layers", &ScannedText::n_layers)
      .def_prop_ro("n_tokens", &ScannedText::n_tokens)
      .def_prop_ro("prompt_tokens", &ScannedText::prompt_tokens)
      .def_prop_ro("tokens", tokens_of)
      .def_prop_ro("token_bytes", token_bytes_of)
      .def_prop_ro("edits", [](const ScannedText& text) { return text.measured_by().edits; })
      .def_prop_ro("notes", [](const ScannedText& text) { return sentences_of(text.notes()); })
      .def_prop_ro("no_primary_reason", [](const ScannedText& text) { return text.detection().no_primary_reason; })
      .def_prop_ro("array_names", &ScannedText::array_names)
      .def("array",
           [](const ScannedText& text, const std::string& name) {
             return array_of(without_gil([&] { return text.array(name); }));
           })
      .def("mask", mask_of)
      .def("under",
           [](const ScannedText& text, const NamedThresholds& thresholds) {
             return text.under(thresholds_from(thresholds));
           })
      .def("primary_json", [](const ScannedText& text) { return bytes_of(primary_json(text)); });

  module.def("table_of", [](const std::vector<ScannedText>& texts, bool all_runs) {
    return Table(table_of(texts, all_runs ? TableRows::kAllRuns : TableRows::kSinks));
  });
  module.def("scan_json", [](const std::vector<ScannedText>& texts, bool other_runs) {
    return bytes_of(without_gil([&] { return scan_json(texts, other_runs); }));
  });
  module.def("report_page", [](const std::vector<ScannedText>& texts, std::size_t max_bytes) {
    return bytes_of(without_gil([&] { return report_page(texts, max_bytes); }));
  });
  module.def("save", [](const std::string& path, const std::vector<ScannedText>& texts) {
    without_gil([&] { save(path, texts); });
  });
}

}  // namespace sinkscope::python
