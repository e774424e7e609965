// Heights of made-up states, against the definition read slowly.
#include "formation/height_meter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

constexpr int kLayers = 3, kModel = 8, kTokens = 30, kPrimary = 2;

ModelFacts facts_of(bool parallel) {
  ModelFacts facts;
  facts.n_layers = kLayers;
  facts.d_model = kModel;
  facts.has_attention.assign(kLayers, true);
  facts.has_writes.assign(kLayers, true);
  facts.has_mid_residual.assign(kLayers, !parallel);
  return facts;
}

// h_{-1}, and r_l and h_l of each layer.
struct States {
  explicit States(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (Matrix<float>& matrix : all) {
      matrix = Matrix<float>(kTokens, kModel);
      for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) matrix.data()[i] = normal(random);
    }
  }
  const Matrix<float>& before(int layer) const { return all[index(2 * layer)]; }
  const Matrix<float>& mid(int layer) const { return all[index(2 * layer + 1)]; }
  const Matrix<float>& after(int layer) const { return all[index(2 * layer + 2)]; }
  Matrix<float> all[2 * kLayers + 1];
};

Matrix<float> difference(const Matrix<float>& a, const Matrix<float>& b) {
  Matrix<float> result = a;
  for (std::size_t i = 0; i < a.rows() * a.cols(); ++i) result.data()[i] -= b.data()[i];
  return result;
}

void show(HeightMeter& meter, const States& states, bool parallel, int n_ubatch, int window) {
  for (int first = 0; first < kTokens; first += n_ubatch) {
    const int n = std::min(n_ubatch, kTokens - first);
    const auto tell = [&](ProbePoint point, int layer, const Matrix<float>& rows) {
      if (meter.wants(point, layer))
        meter.on_state({point, layer, first, rows.view().middle_rows(index(first), index(n))});
    };
    tell(ProbePoint::kEmbedding, -1, states.before(0));
    for (int layer = 0; layer < kLayers; ++layer) {
      if (meter.wants_attention(layer)) {
        // Layer 1 sees `window` tokens back.
        std::vector<std::int32_t> queries(index(first + n), n);
        if (layer == 1 && first + n - 1 >= window) queries[0] = std::max(0, window - first);
        AttentionEvent event{};
        event.layer = layer;
        event.n_queries = n;
        event.visibility.queries = queries;
        meter.on_attention(event);
      }
      if (parallel) {
        tell(ProbePoint::kMlpWrite, layer, difference(states.after(layer), states.mid(layer)));
        tell(ProbePoint::kAttentionWrite, layer, difference(states.mid(layer), states.before(layer)));
      } else {
        tell(ProbePoint::kMidResidual, layer, states.mid(layer));
      }
      tell(ProbePoint::kMlpInput, layer, states.mid(layer));
      tell(ProbePoint::kBlockOutput, layer, states.after(layer));
    }
    meter.on_micro_batch_end(first, n);
  }
}

class Heights : public testing::TestWithParam<std::tuple<bool, int>> {};

TEST_P(Heights, AreAsDefined) {
  const auto [parallel, n_ubatch] = GetParam();
  const ModelFacts facts = facts_of(parallel);
  const States states(3);
  HeightOptions options;
  options.primary = kPrimary;
  options.ordinary_norm = {1, 2, 4};
  options.kept = {5, 29};
  options.n_kept_layers = 2;
  options.n_ubatch = n_ubatch;
  HeightMeter meter(facts, kTokens, options);
  show(meter, states, parallel, n_ubatch, 10);
  const SequenceHeights heights = meter.take();

  constexpr double kRounding = 1e-5;  // sums of 8 float32 products
  for (int l = 0; l < kLayers; ++l) {
    const auto primary = states.after(l).row(kPrimary);
    const double length = std::sqrt(dot(primary, primary)), m = static_cast<double>(options.ordinary_norm[index(l)]);
    const Matrix<float> attention = difference(states.mid(l), states.before(l));
    const Matrix<float> mlp = difference(states.after(l), states.mid(l));
    for (std::size_t t = kPrimary; t < kTokens; ++t) {
      EXPECT_NEAR(heights.state(index(l), t), dot(states.after(l).row(t), primary) / length / m, kRounding);
      EXPECT_NEAR(heights.attention(index(l), t), dot(attention.row(t), primary) / length / m, kRounding);
      EXPECT_NEAR(heights.mlp(index(l), t), dot(mlp.row(t), primary) / length / m, kRounding);
      EXPECT_NEAR(heights.mlp_norm(index(l), t), std::sqrt(dot(mlp.row(t), mlp.row(t))) / m, kRounding);
    }
    EXPECT_NEAR(heights.axis_norm[index(l)], length, kRounding);
    EXPECT_EQ(heights.sees_all[index(l)], l == 1 ? 0 : 1);
  }
  ASSERT_EQ(heights.kept.size(), 2U);
  const KeptStates& kept = heights.kept.at(29);
  // Parts sum to the state: here up to layer 1, the last one that is kept.
  const PartHeights parts = part_heights(kept, 1, heights.axes.row(1), 2);
  EXPECT_NEAR(parts.sum(), heights.state(1, 29), kRounding);
  EXPECT_EQ(kept.mlp_input(1, 3), states.mid(1)(29, 3));
  EXPECT_EQ(kept.embedding[0], states.before(0)(29, 0));
}

INSTANTIATE_TEST_SUITE_P(AllBlocks, Heights, testing::Combine(testing::Bool(), testing::Values(7, 30, 512)));

TEST(HeightsTrouble, TokensThatWereNotSeen) {
  const ModelFacts facts = facts_of(false);
  HeightOptions options;
  options.ordinary_norm = {1, 1, 1};
  HeightMeter meter(facts, kTokens, options);
  EXPECT_THROW(meter.take(), Error);
  EXPECT_THROW(meter.on_micro_batch_end(4, 4), Error);
}

}  // namespace
}  // namespace sinkscope
