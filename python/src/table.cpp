#include "binding.h"

namespace sinkscope::python {
namespace {

const DataColumn& column_of(const Table& table, std::size_t i) { return table.rows->columns()[i]; }

template <typename T>
nb::object view_of(const std::vector<T>& values, const std::shared_ptr<const DataTable>& owner) {
  const std::size_t shape[] = {values.size()};
  return nb::cast(nb::ndarray<nb::numpy, const T, nb::c_contig>(values.data(), 1, shape, keep_alive(owner)));
}

nb::object texts_of(const DataColumn::Texts& texts, const std::vector<std::uint8_t>& is_measured) {
  nb::list list;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (is_measured[i] == 0) {
      list.append(nb::none());
      continue;
    }
    const std::string text = utf8_text(texts[i]);
    list.append(nb::str(text.data(), text.size()));
  }
  return list;
}

// (values, is_measured): NumPy arrays of the table's own memory; texts are a list of str and None.
nb::tuple values_of(const Table& table, std::size_t i) {
  const DataColumn& column = column_of(table, i);
  const nb::object is_measured = view_of(column.is_measured, table.rows);
  const auto values = std::visit(
      [&](const auto& of_type) -> nb::object {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(of_type)>, DataColumn::Texts>) {
          return texts_of(of_type, column.is_measured);
        } else {
          return view_of(of_type, table.rows);
        }
      },
      column.values);
  return nb::make_tuple(values, is_measured);
}

// A capsule as the Arrow PyCapsule interface wants it: whoever consumes the stream sets `release` to null.
nb::object arrow_stream(const Table& table) {
  auto stream = std::make_unique<ArrowArrayStream>();
  export_arrow(table.rows, stream.get());
  PyObject* capsule = PyCapsule_New(stream.get(), "arrow_array_stream", [](PyObject* of) {
    auto* owned = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(of, "arrow_array_stream"));
    if (owned->release != nullptr) owned->release(owned);
    delete owned;
  });
  if (capsule == nullptr) {
    stream->release(stream.get());
    nb::raise_python_error();
  }
  static_cast<void>(stream.release());
  return nb::steal(capsule);
}

}  // namespace

void init_table(nb::module_& module) {
  nb::class_<Table>(module, "Table", "A table, column after column.")
      .def_prop_ro("n_rows", [](const Table& table) { return table.rows->n_rows(); })
      .def_prop_ro("names",
                   [](const Table& table) {
                     std::vector<std::string> names;
                     for (const DataColumn& column : table.rows->columns()) names.push_back(column.name);
                     return names;
                   })
      .def_prop_ro("kinds",
                   [](const Table& table) {
                     constexpr const char* kKinds[] = {"integer", "number", "flag", "text"};
                     std::vector<std::string> kinds;
                     for (const DataColumn& column : table.rows->columns()) kinds.emplace_back(kKinds[column.values.index()]);
                     return kinds;
                   })
      .def("unit", [](const Table& table, std::size_t i) { return column_of(table, i).unit; })
      .def("help", [](const Table& table, std::size_t i) { return column_of(table, i).help; })
      .def("values", values_of)
      .def("arrow_stream", arrow_stream);
}

}  // namespace sinkscope::python
