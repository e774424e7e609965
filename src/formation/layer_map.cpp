#include "formation/layer_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/components.h"
#include "base/statistics/random.h"
#include "base/vectors.h"
#include "formation/parts.h"

namespace sinkscope {
namespace {

// Rows that grow, until the MLP is asked once for all of them.
class Inputs {
 public:
  explicit Inputs(std::size_t d) : d_(d) {}
  std::size_t add(std::span<const float> direction, double scale) {
    for (const float x : direction) values_.push_back(static_cast<float>(static_cast<double>(x) * scale));
    return values_.size() / d_ - 1;
  }
  MatrixView<const float> view() const { return {values_.data(), values_.size() / d_, d_}; }

 private:
  std::size_t d_;
  std::vector<float> values_;
};

std::vector<float> mean_of(const Matrix<float>& rows) {
  std::vector<double> sum(rows.cols());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += static_cast<double>(rows(i, c));
  }
  std::vector<float> mean;
  for (const double value : sum) mean.push_back(static_cast<float>(value / static_cast<double>(rows.rows())));
  return mean;
}

double median_norm(const Matrix<float>& rows) {
  std::vector<double> norms;
  for (std::size_t i = 0; i < rows.rows(); ++i) norms.push_back(length_of(rows.row(i)));
  return median_of(std::span<double>(norms));
}

// Components of sinks and controls together; sinks project higher.
Components components_of(const MapVectors& vectors, std::size_t n) {
  Matrix<float> rows(vectors.sinks.rows() + vectors.controls.rows(), vectors.sinks.cols());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const bool sink = i < vectors.sinks.rows();
    std::ranges::copy(sink ? vectors.sinks.row(i) : vectors.controls.row(i - vectors.sinks.rows()),
                      rows.row(i).begin());
  }
  Components components = principal_components(rows.view(), n);
  const std::vector<float> of_sinks = mean_of(vectors.sinks), of_controls = mean_of(vectors.controls);
  for (std::size_t k = 0; k < components.directions.rows(); ++k) {
    const auto direction = components.directions.row(k);
    double apart = 0;
    for (std::size_t c = 0; c < direction.size(); ++c) {
      apart += direction[c] * (static_cast<double>(of_sinks[c]) - static_cast<double>(of_controls[c]));
    }
    if (apart >= 0) continue;
    for (double& value : direction) value = -value;
  }
  return components;
}

Matrix<float> projections_of(const Matrix<float>& rows, const Components& components, std::size_t n) {
  Matrix<float> result(rows.rows(), std::min(n, components.directions.rows()));
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (std::size_t k = 0; k < result.cols(); ++k) {
      double sum = 0;
      for (std::size_t c = 0; c < rows.cols(); ++c) {
        sum += components.directions(k, c) * (static_cast<double>(rows(i, c)) - components.mean[c]);
      }
      result(i, k) = static_cast<float>(sum);
    }
  }
  return result;
}

// Directions of length 1 that nothing has chosen.
std::vector<std::vector<float>> isotropic_directions(std::size_t d, const ExplainOptions& options) {
  RandomStream random(options.seed, 1);
  std::vector<std::vector<float>> directions;
  for (int i = 0; i < options.n_chance; ++i) directions.push_back(random_direction(d, random));
  return directions;
}

std::vector<std::vector<float>> differences_of(const Matrix<float>& ordinary, const ExplainOptions& options) {
  std::vector<std::vector<float>> directions;
  if (ordinary.rows() < 2) return directions;
  RandomStream random(options.seed, 2);
  for (int i = 0; i < options.n_chance; ++i) {
    const std::size_t a = random.below(ordinary.rows());
    const std::size_t b = (a + 1 + random.below(ordinary.rows() - 1)) % ordinary.rows();
    std::vector<float> difference(ordinary.cols());
    for (std::size_t c = 0; c < difference.size(); ++c) difference[c] = ordinary(a, c) - ordinary(b, c);
    const double length = length_of(difference);
    if (!(length > 0)) continue;  // two tokens with one input
    for (float& value : difference) value = static_cast<float>(static_cast<double>(value) / length);
    directions.push_back(std::move(difference));
  }
  return directions;
}

// A write, seen along the axis.
struct Seen {
  double norm_ratio = 0;
  std::optional<double> cos;
};

class Writes {
 public:
  Writes(Matrix<float> rows, const MapVectors& vectors) : rows_(std::move(rows)), vectors_(vectors) {}
  Seen seen(std::size_t row) const {
    return {length_of(rows_.row(row)) / vectors_.norm, cosine(rows_.row(row), vectors_.axis)};
  }
  std::optional<double> cos_primary(std::size_t row) const { return cosine(rows_.row(row), vectors_.primary_write); }

 private:
  Matrix<float> rows_;
  const MapVectors& vectors_;
};

// Both signs of each direction at one scale: the rows of its inputs.
std::vector<std::size_t> add_both_signs(Inputs& inputs, const std::vector<std::vector<float>>& directions,
                                        double scale) {
  std::vector<std::size_t> rows;
  for (const auto& direction : directions) {
    for (const double sign : {-1.0, 1.0}) rows.push_back(inputs.add(direction, sign * scale));
  }
  return rows;
}

struct Hits {
  int n = 0, hits = 0, both_signs = 0;
  void add(const std::optional<double>& cos, double least) {
    ++n;
    if (!cos) return;
    hits += *cos >= least ? 1 : 0;
    both_signs += std::abs(*cos) >= least ? 1 : 0;
  }
  std::optional<double> frac(int count) const {
    return n > 0 ? std::optional(static_cast<double>(count) / n) : std::nullopt;
  }
};

NullDirections null_of(const Writes& writes, const std::vector<std::size_t>& rows, const ExplainOptions& options) {
  NullDirections null;
  null.n = static_cast<int>(rows.size());
  Hits hits;
  std::vector<double> cosines, norms;
  for (const std::size_t row : rows) {
    const Seen seen = writes.seen(row);
    hits.add(seen.cos, options.hit_cos);
    if (seen.cos) cosines.push_back(*seen.cos);
    norms.push_back(seen.norm_ratio);
  }
  null.hits_frac = hits.frac(hits.hits);
  null.both_signs_frac = hits.frac(hits.both_signs);
  null.cos_p50 = quantile_of(cosines, 0.5);
  null.norm_ratio_p50 = quantile_of(norms, 0.5);
  null.norm_ratio_p99 = quantile_of(norms, 0.99);
  return null;
}

// Where the heights first reach half of that at lambda 1, between two points in proportion.
std::optional<double> half_of(const MapPath& path) {
  std::vector<double> heights;
  for (std::size_t i = 0; i < path.lambda.size(); ++i) {
    heights.push_back(path.norm_ratio[i] * path.cos[i].value_or(0));
  }
  const double full = heights[index(static_cast<int>(std::ranges::find(path.lambda, 1.0) - path.lambda.begin()))];
  if (!(full > 0)) return std::nullopt;
  for (std::size_t i = 1; i < heights.size(); ++i) {
    if (heights[i - 1] >= full / 2 || heights[i] < full / 2) continue;
    const double part = (full / 2 - heights[i - 1]) / (heights[i] - heights[i - 1]);
    return path.lambda[i - 1] + part * (path.lambda[i] - path.lambda[i - 1]);
  }
  return std::nullopt;
}

std::optional<double> fraction_of_large(const std::vector<float>& values, double least) {
  if (values.empty()) return std::nullopt;
  const auto n = std::ranges::count_if(values, [&](float value) { return static_cast<double>(value) >= least; });
  return static_cast<double>(n) / static_cast<double>(values.size());
}

MappedInputs real_inputs(const MapVectors& vectors, const ExplainOptions& options) {
  const std::vector<double> sinks(vectors.sink_heights.begin(), vectors.sink_heights.end());
  const std::vector<double> ordinary(vectors.ordinary_heights.begin(), vectors.ordinary_heights.end());
  MappedInputs inputs;
  inputs.sink_height_p50 = quantile_of(sinks, 0.5);
  inputs.sink_height_min = quantile_of(sinks, 0);
  inputs.ordinary_height_p99 = quantile_of(ordinary, 0.99);
  inputs.ordinary_height_max = quantile_of(ordinary, 1);
  inputs.ordinary_cos_over_98_frac = fraction_of_large(vectors.ordinary_cos, options.hit_cos);
  return inputs;
}

MapDecision decision_of(const MapVectors& vectors, const ExplainOptions& options) {
  MapDecision decision;
  decision.n_sets = static_cast<int>(vectors.mlp_input.size());
  std::set<int> sequences;
  for (const DecisionSet& set : vectors.mlp_input) sequences.insert(set.sequence);
  decision.n_sequences = static_cast<int>(sequences.size());
  decision.state = discriminate(vectors.state, options.n_exchanged, options.seed);
  decision.attention_write = discriminate(vectors.attention_write, options.n_exchanged, options.seed);
  decision.mlp_input = discriminate(vectors.mlp_input, options.n_exchanged, options.seed);
  decision.mlp_write = discriminate(vectors.mlp_write, options.n_exchanged, options.seed);
  return decision;
}

}  // namespace

bool LayerMap::specific() const {
  return inputs.sink_height_min && inputs.ordinary_height_p99 && *inputs.sink_height_min > *inputs.ordinary_height_p99;
}

std::optional<bool> LayerMap::generic() const {
  const double of_sinks = hits_typical.value_or(0), of_chance = isotropic_typical.hits_frac.value_or(0);
  if (of_sinks == 0 && of_chance == 0) return std::nullopt;
  return of_chance >= of_sinks / 2;
}

LayerMap map_of(const MapVectors& vectors, const MlpFunction& mlp, const ExplainOptions& options) {
  if (vectors.sinks.rows() == 0 || vectors.controls.rows() == 0 || vectors.ordinary.rows() == 0) {
    throw Error(ErrorCode::kInternal, "map: expected inputs of sinks, of controls and of ordinary tokens");
  }
  const std::size_t d = vectors.sinks.cols();
  LayerMap map;
  map.kind = vectors.kind;
  map.layer = vectors.layer;
  map.n_sinks = static_cast<int>(vectors.sinks.rows());
  map.n_controls = static_cast<int>(vectors.controls.rows());
  map.n_ordinary = static_cast<int>(vectors.ordinary.rows());
  map.n_sequences = static_cast<int>(std::set<int>(vectors.sequences.begin(), vectors.sequences.end()).size());
  const double typical = map.input_norm_median = median_norm(vectors.ordinary);
  map.scales = {-2 * typical, -typical,    -typical / 2, -typical / 4, -1, 1,
                typical / 4,  typical / 2, typical,      2 * typical};
  std::ranges::sort(map.scales);

  const Components components = components_of(vectors, index(options.n_components));
  Inputs inputs(d);
  std::vector<std::vector<std::size_t>> direction_rows;
  for (std::size_t k = 0; k < components.directions.rows(); ++k) {
    const auto row = components.directions.row(k);
    const std::vector<float> direction(row.begin(), row.end());
    direction_rows.emplace_back();
    for (const double scale : map.scales) direction_rows.back().push_back(inputs.add(direction, scale));
  }
  const auto isotropic = isotropic_directions(d, options), differences = differences_of(vectors.ordinary, options);
  const auto isotropic_unit = add_both_signs(inputs, isotropic, 1);
  const auto isotropic_typical = add_both_signs(inputs, isotropic, typical);
  const auto differences_unit = add_both_signs(inputs, differences, 1);
  const auto differences_typical = add_both_signs(inputs, differences, typical);
  const std::vector<float> from = mean_of(vectors.controls), to = mean_of(vectors.sinks);
  std::vector<std::size_t> path_rows;
  for (int step = -4; step <= 12; ++step) {
    map.path.lambda.push_back(step / 8.0);
    std::vector<float> at(d);
    for (std::size_t c = 0; c < d; ++c) at[c] = std::lerp(from[c], to[c], static_cast<float>(step) / 8);
    path_rows.push_back(inputs.add(at, 1));
  }
  const Writes writes(mlp(inputs.view()), vectors);

  Hits unit, at_typical;
  for (std::size_t k = 0; k < direction_rows.size(); ++k) {
    MappedDirection direction;
    direction.variance = components.variance[k];
    for (std::size_t s = 0; s < map.scales.size(); ++s) {
      const std::size_t row = direction_rows[k][s];
      const Seen seen = writes.seen(row);
      direction.norm_ratio.push_back(seen.norm_ratio);
      direction.cos.push_back(seen.cos);
      direction.cos_primary_write.push_back(writes.cos_primary(row));
      if (std::abs(map.scales[s]) == 1) unit.add(seen.cos, options.hit_cos);
      if (std::abs(map.scales[s]) == typical) at_typical.add(seen.cos, options.hit_cos);
    }
    map.directions.push_back(std::move(direction));
  }
  map.hits_unit = unit.frac(unit.hits);
  map.both_signs_unit = unit.frac(unit.both_signs);
  map.hits_typical = at_typical.frac(at_typical.hits);
  map.both_signs_typical = at_typical.frac(at_typical.both_signs);
  map.isotropic_unit = null_of(writes, isotropic_unit, options);
  map.isotropic_typical = null_of(writes, isotropic_typical, options);
  map.differences_unit = null_of(writes, differences_unit, options);
  map.differences_typical = null_of(writes, differences_typical, options);
  for (const std::size_t row : path_rows) {
    const Seen seen = writes.seen(row);
    map.path.norm_ratio.push_back(seen.norm_ratio);
    map.path.cos.push_back(seen.cos);
  }
  map.path.half_at = half_of(map.path);
  map.inputs = real_inputs(vectors, options);
  map.sink_projections = projections_of(vectors.sinks, components, index(options.n_projections));
  map.control_projections = projections_of(vectors.controls, components, index(options.n_projections));
  map.decision = decision_of(vectors, options);
  return map;
}

const LayerMap* main_map(std::span<const LayerMap> maps, SinkKind kind) {
  const LayerMap* main = nullptr;
  for (const LayerMap& map : maps) {
    if (map.kind != kind) continue;
    if (main == nullptr || map.inputs.sink_height_p50 > main->inputs.sink_height_p50) main = &map;
  }
  return main;
}

Claim map_claim(std::span<const LayerMap> maps, SinkKind kind, const ExplainOptions& options) {
  const Needed needed{options.min_sinks, options.min_sequences};
  const LayerMap* map = main_map(maps, kind);
  const int n_sinks = map == nullptr ? 0 : map->n_sinks, n_sequences = map == nullptr ? 0 : map->n_sequences;
  const std::string name(name_of(kind));
  if (n_sinks < needed.sinks || n_sequences < needed.sequences || !map->hits_typical) {
    return not_enough("map", name, n_sinks, n_sequences, needed);
  }
  Claim claim;
  claim.claim = "map";
  claim.kind = name;
  claim.n_sinks = n_sinks;
  claim.n_sequences = n_sequences;
  claim.needs = text_of(needed);
  claim.effect = map->hits_typical;
  claim.unit = "fraction of the inputs' main directions that are mapped onto the axis";
  const auto n = static_cast<std::int64_t>(2 * map->directions.size());
  claim.interval_95 = clopper_pearson(std::llround(*map->hits_typical * static_cast<double>(n)), n);
  claim.null = map->isotropic_typical.hits_frac;
  const auto generic = map->generic();
  claim.verdict = !map->specific()                  ? ClaimVerdict::kNo
                  : generic == std::optional(false) ? ClaimVerdict::kYes
                                                    : ClaimVerdict::kUnclear;
  claim.sentence = fmt::format(
      "MLP {} writes {:.1f} and more ordinary norms into sinks, 99 % of ordinary tokens {:.1f} "
      "at most",
      map->layer, *map->inputs.sink_height_min, *map->inputs.ordinary_height_p99);
  claim.sentence += !generic   ? "; no direction by itself is mapped onto the axis"
                    : *generic ? "; any direction is mapped onto the axis, not the sinks' alone"
                               : "; the sinks' directions are mapped onto the axis, others are not";
  return claim;
}

}  // namespace sinkscope
