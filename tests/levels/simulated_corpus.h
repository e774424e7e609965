#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "levels/levels.h"

namespace sinkscope {

// A corpus whose levels are known, with noise beside them.
struct Planted {
  int l_start, l_end;
  double per_document;  // sinks of it
};

struct Simulation {
  int n_layers = 48;
  int n_documents = 120;
  int horizon = 44;
  double jitter_chance = 0.3;  // of each layer to be one off
  double noise_per_document = 0;
  double noise_hazard = 0;  // > 0: noise ends with this chance in each layer; 0: all pairs alike
  int end_spread = 0;       // layers by which ends of levels lie on either side, all alike
  std::vector<Planted> planted;
  unsigned seed = 1;
};

inline double uniform(std::mt19937& random) { return static_cast<double>(random()) / 4294967296.0; }

inline int poisson(std::mt19937& random, double mean) {
  int n = 0;
  for (double product = uniform(random); product > std::exp(-mean); product *= uniform(random)) ++n;
  return n;
}

inline int jittered(std::mt19937& random, int layer, double chance) {
  if (uniform(random) >= chance) return layer;
  return layer + (random() % 2 == 0 ? 1 : -1);
}

inline void add_sink(CorpusDocument& document, std::mt19937& random, const Simulation& simulation, int l_start, int l_end) {
  CorpusSink sink;
  // What ends past the horizon is seen to end there, somewhere: that is what censoring is.
  const int last = simulation.horizon + static_cast<int>(random() % 2);
  sink.l_start = l_start;
  sink.l_end = std::min(l_end, last);
  sink.censored = sink.l_end >= simulation.horizon;
  sink.position = 8 + static_cast<int>(random() % 900);
  sink.token = static_cast<TokenId>(random() % 5);
  document.sinks.push_back(sink);
}

inline SinkCorpus simulate(const Simulation& simulation) {
  std::mt19937 random(simulation.seed);
  SinkCorpus corpus;
  corpus.n_layers = simulation.n_layers;
  for (int d = 0; d < simulation.n_documents; ++d) {
    CorpusDocument document;
    document.n_tokens = 1024;
    document.eligible_begin = 1;
    document.eligible_end = 1024 - 127;
    document.has_primary = true;
    document.horizon = simulation.horizon;
    for (const Planted& level : simulation.planted) {
      for (int n = poisson(random, level.per_document); n > 0; --n) {
        const int l_start = jittered(random, level.l_start, simulation.jitter_chance);
        const int spread = static_cast<int>(random() % static_cast<unsigned>(2 * simulation.end_spread + 1));
        const int l_end = level.l_end + spread - simulation.end_spread;
        add_sink(document, random, simulation, l_start, jittered(random, l_end, simulation.jitter_chance));
      }
    }
    for (int n = poisson(random, simulation.noise_per_document); n > 0; --n) {
      const int a = static_cast<int>(random() % static_cast<unsigned>(simulation.horizon));
      if (simulation.noise_hazard > 0) {
        int end = a + 1;
        while (end < simulation.n_layers && uniform(random) >= simulation.noise_hazard) ++end;
        add_sink(document, random, simulation, a, end);
        continue;
      }
      const int b = static_cast<int>(random() % static_cast<unsigned>(simulation.horizon));
      add_sink(document, random, simulation, std::min(a, b), std::max(a, b) + 1);
    }
    corpus.documents.push_back(std::move(document));
  }
  return corpus;
}

inline std::string text_of(const LevelReport& report) {
  std::string text;
  for (const Level& level : report.levels) {
    text += std::to_string(level.l_start) + "-" + std::to_string(level.l_end) + " x" +
            std::to_string(level.rate.count) + " stable " + std::to_string(level.stability.value_or(-1)) + "; ";
  }
  for (const WeakLevel& weak : report.weak) {
    text += "weak " + std::to_string(weak.l_start) + "-" + std::to_string(weak.l_end) + " x" +
            std::to_string(weak.count) + " stable " + std::to_string(weak.stability) + "; ";
  }
  return text;
}

inline void expect_found(const LevelReport& report, const Simulation& simulation) {
  const std::string text = "seed " + std::to_string(simulation.seed) + ": " + text_of(report);
  ASSERT_EQ(report.levels.size(), simulation.planted.size()) << text;
  for (std::size_t k = 0; k < report.levels.size(); ++k) {
    EXPECT_NEAR(report.levels[k].l_start, simulation.planted[k].l_start, 1) << text;
    const int end = std::min(simulation.planted[k].l_end, simulation.horizon);
    EXPECT_NEAR(std::min(report.levels[k].l_end, simulation.horizon), end, 1) << text;
    EXPECT_GE(report.levels[k].stability, 0.8);
    EXPECT_FALSE(report.levels[k].tentative);
  }
}

}  // namespace sinkscope
