#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "levels/level_search.h"
#include "levels/levels.h"

namespace sinkscope {
namespace {

constexpr int kSeparation = 3;
// The widths that docs/levels.md gives a level: up to 1.4 layers in l_start, up to 2 in l_end.
constexpr int kStartWidths = 5, kEndWidths = 6;

// Records drawn from the documented model: levels with bells in both layers, ends that are censored from the horizon
// on, and noise.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {
    n_layers = 24 + below(40);
    horizon = n_layers - 4;
  }

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  LevelComponent any_level() {
    LevelComponent level;
    level.l_start = 2 + below(n_layers - 14);
    level.l_end = std::min(n_layers - 1, level.l_start + 4 + below(n_layers - level.l_start - 4));
    level.start_jitter = static_cast<std::size_t>(below(kStartWidths));
    level.end_jitter = static_cast<std::size_t>(below(kEndWidths));
    return level;
  }

  // Whether two lie so far from each other that their bells hardly meet.
  bool are_separated(const LevelComponent& a, const LevelComponent& b) const {
    const auto far = [](int distance, std::size_t jitter_a, std::size_t jitter_b) {
      return distance >= std::max<double>(kSeparation, 3 * (kJitters[jitter_a] + kJitters[jitter_b]));
    };
    return far(std::abs(a.l_start - b.l_start), a.start_jitter, b.start_jitter) ||
           far(std::abs(std::min(a.l_end, horizon) - std::min(b.l_end, horizon)), a.end_jitter, b.end_jitter);
  }

  // 20 to 60 sinks of each level, and a tenth as many of none.
  std::vector<LayerCell> records() {
    std::map<std::tuple<int, int, bool>, double> cells;
    const auto add = [&](int l_start, int l_end) {
      l_start = std::clamp(l_start, 0, n_layers - 1);
      l_end = std::clamp(l_end, l_start, n_layers - 1);
      const bool censored = l_end >= horizon;
      ++cells[{l_start, censored ? std::min(l_end, horizon + below(2)) : l_end, censored}];
    };
    int total = 0;
    for (const LevelComponent& level : levels) {
      const int n = 20 + below(41);
      total += n;
      for (int i = 0; i < n; ++i) {
        const int l_start = drawn(level.l_start, kJitters[level.start_jitter]);
        add(l_start, drawn(level.l_end, kJitters[level.end_jitter]));
      }
    }
    for (int i = 0; i < total / 10; ++i) {
      const int a = below(horizon), b = below(horizon);
      add(std::min(a, b), std::max(a, b) + 1);
    }
    std::vector<LayerCell> records;
    for (const auto& [cell, n] : cells) records.push_back({std::get<0>(cell), std::get<1>(cell), std::get<2>(cell), n});
    return records;
  }

  int n_layers, horizon;
  std::vector<LevelComponent> levels;

 private:
  int drawn(int centre, double sigma) {
    std::vector<double> weights;
    for (int d = -8; d <= 8; ++d) weights.push_back(std::exp(-0.5 * d * d / (sigma * sigma)));
    double left = static_cast<double>(random_()) / 4294967296.0;
    double sum = 0;
    for (const double weight : weights) sum += weight;
    left *= sum;
    for (int d = -8; d <= 8; ++d) {
      left -= weights[static_cast<std::size_t>(d + 8)];
      if (left < 0) return centre + d;
    }
    return centre;
  }

  std::mt19937 random_;
};

std::string text_of(const std::vector<LevelComponent>& levels) {
  std::string text;
  for (const LevelComponent& level : levels) {
    text += " (" + std::to_string(level.l_start) + "-" + std::to_string(level.l_end) + ", +-" +
            std::to_string(kJitters[level.start_jitter]) + ", +-" + std::to_string(kJitters[level.end_jitter]) + ")";
  }
  return text;
}

// In how many of the models another number of levels is found than is there. Records are a sample: of a hundred even
// the true rule would miss a few, which is why the count is bounded and not zero.
template <typename Make>
int n_wrong(const Make& make, std::size_t (*expected)(const Model&)) {
  constexpr unsigned kModels = 200;
  int wrong = 0;
  for (unsigned seed = 0; seed < kModels; ++seed) {
    Model model(seed);
    make(model);
    const LevelSearch search{{kSeparation, model.horizon}, 12, 3};
    const LevelMixture found = search_levels(model.records(), model.n_layers, search);
    if (found.components.size() == expected(model)) continue;
    ++wrong;
    std::printf("seed %u, %d layers: made%s, found%s\n", seed, model.n_layers, text_of(model.levels).c_str(),
                text_of(found.components).c_str());
  }
  return wrong;
}

TEST(Separation, AsManyLevelsAreFoundAsWereMade) {
  const auto make = [](Model& model) {
    const int n = 1 + model.below(5);
    for (int tries = 0; tries < 200 && static_cast<int>(model.levels.size()) < n; ++tries) {
      const LevelComponent level = model.any_level();
      if (std::ranges::all_of(model.levels, [&](const auto& other) { return model.are_separated(level, other); })) {
        model.levels.push_back(level);
      }
    }
  };
  EXPECT_LE(n_wrong(make, [](const Model& model) { return model.levels.size(); }), 4);
}

TEST(Separation, TwoThatLieNearerThanLevelsMayAreOne) {
  const auto make = [](Model& model) {
    LevelComponent level;
    level.l_start = 3 + model.below(model.n_layers - 16);
    level.l_end = std::min(model.horizon - 3, level.l_start + 3 + model.below(12));
    level.start_jitter = static_cast<std::size_t>(model.below(kStartWidths));
    level.end_jitter = static_cast<std::size_t>(model.below(kEndWidths));
    LevelComponent other = level;
    const int way = model.below(3);
    if (way != 1) other.l_start += 1 + model.below(2);
    if (way != 0) other.l_end = std::max(other.l_start, other.l_end + (model.below(2) == 0 ? 2 : -2));
    model.levels = {level, other};
  };
  EXPECT_LE(n_wrong(make, [](const Model&) { return std::size_t{1}; }), 6);
}

// Documents with one sink each, whose layers are given.
SinkCorpus corpus_of(int n_layers, const std::vector<std::pair<int, int>>& layers, int documents_each) {
  SinkCorpus corpus;
  corpus.n_layers = n_layers;
  for (const auto& [l_start, l_end] : layers) {
    for (int i = 0; i < documents_each; ++i) {
      CorpusDocument document;
      document.n_tokens = document.eligible_end = 500;
      document.has_primary = true;
      document.horizon = n_layers - 4;
      CorpusSink sink;
      sink.position = 100;
      sink.l_start = l_start;
      sink.l_end = l_end;
      document.sinks.push_back(sink);
      corpus.documents.push_back(std::move(document));
    }
  }
  return corpus;
}

TEST(Separation, EndsTwoLayersApartAreOneLevel) {
  for (const int n_layers : {24, 30, 48}) {
    const LevelReport report = find_levels(corpus_of(n_layers, {{10, 20}, {10, 22}}, 10), {});
    ASSERT_EQ(report.levels.size(), 1U) << n_layers;
    EXPECT_EQ(report.levels[0].rate.count, 20);
    EXPECT_TRUE(report.weak.empty());
  }
}

TEST(Separation, StartsTwoLayersApartAreOneLevelAndNoneIsLeftOut) {
  for (const int n_layers : {24, 30, 48}) {
    const LevelReport report = find_levels(corpus_of(n_layers, {{10, 20}, {12, 20}}, 10), {});
    ASSERT_EQ(report.levels.size(), 1U) << n_layers;
    EXPECT_EQ(report.levels[0].rate.count, 20);
    EXPECT_EQ(report.levels[0].l_start, 11);
    EXPECT_EQ(report.unassigned.count, 0);
  }
}

TEST(Separation, ThreeLayersApartAreTwoLevels) {
  for (const auto& other : {std::pair{13, 20}, std::pair{10, 23}}) {
    const LevelReport report = find_levels(corpus_of(48, {{10, 20}, other}, 10), {});
    ASSERT_EQ(report.levels.size(), 2U);
    EXPECT_EQ(report.levels[0].rate.count, 10);
    EXPECT_EQ(report.levels[1].rate.count, 10);
  }
}

TEST(Separation, OneWideLevelIsLikelierThanANarrowOneAndNoise) {
  const std::vector<LayerCell> cells = {{10, 20, false, 10}, {12, 20, false, 10}};
  const LevelMixture found = search_levels(cells, 30, {{kSeparation, 26}, 12, 3});
  EXPECT_NEAR(bayes_criterion(found, cells), 78, 0.5);
}

}  // namespace
}  // namespace sinkscope
