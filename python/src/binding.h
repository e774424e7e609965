#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/sinkscope.h"

namespace nb = nanobind;

namespace sinkscope::python {

// Each adds one subject to the module.
void init_errors(nb::module_& module);
void init_edits(nb::module_& module);
void init_table(nb::module_& module);
void init_text(nb::module_& module);
void init_results(nb::module_& module);
void init_model(nb::module_& module);

// Runs something long while other threads of Python go on.
template <typename Call>
auto without_gil(const Call& call) {
  const nb::gil_scoped_release released;
  return call();
}

using FloatArray = nb::ndarray<nb::numpy, const float, nb::c_contig>;

// A NumPy array of the same memory, which lives as long as the array; it cannot be written to.
FloatArray array_of(const ArrayView& view);

// Something that lives as long as the returned capsule.
template <typename T>
nb::capsule keep_alive(T kept) {
  return nb::capsule(new T(std::move(kept)), [](void* owned) noexcept { delete static_cast<T*>(owned); });
}

inline nb::bytes bytes_of(const std::string& text) { return nb::bytes(text.data(), text.size()); }

// A table that Python holds; columns and Arrow streams share it.
struct Table {
  explicit Table(DataTable table) : rows(std::make_shared<const DataTable>(std::move(table))) {}
  std::shared_ptr<const DataTable> rows;
};

// What Python calls thresholds: names and numbers.
using NamedThresholds = std::vector<std::pair<std::string, double>>;

// Notes as Python's texts.
std::vector<std::string> sentences_of(const std::vector<std::string>& notes);

std::vector<SinkKind> kinds_of(const std::vector<std::string>& names);

}  // namespace sinkscope::python
