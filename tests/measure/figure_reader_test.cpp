// States that come as figures beside the same states that come as rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/pack_meter.h"
#include "tests/support/fake_network.h"

namespace sinkscope {
namespace {

// Sums of about 40 products in float32, in two orders.
constexpr double kOtherOrder = 1e-5;

// Figures are sums of the same products in another order; centred ones are differences of larger numbers.
void expect_equal(const CandidateCosines& a, const CandidateCosines& b, const SequenceMeasurement& m, double tolerance) {
  for (std::size_t l = 0; l < static_cast<std::size_t>(m.n_layers); ++l) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(m.n_candidates); ++c) {
      ASSERT_EQ(a.holds(c), b.holds(c));
      for (std::size_t t = 0; a.holds(c) && t < static_cast<std::size_t>(m.n_tokens); ++t) {
        EXPECT_NEAR(a(l, c, t), b(l, c, t), tolerance) << "layer " << l << ", " << c << " and " << t;
      }
    }
  }
}

// By micro-batch, as in pack_meter_test.cpp.
class Figures : public testing::TestWithParam<int> {};

TEST_P(Figures, MeasureTheSameAsRows) {
  const ModelFacts facts = fake_facts(3, 36, 2);
  std::vector<FakeSequence> sequences{{facts, 30, 3}, {facts, 5, 4}, {facts, 1, 5}, {facts, 300, 6}};
  for (std::size_t l = 0; l < 3; ++l) {
    for (const std::size_t t : {0, 140, 141, 230}) {  // large states, that are not ordinary; two are watched
      for (float& x : sequences[3].block[l].row(t)) x *= 20;
    }
    std::ranges::copy(sequences[3].block[l].row(0), sequences[3].block[l].row(140).begin());
  }
  MeterOptions options;
  options.min_distance = 4;
  FakeNetwork network(facts, sequences);
  const auto of_rows = network.measure(GetParam(), options);
  network.as_figures = true;
  const auto of_figures = network.measure(GetParam(), options);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const SequenceMeasurement &a = of_rows[s], &b = of_figures[s];
    ASSERT_EQ(a.standing, b.standing);
    EXPECT_EQ(a.has_writes, b.has_writes);
    EXPECT_EQ(a.has_read, b.has_read);
    EXPECT_EQ(a.has_centred, b.has_centred);
    EXPECT_EQ(a.watched, b.watched);
    for (std::size_t l = 0; l < 3; ++l) {
      for (std::size_t t = 0; t < static_cast<std::size_t>(a.n_tokens); ++t) {
        EXPECT_NEAR(a.hidden_norm(l, t), b.hidden_norm(l, t), kOtherOrder * a.hidden_norm(l, t));
        EXPECT_NEAR(a.attn_write_norm(l, t), b.attn_write_norm(l, t), kOtherOrder * a.attn_write_norm(l, t));
        EXPECT_NEAR(a.mlp_write_norm(l, t), b.mlp_write_norm(l, t), kOtherOrder * a.mlp_write_norm(l, t));
      }
      ASSERT_EQ(a.channels[l].size(), b.channels[l].size());
      for (std::size_t i = 0; i < a.channels[l].size(); ++i) {
        EXPECT_EQ(a.channels[l][i].position, b.channels[l][i].position);
        EXPECT_EQ(a.channels[l][i].top.channel, b.channels[l][i].top.channel);
      }
      EXPECT_EQ(a.channel_median[l], b.channel_median[l]);
    }
    expect_equal(a.alignment, b.alignment, a, kOtherOrder);
    expect_equal(a.read_alignment, b.read_alignment, a, kOtherOrder);
    expect_equal(a.mlp_write_alignment, b.mlp_write_alignment, a, kOtherOrder);
    // A micro-batch of one has the mean of position 8 alone, which is that token: a direction of rounding errors.
    if (GetParam() > 1 && a.has_centred) expect_equal(a.centred_alignment, b.centred_alignment, a, 10 * kOtherOrder);
  }
  EXPECT_THAT(of_figures[3].watched, testing::Contains(140));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Figures, testing::Values(1, 5, 32, 70, 200));

}  // namespace
}  // namespace sinkscope
