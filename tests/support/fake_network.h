#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "measure/pack_meter.h"
#include "tests/support/fake_attention.h"
#include "tests/support/fake_figures.h"

namespace sinkscope {

// States and attention of one sequence that never went through a model: random, or set by a test.
struct FakeSequence {
  FakeSequence(const ModelFacts& facts, int length, unsigned seed)
      : n_tokens(length),
        embedding(static_cast<std::size_t>(length), static_cast<std::size_t>(facts.d_model)),
        mid(static_cast<std::size_t>(facts.n_layers), embedding),
        block(mid),
        read(mid),
        logit(static_cast<std::size_t>(facts.n_layers)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](Matrix<float>& matrix) {
      for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) matrix.data()[i] = normal(random);
    };
    fill(embedding);
    for (auto* all : {&mid, &block, &read}) {
      for (auto& matrix : *all) fill(matrix);
    }
    const auto tokens = static_cast<std::size_t>(length);
    for (auto& layer : logit) {
      layer = Cube<float>(static_cast<std::size_t>(facts.n_heads_max), tokens, tokens);
      for (std::size_t h = 0; h < layer.depth(); ++h) {
        for (std::size_t q = 0; q < tokens; ++q) {
          for (float& x : layer.row(h, q)) x = normal(random);
        }
      }
    }
  }

  // Attention of query q in one head: softmax over keys 0 .. q.
  std::vector<double> attention(std::size_t layer, std::size_t head, std::size_t query) const {
    std::vector<double> row(query + 1);
    double sum = 0;
    for (std::size_t k = 0; k <= query; ++k) {
      sum += row[k] = std::exp(static_cast<double>(logit[layer](head, query, k)));
    }
    for (double& x : row) x /= sum;
    return row;
  }

  int n_tokens;
  Matrix<float> embedding;
  std::vector<Matrix<float>> mid, block, read;  // [n_layers] of [n_tokens, d_model]; read: attention input of l + 1
  std::vector<Cube<float>> logit;               // [n_layers] of [n_heads, n_tokens, n_tokens]
};

inline ModelFacts fake_facts(int n_layers, int d_model, int n_heads) {
  ModelFacts facts;
  facts.n_layers = n_layers;
  facts.d_model = d_model;
  facts.n_heads_max = n_heads;
  const auto layers = static_cast<std::size_t>(n_layers);
  facts.n_heads.assign(layers, n_heads);
  facts.n_kv_heads.assign(layers, 1);
  facts.has_attention.assign(layers, true);
  facts.has_mid_residual.assign(layers, true);
  facts.has_writes.assign(layers, true);
  facts.has_attention_input.assign(layers, true);
  facts.cached_key_width.assign(layers, 0);
  facts.cached_value_width.assign(layers, 0);
  return facts;
}

// Shows sequences to a meter as the engine would: micro-batches of n_ubatch tokens, in one pack.
class FakeNetwork {
 public:
  FakeNetwork(const ModelFacts& facts, const std::vector<FakeSequence>& sequences)
      : facts_(facts), sequences_(sequences) {
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      pack_.sequences.emplace_back(static_cast<std::size_t>(sequences[s].n_tokens));
      std::iota(pack_.sequences.back().begin(), pack_.sequences.back().end(), 0);
      for (int t = 0; t < sequences[s].n_tokens; ++t) place_.push_back({s, static_cast<std::size_t>(t)});
    }
  }

  bool as_figures = false;  // states come as figures, as from a device
  double lost_mass = 0;     // of each head and micro-batch, to break conservation

  // after  called between micro-batches with the tokens that were shown
  std::vector<SequenceMeasurement> measure(
      int n_ubatch, const MeterOptions& options = {},
      const std::function<void(const PackMeter&, int)>& after = [](const PackMeter&, int) {}) const {
    PackMeter meter(facts_, pack_, options);
    for (int first = 0; first < pack_.n_tokens(); first += n_ubatch) {
      const int count = std::min(n_ubatch, pack_.n_tokens() - first);
      show(meter, ProbePoint::kEmbedding, -1, first, count, [](const FakeSequence& s) { return &s.embedding; });
      for (int layer = 0; layer < facts_.n_layers; ++layer) {
        const auto l = static_cast<std::size_t>(layer);
        show(meter, ProbePoint::kAttentionInput, layer, first, count,
             [&](const FakeSequence& s) { return &s.read[l - (l > 0)]; });
        if (meter.wants_attention(layer)) show_attention(meter, layer, first, count, options.min_distance);
        if (as_figures) {
          show_block_figures(meter, layer, first, count);
          continue;
        }
        show_writes(meter, layer, first, count);
        show(meter, ProbePoint::kMidResidual, layer, first, count, [&](const FakeSequence& s) { return &s.mid[l]; });
        show(meter, ProbePoint::kBlockOutput, layer, first, count, [&](const FakeSequence& s) { return &s.block[l]; });
      }
      meter.on_micro_batch_end(first, count);
      after(meter, first + count);
    }
    return meter.take();
  }

 private:
  struct Place {
    std::size_t sequence;
    std::size_t position;
  };

  template <typename Get>
  void show(PackMeter& meter, ProbePoint point, int layer, int first, int count, Get get) const {
    if (!meter.wants(point, layer)) return;
    Matrix<float> rows(static_cast<std::size_t>(count), static_cast<std::size_t>(facts_.d_model));
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const Place& place = place_[static_cast<std::size_t>(first) + i];
      const auto from = get(sequences_[place.sequence])->row(place.position);
      std::copy(from.begin(), from.end(), rows.row(i).begin());
    }
    if (as_figures && point == ProbePoint::kAttentionInput) {
      const FakeFigures figures(rows, rows_so_far(first + count, get), places(first, count), meter.figure_candidates());
      meter.on_state_figures({point, layer, first, count, figures.view(), {}});
    } else {
      meter.on_state({point, layer, first, std::as_const(rows).view()});
    }
  }

  std::vector<FakeFigures::Place> places(int first, int count) const {
    std::vector<FakeFigures::Place> places;
    for (int i = first; i < first + count; ++i) {
      const auto& [sequence, position] = place_[static_cast<std::size_t>(i)];
      places.push_back({static_cast<std::size_t>(i) - position, position});
    }
    return places;
  }
  // Vectors of the pack's tokens before `end`.
  template <typename Get>
  Matrix<float> rows_so_far(int end, Get get) const {
    Matrix<float> rows(static_cast<std::size_t>(end), static_cast<std::size_t>(facts_.d_model));
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      std::ranges::copy(get(sequences_[place_[i].sequence])->row(place_[i].position), rows.row(i).begin());
    }
    return rows;
  }

  // Writes, block output, and answers to what the meter asks about it.
  void show_block_figures(PackMeter& meter, int layer, int first, int count) const {
    const auto l = static_cast<std::size_t>(layer);
    const Matrix<float> before =
        rows_so_far(first + count, [&](const FakeSequence& s) { return l == 0 ? &s.embedding : &s.block[l - 1]; });
    const Matrix<float> mid = rows_so_far(first + count, [&](const FakeSequence& s) { return &s.mid[l]; });
    const Matrix<float> after = rows_so_far(first + count, [&](const FakeSequence& s) { return &s.block[l]; });
    const auto step = [&](const Matrix<float>& to, const Matrix<float>& from) {
      Matrix<float> rows(static_cast<std::size_t>(count), to.cols());
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        const std::size_t token = static_cast<std::size_t>(first) + i;
        for (std::size_t j = 0; j < rows.cols(); ++j) rows(i, j) = to(token, j) - from(token, j);
      }
      return rows;
    };
    const auto at = places(first, count);
    const auto candidates = meter.figure_candidates();
    const FakeFigures attention(step(mid, before), after, at, candidates),
        write(step(after, mid), after, at, candidates);
    const FakeFigures state(step(after, Matrix<float>(after.rows(), after.cols())), after, at, candidates);
    meter.on_state_figures({ProbePoint::kAttentionWrite, layer, first, count, attention.view(), {}});
    meter.on_state_figures({ProbePoint::kBlockOutput, layer, first, count, state.view(), write.view()});
    const FakeAnswers answers(state.rows(), at, meter.state_questions(layer));
    meter.on_state_answers(answers.view(layer, first));
  }

  // The network's own write nodes, in blocks where the meter wants these.
  void show_writes(PackMeter& meter, int layer, int first, int count) const {
    const auto l = static_cast<std::size_t>(layer);
    for (const ProbePoint point : {ProbePoint::kAttentionWrite, ProbePoint::kMlpWrite}) {
      if (!meter.wants(point, layer)) continue;
      Matrix<float> rows(static_cast<std::size_t>(count), static_cast<std::size_t>(facts_.d_model));
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        const Place& place = place_[static_cast<std::size_t>(first) + i];
        const FakeSequence& s = sequences_[place.sequence];
        const bool attention = point == ProbePoint::kAttentionWrite;
        const Matrix<float>& after = attention ? s.mid[l] : s.block[l];
        const Matrix<float>& before = !attention ? s.mid[l] : l == 0 ? s.embedding : s.block[l - 1];
        for (std::size_t j = 0; j < rows.cols(); ++j) {
          rows(i, j) = after(place.position, j) - before(place.position, j);
        }
      }
      meter.on_state({point, layer, first, std::as_const(rows).view()});
    }
  }

  void show_attention(PackMeter& meter, int layer, int first, int count, int min_distance) const {
    const auto l = static_cast<std::size_t>(layer);
    const auto rows = static_cast<std::size_t>(count);
    const auto watched = meter.watched_keys(layer);
    const auto n_heads = static_cast<std::size_t>(facts_.n_heads_max);
    FakeAttention attention(layer, first, count, facts_.n_heads_max, watched, min_distance);
    for (double& mass : attention.learned_mass) mass = -lost_mass;
    std::vector<float> key_norm(rows), value_norm(rows, static_cast<float>(layer + 1));
    for (std::size_t i = 0; i < rows; ++i) {
      const int token = first + static_cast<int>(i);
      const auto& [s, position] = place_[static_cast<std::size_t>(token)];
      const FakeSequence& sequence = sequences_[s];
      key_norm[i] = static_cast<float>(position + 1);
      for (std::size_t h = 0; h < attention.learned_mass.size(); ++h) {
        attention.add_row(h, token, token - static_cast<int>(position), sequence.attention(l, h, position),
                          sequence.logit[l].row(h, position));
      }
    }
    // Costs that tell heads, keys and queries apart: of head h and far query q (h + 1) x (q + 1); head 0 leaves out one
    // query in ten.
    Matrix<double> eviction_cost(n_heads, watched.size());
    Matrix<std::int32_t> eviction_left_out(n_heads, watched.size());
    std::vector<std::int32_t> eviction_queries(watched.size());
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t token = static_cast<std::size_t>(first) + i, position = place_[token].position;
      for (std::size_t w = 0; w < watched.size(); ++w) {
        const auto key = static_cast<std::size_t>(watched[w]);
        if (key < token - position || key + static_cast<std::size_t>(min_distance) > token) continue;
        ++eviction_queries[w];
        eviction_left_out(0, w) += position % 10 == 0;
        for (std::size_t h = 0; h < n_heads; ++h) eviction_cost(h, w) += static_cast<double>((h + 1) * (position + 1));
      }
    }
    EvictionCosts eviction;
    if (meter.wants_eviction_cost(layer)) {
      eviction = {std::as_const(eviction_cost).view(), std::as_const(eviction_left_out).view(), eviction_queries};
    }
    meter.on_key_value({layer, first, key_norm, value_norm});
    AttentionEvent event = attention.event();
    event.eviction = eviction;
    meter.on_attention(event);
  }

  ModelFacts facts_;
  const std::vector<FakeSequence>& sequences_;
  Pack pack_;
  std::vector<Place> place_;  // [tokens of the pack]
};

}  // namespace sinkscope
