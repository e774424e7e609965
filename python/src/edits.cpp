#include <nanobind/stl/shared_ptr.h>

#include "binding.h"

namespace sinkscope::python {
namespace {

ProbePoint point_of(const std::string& name) {
  for (int i = 0; i < kProbePoints; ++i) {
    const auto point = static_cast<ProbePoint>(i);
    if (name_of(point) == name) return point;
  }
  throw Error(ErrorCode::kUsage, "edit: expected a probe point, got '" + name + "'");
}

// ranges  of layers, both ends included
std::shared_ptr<Edit> hide_keys(const std::vector<int>& positions, const std::vector<std::pair<int, int>>& ranges,
                                int min_distance) {
  std::vector<HiddenKeys> hidden;
  for (const auto& [first, last] : ranges) hidden.push_back({0, positions, first, last, min_distance});
  return std::make_shared<HideKeys>(std::move(hidden));
}

std::shared_ptr<Edit> change_row(const std::string& point, int layer, int position, RowChange change) {
  return std::make_shared<ChangeRows>(RowPlace{point_of(point), layer, 0, position}, std::move(change));
}

using Vector = std::vector<float>;

}  // namespace

void init_edits(nb::module_& module) {
  nb::class_<Edit>(module, "Edit", "Something that is changed of a run, before the network reads on.")
      .def_prop_ro("description", &Edit::description);
  module.def("hide_keys", hide_keys);
  module.def("replace_row", [](const std::string& point, int layer, int position, Vector row) {
    return change_row(point, layer, position, ReplaceRow{std::move(row)});
  });
  module.def("add_to_row", [](const std::string& point, int layer, int position, Vector vector) {
    return change_row(point, layer, position, AddToRow{std::move(vector)});
  });
  module.def("set_component", [](const std::string& point, int layer, int position, Vector direction, double value) {
    return change_row(point, layer, position, SetComponent{std::move(direction), value});
  });
  module.def("scale_component", [](const std::string& point, int layer, int position, Vector direction, double factor,
                                   double about) {
    return change_row(point, layer, position, ScaleComponent{std::move(direction), factor, about});
  });
  module.def("clip_norm", [](const std::string& point, int layer, int position, double norm) {
    return change_row(point, layer, position, ClipNorm{norm});
  });
}

}  // namespace sinkscope::python
