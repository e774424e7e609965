#include "report/layer_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>

#include "base/statistics.h"
#include "report/quantities.h"

namespace sinkscope {
namespace {

constexpr float kNotMeasured = std::numeric_limits<float>::quiet_NaN();

// The quantity that an array of the file is drawn as. Norms of states grow through the network: ratios are drawn.
const Quantity* quantity_of_array(std::string_view array) {
  return quantity_named(array == "hidden_norm" ? "norm_ratio" : array);
}

// The quantity whose values by head an array holds; nothing where it holds none that is drawn.
std::string_view quantity_by_head(const ProfileField& field) {
  constexpr std::string_view kByHead = "_by_head";
  if (field.axes != ProfileAxes::kHeadToken || !field.name.ends_with(kByHead)) return {};
  const std::string_view mean = field.name.substr(0, field.name.size() - kByHead.size());
  return quantity_named(mean) == nullptr ? std::string_view() : mean;
}

// Positions whose figures are shown by layer: the primary's set, and every sink.
std::vector<int> row_positions(const Detection& detection) {
  std::set<int> positions;
  if (detection.primary) {
    positions.insert(detection.primary->position);
    positions.insert(detection.primary->set.begin(), detection.primary->set.end());
  }
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink) positions.insert(run.position);
  }
  return {positions.begin(), positions.end()};
}

std::vector<float> rows_of(const SequenceFigures& figures, const std::vector<int>& positions,
                           LayerFigures TokenProfile::* figure) {
  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  std::vector<float> values(positions.size() * n_layers, kNotMeasured);
  for (std::size_t row = 0; row < positions.size(); ++row) {
    const TokenProfile* profile = profile_of(figures, positions[row]);
    if (profile == nullptr) continue;
    const LayerFigures& layers = profile->*figure;
    for (std::size_t l = 0; l < std::min(layers.size(), n_layers); ++l) {
      values[row * n_layers + l] = layers[l].value_or(kNotMeasured);
    }
  }
  return values;
}

std::vector<float> rows_of(const ProfileArray& array, const std::vector<int>& positions, std::size_t n_layers) {
  const std::size_t columns = array.shape.back();
  std::vector<float> values;
  for (const int position : positions) {
    for (std::size_t l = 0; l < n_layers; ++l) {
      values.push_back(array.values.at(l * columns + static_cast<std::size_t>(position)));
    }
  }
  return values;
}

// [positions, n_layers, n_heads] of an array [n_layers, n_heads, n_tokens].
std::vector<float> heads_of(const ProfileArray& array, const std::vector<int>& positions) {
  const std::size_t n_tokens = array.shape.back(), n_rows = array.shape.at(0) * array.shape.at(1);
  std::vector<float> values;
  for (const int position : positions) {
    for (std::size_t row = 0; row < n_rows; ++row) {
      values.push_back(array.values.at(row * n_tokens + static_cast<std::size_t>(position)));
    }
  }
  return values;
}

// Over all tokens that have no row, by layer: [quantile, layer].
std::vector<float> quantiles_of(const ProfileArray& array, const std::vector<int>& positions, std::size_t n_layers) {
  const std::size_t columns = array.shape.back();
  std::vector<float> quantiles(kQuantiles.size() * n_layers, kNotMeasured), others;
  for (std::size_t l = 0; l < n_layers; ++l) {
    others.clear();
    for (std::size_t t = 0; t < columns; ++t) {
      const float value = array.values.at(l * columns + t);
      if (!std::isnan(value) && !std::ranges::binary_search(positions, static_cast<int>(t))) others.push_back(value);
    }
    if (others.empty()) continue;
    std::ranges::sort(others);
    for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
      quantiles[q * n_layers + l] = sorted_quantile(others, kQuantiles[q]);
    }
  }
  return quantiles;
}

NamedMap map_of(const ProfileArray& array, const Quantity& quantity, const LayerFigures& ordinary_norm) {
  const bool hidden = array.name == "hidden_norm";
  std::vector<float> values = array.values;
  for (std::size_t v = 0; hidden && v < values.size(); ++v) {
    const auto median = ordinary_norm.at(v / array.shape.back());
    values[v] = median && *median > 0 ? values[v] / *median : kNotMeasured;
  }
  return {std::string(quantity.id), quantity.cosine ? quantise_linear(values, -1, 1) : quantise_logarithmic(values)};
}

bool is_measured(float value) { return !std::isnan(value); }

// Rows of an array of which the results file keeps profiles, where it keeps no figures of the token.
void fill_rows(LayerData& data, const ProfileArray& array) {
  const auto n_layers = static_cast<std::size_t>(data.n_layers);
  std::vector<float> stored = rows_of(array, data.positions, n_layers);
  const auto found = std::ranges::find(data.rows, array.name, &NamedFigures::name);
  if (found == data.rows.end()) {
    data.rows.push_back({array.name, std::move(stored)});
    return;
  }
  for (std::size_t at = 0; at < stored.size(); at += n_layers) {
    const std::span row = std::span(found->values).subspan(at, n_layers);
    if (std::ranges::none_of(row, is_measured)) std::copy_n(stored.begin() + at, n_layers, row.begin());
  }
}

// Norm ratios of rows that have norms only.
void fill_norm_ratios(LayerData& data) {
  const auto norms = std::ranges::find(data.rows, "hidden_norm", &NamedFigures::name);
  const auto ratios = std::ranges::find(data.rows, "norm_ratio", &NamedFigures::name);
  if (norms == data.rows.end() || ratios == data.rows.end()) return;
  const std::size_t n_layers = data.ordinary_norm.size();
  for (std::size_t at = 0; at < ratios->values.size(); ++at) {
    const float ordinary = data.ordinary_norm[at % n_layers];
    if (!is_measured(ratios->values[at]) && ordinary > 0) ratios->values[at] = norms->values[at] / ordinary;
  }
}

template <typename T>
const T* named(const std::vector<T>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &T::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string_view> head_quantities() {
  std::vector<std::string_view> names;
  for (const ProfileField& field : profile_fields()) {
    if (const auto name = quantity_by_head(field); !name.empty()) names.push_back(name);
  }
  return names;
}

const NamedFigures* LayerData::row(std::string_view name) const { return named(rows, name); }
const NamedFigures* LayerData::head(std::string_view name) const { return named(heads, name); }
const NamedFigures* LayerData::quantile(std::string_view name) const { return named(quantiles, name); }
const NamedMap* LayerData::map(std::string_view name) const { return named(maps, name); }

LayerData layer_data(const ScanFile& file, const StoredDocument& document, const Detection& detection, bool with_maps) {
  const SequenceFigures& figures = document.figures;
  const auto n_layers = static_cast<std::size_t>(figures.n_layers);
  LayerData data;
  data.n_layers = figures.n_layers;
  data.n_tokens = figures.n_tokens;
  data.positions = row_positions(detection);
  for (const auto& field : kTokenFields) {
    data.rows.push_back({std::string(field.name), rows_of(figures, data.positions, field.member)});
  }
  for (const auto& norm : figures.ordinary_norm) data.ordinary_norm.push_back(norm.value_or(kNotMeasured));
  const std::vector<ProfileShape> shapes = file.profile_shapes(document.ordinal);
  const auto is_kept = [&](std::string_view name) {
    return std::ranges::find(shapes, name, &ProfileShape::name) != shapes.end();
  };
  for (const ProfileField& field : profile_fields()) {
    const Quantity* quantity = quantity_of_array(field.name);
    if (field.axes != ProfileAxes::kToken || quantity == nullptr || !is_kept(field.name)) continue;
    const ProfileArray array = file.profile(document.ordinal, std::string(field.name));
    fill_rows(data, array);
    data.quantiles.push_back({array.name, quantiles_of(array, data.positions, n_layers)});
    if (with_maps) data.maps.push_back(map_of(array, *quantity, figures.ordinary_norm));
  }
  fill_norm_ratios(data);
  data.n_heads = file.model().facts.n_heads_max;
  for (const ProfileField& field : profile_fields()) {
    const std::string_view name = quantity_by_head(field);
    if (name.empty() || !is_kept(field.name)) continue;
    std::vector<float> values = heads_of(file.profile(document.ordinal, std::string(field.name)), data.positions);
    const bool measured = std::ranges::any_of(values, [](float value) { return !std::isnan(value); });
    if (measured) data.heads.push_back({std::string(name), std::move(values)});
  }
  return data;
}

}  // namespace sinkscope
