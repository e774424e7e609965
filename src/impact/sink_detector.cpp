#include "impact/sink_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/random.h"
#include "base/vectors.h"
#include "base/views.h"
#include "base/words.h"
#include "impact/kept_tokens.h"

namespace sinkscope {
namespace {

constexpr std::uint64_t kPartsStream = 0x7061727473;  // "parts"

// Thresholds that are tried: norm ratios 1.5, 1.8, ... 427; cosines 0.1, 0.15, ... 0.95.
constexpr std::size_t kRatios = 32, kCosines = 18;
double ratio_at(std::size_t i) { return 1.5 * std::pow(1.2, static_cast<double>(i)); }
double cosine_at(std::size_t i) { return 0.1 + 0.05 * static_cast<double>(i); }

const std::array<double, kRatios>& ratio_thresholds() {
  static const std::array<double, kRatios> all = [] {
    std::array<double, kRatios> values{};
    for (std::size_t i = 0; i < kRatios; ++i) values[i] = ratio_at(i);
    return values;
  }();
  return all;
}
const std::array<double, kCosines>& cosine_thresholds() {
  static const std::array<double, kCosines> all = [] {
    std::array<double, kCosines> values{};
    for (std::size_t i = 0; i < kCosines; ++i) values[i] = cosine_at(i);
    return values;
  }();
  return all;
}

// Positions of which nothing is true or false: the primary's set, and those with too few queries behind them for a
// verdict. Ascending.
std::vector<int> uncounted(const Detection& detection) {
  std::vector<int> positions = primary_set(detection);
  const std::vector<int> sinks = primary_and_sinks(detection);
  for (const Run& run : detection.runs) {
    const bool is_sink = std::ranges::binary_search(sinks, run.position);  // by another run
    if (run.verdict == Verdict::kUnscored && !is_sink) positions.push_back(run.position);
  }
  std::ranges::sort(positions);
  return positions;
}

struct Counts {
  std::int64_t sinks = 0, others = 0;
};

// Tokens of one layer, by how many thresholds they reach.
class Grid {
 public:
  void add(double ratio, double cosine, bool is_sink) {
    const auto r = std::ranges::upper_bound(ratio_thresholds(), ratio) - ratio_thresholds().begin();
    const auto c = std::ranges::upper_bound(cosine_thresholds(), cosine) - cosine_thresholds().begin();
    Counts& cell = cells_[index(r)][index(c)];
    ++(is_sink ? cell.sinks : cell.others);
  }
  void add(const Grid& other) {
    for (std::size_t r = 0; r <= kRatios; ++r) {
      for (std::size_t c = 0; c <= kCosines; ++c) {
        cells_[r][c].sinks += other.cells_[r][c].sinks;
        cells_[r][c].others += other.cells_[r][c].others;
      }
    }
  }
  // Tokens that reach the norm ratio number r and the cosine number c.
  Counts reaching(std::size_t r, std::size_t c) const {
    Counts counts;
    for (std::size_t i = r + 1; i <= kRatios; ++i) {
      for (std::size_t j = c + 1; j <= kCosines; ++j) {
        counts.sinks += cells_[i][j].sinks;
        counts.others += cells_[i][j].others;
      }
    }
    return counts;
  }
  std::int64_t n_sinks() const {
    std::int64_t n = 0;
    for (const auto& row : cells_) {
      for (const Counts& cell : row) n += cell.sinks;
    }
    return n;
  }

 private:
  std::array<std::array<Counts, kCosines + 1>, kRatios + 1> cells_{};
};

struct Choice {
  std::size_t layer = 0, ratio = 0, cosine = 0;
};

// By layer, on the documents that choose.
Choice choose(const std::vector<Grid>& layers) {
  double best = -1;
  std::size_t most = 0;
  Choice choice;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const auto n_sinks = static_cast<double>(layers[layer].n_sinks());
    double best_here = -1;
    std::vector<std::pair<std::size_t, std::size_t>> tied;
    for (std::size_t r = 0; r < kRatios; ++r) {
      for (std::size_t c = 0; c < kCosines; ++c) {
        const Counts named = layers[layer].reaching(r, c);
        const double f1 = 2 * static_cast<double>(named.sinks) /
                          (n_sinks + static_cast<double>(named.sinks) + static_cast<double>(named.others));
        if (f1 < best_here) continue;
        if (f1 > best_here) tied.clear();
        best_here = f1;
        tied.emplace_back(r, c);
      }
    }
    if (best_here < best || (best_here == best && tied.size() <= most)) continue;
    best = best_here;
    most = tied.size();
    double middle_r = 0, middle_c = 0;
    for (const auto& [r, c] : tied) {
      middle_r += static_cast<double>(r) / static_cast<double>(most);
      middle_c += static_cast<double>(c) / static_cast<double>(most);
    }
    const auto middle = std::ranges::min_element(tied, std::ranges::less(), [&](const auto& pair) {
      return std::hypot(static_cast<double>(pair.first) - middle_r, static_cast<double>(pair.second) - middle_c);
    });
    choice = {layer, middle->first, middle->second};
  }
  return choice;
}

// One sequence of the first pass: where its primary lies, and how long ordinary states are, by layer.
struct Directions {
  std::vector<std::vector<float>> primary;  // [n_layers] of [d_model], length 1; empty without a primary
  std::vector<double> ordinary_norm;        // [n_layers]
};

class DirectionMeter final : public Observer {
 public:
  DirectionMeter(int n_layers, const SequenceToAblate& sequence)
      : detection_(sequence.detection), besides_(primary_and_sinks(sequence.detection)), norms_(index(n_layers)),
        primary_(index(n_layers)) {}

  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const int token = event.first_token + static_cast<int>(row);
      const auto state = event.states.row(row);
      const double length = length_of(state);
      if (!std::ranges::binary_search(besides_, token)) norms_[index(event.layer)].push_back(length);
      if (!detection_.primary || detection_.primary->position != token || !(length > 0)) continue;
      auto& direction = primary_[index(event.layer)];
      direction.assign(state.begin(), state.end());
      for (float& x : direction) x = static_cast<float>(static_cast<double>(x) / length);
    }
  }
  Directions take() {
    Directions directions;
    if (detection_.primary) directions.primary = std::move(primary_);
    for (std::vector<double>& norms : norms_) directions.ordinary_norm.push_back(norms.empty() ? 0.0 : median_of(norms));
    return directions;
  }

 private:
  const Detection& detection_;
  std::vector<int> besides_;
  std::vector<std::vector<double>> norms_;
  std::vector<std::vector<float>> primary_;
};

// What states are held against, by layer.
struct Axes {
  std::vector<std::vector<float>> axis;  // [n_layers] of [d_model]
  std::vector<double> ordinary_norm;     // [n_layers]
};

// What the first pass saw, by part.
class SeenDirections {
 public:
  SeenDirections(int n_layers, int d_model)
      : sums_(kDetectorParts, Matrix<double>(index(n_layers), index(d_model))),
        norms_(kDetectorParts, std::vector<std::vector<double>>(index(n_layers))) {}

  void add(std::size_t part, const Directions& one) {
    for (std::size_t layer = 0; layer < one.ordinary_norm.size(); ++layer) {
      norms_[part][layer].push_back(one.ordinary_norm[layer]);
      if (one.primary.empty()) continue;
      has_primary_ = true;
      const auto sum = sums_[part].row(layer);
      for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += static_cast<double>(one.primary[layer][d]);
    }
  }
  bool has_primary() const { return has_primary_; }

  // Of all documents but those of one part; of all where there is no such part.
  Axes without(std::size_t left_out) const {
    Axes axes;
    for (std::size_t layer = 0; layer < sums_.front().rows(); ++layer) {
      std::vector<double> sum(sums_.front().cols(), 0.0), norms;
      for (std::size_t part = 0; part < kDetectorParts; ++part) {
        if (part == left_out) continue;
        norms.insert(norms.end(), norms_[part][layer].begin(), norms_[part][layer].end());
        const auto of_part = sums_[part].row(layer);
        for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += of_part[d];
      }
      const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
      std::vector<float>& axis = axes.axis.emplace_back(sum.size(), 0.0F);
      if (length > 0) {
        for (std::size_t d = 0; d < sum.size(); ++d) axis[d] = static_cast<float>(sum[d] / length);
      }
      axes.ordinary_norm.push_back(norms.empty() ? 0.0 : median_of(norms));
    }
    return axes;
  }

 private:
  std::vector<Matrix<double>> sums_;                     // [parts] of [n_layers, d_model]
  std::vector<std::vector<std::vector<double>>> norms_;  // [parts][n_layers][documents]
  bool has_primary_ = false;
};

// The second pass: tokens of one sequence under several axes, by layer.
class GridMeter final : public Observer {
 public:
  // axes  [axes] of which some are wanted
  GridMeter(const SequenceToAblate& sequence, const std::vector<Axes>& axes, int n_layers)
      : axes_(axes), uncounted_(uncounted(sequence.detection)), sinks_(primary_and_sinks(sequence.detection)),
        grids_(axes.size(), std::vector<Grid>(index(n_layers))) {}

  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override {
    const std::size_t layer = index(event.layer);
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const int token = event.first_token + static_cast<int>(row);
      if (std::ranges::binary_search(uncounted_, token)) continue;
      const auto state = event.states.row(row);
      const double length = length_of(state);
      if (!(length > 0)) continue;
      const bool is_sink = std::ranges::binary_search(sinks_, token);
      for (std::size_t a = 0; a < axes_.size(); ++a) {
        const double ordinary = axes_[a].ordinary_norm[layer];
        const double ratio = ordinary > 0 ? length / ordinary : 0;
        grids_[a][layer].add(ratio, dot(state, axes_[a].axis[layer]) / length, is_sink);
      }
    }
  }
  const std::vector<std::vector<Grid>>& grids() const { return grids_; }  // [axes][n_layers]

 private:
  const std::vector<Axes>& axes_;
  std::vector<int> uncounted_, sinks_;
  std::vector<std::vector<Grid>> grids_;
};

SinkDetector detector_of(const Choice& choice, const Axes& axes) {
  return {static_cast<int>(choice.layer), axes.axis[choice.layer], static_cast<float>(axes.ordinary_norm[choice.layer]),
          static_cast<float>(ratio_at(choice.ratio)), static_cast<float>(cosine_at(choice.cosine))};
}

void add(std::vector<Grid>& to, const std::vector<Grid>& from) {
  for (std::size_t layer = 0; layer < to.size(); ++layer) to[layer].add(from[layer]);
}

}  // namespace

bool SinkDetector::names(std::span<const float> state) const {
  const double length = length_of(state);
  return length >= static_cast<double>(min_norm_ratio) * static_cast<double>(ordinary_norm) && length > 0 &&
         dot(state, axis) / length >= static_cast<double>(min_cosine);
}

std::vector<int> SinkDetector::named(MatrixView<const float> states) const {
  if (states.cols() != axis.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("detector: expected states of {} numbers, as its axis has, got {}",
                                               axis.size(), states.cols()));
  }
  std::vector<int> positions;
  for (std::size_t row = 0; row < states.rows(); ++row) {
    if (names(states.row(row))) positions.push_back(static_cast<int>(row));
  }
  return positions;
}

void NamedPositions::on_state(const StateEvent& event) {
  for (const int row : detector_.named(event.states)) positions_.push_back(event.first_token + row);
}

std::map<std::string, std::size_t> detector_parts(std::vector<std::string> units, std::uint64_t seed) {
  std::ranges::sort(units);
  RandomStream random(seed, kPartsStream);
  random.shuffle(std::span(units));
  std::map<std::string, std::size_t> parts;
  for (std::size_t u = 0; u < units.size(); ++u) parts[units[u]] = u % kDetectorParts;
  return parts;
}

TrainedDetector train_detector(Model& model, std::int64_t n_sequences,
                               const std::function<SequenceToAblate(std::int64_t)>& load,
                               const DetectorRequest& request) {
  const int n_layers = model.facts().n_layers, d_model = model.facts().d_model;
  const std::int64_t n = std::min(n_sequences, request.max_documents.value_or(n_sequences));
  const auto tell = [&](std::int64_t done) {
    if (request.on_progress) request.on_progress(done, 2 * n, "detector: passes");
  };

  std::vector<std::string> units, units_of_sequences;
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < n; ++i) {
    units_of_sequences.push_back(load(i).unit);
    if (seen.insert(units_of_sequences.back()).second) units.push_back(units_of_sequences.back());
  }
  TrainedDetector trained;
  trained.n_documents = std::ssize(units);
  trained.part_of = detector_parts(std::move(units), request.seed);
  std::vector<std::size_t> parts;
  for (const std::string& unit : units_of_sequences) parts.push_back(trained.part_of.at(unit));

  SeenDirections directions(n_layers, d_model);
  for (std::int64_t i = 0; i < n; ++i) {
    tell(i);
    const SequenceToAblate sequence = load(i);
    DirectionMeter meter(n_layers, sequence);
    model.run({{sequence.tokens}}, meter, request.run);
    directions.add(parts[index(i)], meter.take());
  }
  if (!directions.has_primary()) {
    throw Error(ErrorCode::kInput, fmt::format("detector: expected a sequence with a primary, whose direction is the axis; "
                                               "none of {} has one", n));
  }
  std::vector<Axes> axes;  // without each part, and of all
  for (std::size_t part = 0; part <= kDetectorParts; ++part) axes.push_back(directions.without(part));

  // [axes][n_layers]: of the documents that choose, and of those that they judge.
  std::vector<std::vector<Grid>> choosing(axes.size(), std::vector<Grid>(index(n_layers))), judged = choosing;
  for (std::int64_t i = 0; i < n; ++i) {
    tell(n + i);
    const SequenceToAblate sequence = load(i);
    GridMeter meter(sequence, axes, n_layers);
    model.run({{sequence.tokens}}, meter, request.run);
    for (std::size_t a = 0; a < axes.size(); ++a) {
      add(a == parts[index(i)] ? judged[a] : choosing[a], meter.grids()[a]);
    }
  }
  const std::int64_t n_sinks = choosing.back().front().n_sinks();
  if (n_sinks == 0) {
    throw Error(ErrorCode::kInput, fmt::format("detector: expected a sequence with sinks beside the primary; none of {} "
                                               "has one", n));
  }
  trained.detector = detector_of(choose(choosing.back()), axes.back());
  if (trained.n_documents < request.min_documents) {
    trained.reason = fmt::format("not enough: {}, {} needed", counted(trained.n_documents, "document"), request.min_documents);
    return trained;
  }
  Counts named;
  for (std::size_t part = 0; part < kDetectorParts; ++part) {
    const Choice choice = choose(choosing[part]);
    trained.judges.push_back(detector_of(choice, axes[part]));
    const Counts here = judged[part][choice.layer].reaching(choice.ratio, choice.cosine);
    named.sinks += here.sinks;
    named.others += here.others;
  }
  trained.n_sinks = n_sinks;
  trained.n_found = named.sinks;
  trained.n_false = named.others;
  trained.recall = static_cast<double>(named.sinks) / static_cast<double>(n_sinks);
  if (named.sinks + named.others > 0) {
    trained.precision = static_cast<double>(named.sinks) / static_cast<double>(named.sinks + named.others);
  }
  trained.reason = fmt::format("{} in {} parts: each was judged by what the others chose",
                               counted(trained.n_documents, "document"), kDetectorParts);
  return trained;
}

}  // namespace sinkscope
