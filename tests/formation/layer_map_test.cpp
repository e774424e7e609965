// Maps of MLPs that were made up, so that the answer is known.
#include "formation/layer_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/index.h"
#include "base/statistics/random.h"
#include "base/vectors.h"
#include "formation/edit_order.h"
#include "formation/map_layers.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMapWidth = 64, kAxisChannel = 0, kGateChannel = 1;
constexpr float kApart = 30;

ExplainOptions quick_map() {
  ExplainOptions options;
  options.n_exchanged = 99;
  return options;
}

Matrix<float> noise_rows(std::size_t rows, RandomStream& random) {
  Matrix<float> matrix(rows, kMapWidth);
  for (std::size_t i = 0; i < rows * kMapWidth; ++i) matrix.data()[i] = static_cast<float>(random.normal());
  return matrix;
}

// Sinks' inputs have kApart in channel kGateChannel; all else is noise_rows of length 8.
MapVectors map_vectors() {
  RandomStream random(1, 0);
  MapVectors vectors;
  vectors.layer = 5;
  vectors.sinks = noise_rows(10, random);
  for (std::size_t i = 0; i < vectors.sinks.rows(); ++i) vectors.sinks(i, kGateChannel) += kApart;
  vectors.controls = noise_rows(10, random);
  vectors.ordinary = noise_rows(300, random);
  for (int i = 0; i < 10; ++i) vectors.sequences.push_back(i % 5);
  vectors.sink_heights.assign(10, 20);
  vectors.ordinary_heights.assign(300, 1);
  vectors.ordinary_cos.assign(300, 0.5F);
  vectors.ordinary_cos[0] = 0.99F;
  vectors.axis.assign(kMapWidth, 0);
  vectors.axis[kAxisChannel] = 3;  // its length is no matter
  vectors.primary_write.assign(kMapWidth, 0);
  vectors.primary_write[kAxisChannel] = -1;
  vectors.norm = 2;
  return vectors;
}

// Along the axis, by how much channel kGateChannel passes 5; and always 0.1 beside it.
Matrix<float> gated(MatrixView<const float> inputs) {
  Matrix<float> writes(inputs.rows(), inputs.cols());
  for (std::size_t i = 0; i < inputs.rows(); ++i) {
    writes(i, kAxisChannel) = 6 * std::max(inputs(i, kGateChannel) - 5, 0.0F);
    writes(i, 7) = 0.1F;
  }
  return writes;
}

// Whatever comes is written along the axis.
Matrix<float> indifferent(MatrixView<const float> inputs) {
  Matrix<float> writes(inputs.rows(), inputs.cols());
  for (std::size_t i = 0; i < inputs.rows(); ++i)
    writes(i, kAxisChannel) = static_cast<float>(length_of(inputs.row(i)));
  return writes;
}

TEST(LayerMap, OneDirectionIsMapped) {
  const LayerMap map = map_of(map_vectors(), gated, quick_map());
  EXPECT_EQ(map.n_sinks, 10);
  EXPECT_EQ(map.n_sequences, 5);
  EXPECT_NEAR(map.input_norm_median, 8, 0.3);
  ASSERT_EQ(map.directions.size(), 19U);  // of 20 inputs about their mean
  EXPECT_TRUE(std::ranges::is_sorted(map.scales));
  ASSERT_EQ(map.scales.size(), 10U);
  // The first component is the gate's channel, signed so that sinks are higher: it hits at R and 2 R, upwards only.
  const MappedDirection& first = map.directions[0];
  EXPECT_GT(first.variance, 0.5);
  EXPECT_GT(*first.cos[9], 0.98);
  EXPECT_EQ(*first.cos[0], 0);  // only what is beside the axis
  EXPECT_LT(*first.cos_primary_write[9], -0.98);
  // At 2 R: 6 (2 R share - 5) / m, where the component's share of the channel is near 1.
  EXPECT_NEAR(first.norm_ratio[9], 3 * (2 * map.input_norm_median - 5), 3);
  EXPECT_NEAR(first.norm_ratio[4], 0.05, 1e-6);  // at norm 1 the gate is shut: 0.1 / m
  EXPECT_NEAR(*map.hits_typical, 1.0 / 38, 1e-9);
  EXPECT_EQ(map.hits_unit, 0);
  EXPECT_EQ(map.isotropic_typical.n, 400);
  EXPECT_EQ(map.isotropic_typical.hits_frac, 0);
  EXPECT_NEAR(*map.isotropic_unit.norm_ratio_p99, 0.05, 1e-6);
  EXPECT_TRUE(map.specific());
  EXPECT_EQ(map.generic(), false);
  const Claim claim = map_claim(std::vector{map}, SinkKind::kSecondary, quick_map());
  EXPECT_EQ(claim.verdict, ClaimVerdict::kYes);
  EXPECT_EQ(claim.null, 0);
}

TEST(LayerMap, AnyDirectionIsNoFinding) {
  const LayerMap map = map_of(map_vectors(), indifferent, quick_map());
  EXPECT_EQ(map.hits_typical, 1);
  EXPECT_EQ(map.hits_unit, 1);
  EXPECT_EQ(map.both_signs_unit, 1);
  EXPECT_EQ(map.isotropic_unit.hits_frac, 1);
  EXPECT_EQ(map.differences_typical.hits_frac, 1);
  EXPECT_NEAR(*map.isotropic_typical.cos_p50, 1, 1e-12);
  EXPECT_NEAR(*map.isotropic_typical.norm_ratio_p50, map.input_norm_median / 2, 1e-3);
  EXPECT_EQ(map.generic(), true);
  EXPECT_EQ(map_claim(std::vector{map}, SinkKind::kSecondary, quick_map()).verdict, ClaimVerdict::kUnclear);
}

TEST(LayerMap, OrdinaryTokensAsHighMakeItNo) {
  MapVectors made = map_vectors();
  made.sink_heights[3] = 0.9F;
  const LayerMap map = map_of(made, gated, quick_map());
  EXPECT_FALSE(map.specific());
  EXPECT_NEAR(*map.inputs.sink_height_min, 0.9, 1e-6);
  EXPECT_EQ(map.inputs.sink_height_p50, 20);
  EXPECT_NEAR(*map.inputs.ordinary_cos_over_98_frac, 1.0 / 300, 1e-9);
  EXPECT_EQ(map_claim(std::vector{map}, SinkKind::kSecondary, quick_map()).verdict, ClaimVerdict::kNo);
}

// height(lambda) = a + lambda b where the gate is open, with half of a + b reached at ((a + b) / 2 - a) / b.
TEST(LayerMap, ThePathSaysWhereHalfIsReached) {
  const MapVectors made = map_vectors();
  double from = 0, to = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    from += static_cast<double>(made.controls(i, kGateChannel)) / 10;
    to += static_cast<double>(made.sinks(i, kGateChannel)) / 10;
  }
  const LayerMap map = map_of(made, gated, quick_map());
  ASSERT_EQ(map.path.lambda.size(), 17U);
  EXPECT_EQ(map.path.lambda.front(), -0.5);
  EXPECT_EQ(map.path.lambda.back(), 1.5);
  EXPECT_NEAR(map.path.norm_ratio[12], std::hypot(3 * (to - 5), 0.05), 1e-3);
  EXPECT_NEAR(*map.path.half_at, ((to + 5) / 2 - from) / (to - from), 0.005);  // the cosine is not quite 1
}

TEST(LayerMap, SinksProjectHigherOnEveryComponent) {
  const LayerMap map = map_of(map_vectors(), gated, quick_map());
  ASSERT_EQ(map.sink_projections.rows(), 10U);
  ASSERT_EQ(map.sink_projections.cols(), 6U);
  for (std::size_t k = 0; k < 6; ++k) {
    float sinks = 0, controls = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      sinks += map.sink_projections(i, k);
      controls += map.control_projections(i, k);
    }
    EXPECT_GE(sinks, controls) << k;
    EXPECT_NEAR(sinks + controls, 0, 1e-3) << k;  // about the mean of both
  }
}

TEST(LayerMap, NothingHitsNothingIsSaid) {
  const auto beside = [](MatrixView<const float> inputs) {
    Matrix<float> writes(inputs.rows(), inputs.cols());
    for (std::size_t i = 0; i < inputs.rows(); ++i) writes(i, 9) = 1;
    return writes;
  };
  const LayerMap map = map_of(map_vectors(), beside, quick_map());
  EXPECT_FALSE(map.generic());
  EXPECT_FALSE(map.path.half_at);
  EXPECT_EQ(map_claim(std::vector{map}, SinkKind::kSecondary, quick_map()).verdict, ClaimVerdict::kUnclear);
}

TEST(LayerMap, TooFewHaveNoNumber) {
  const Claim none = map_claim({}, SinkKind::kSecondary, quick_map());
  EXPECT_EQ(none.sentence, "not enough: n = 0 sinks in 0 sequences, needs 8 in 5");
  LayerMap map = map_of(map_vectors(), gated, quick_map());
  EXPECT_EQ(map_claim(std::vector{map}, SinkKind::kPrimaryLike, quick_map()).verdict, ClaimVerdict::kNotEnough);
  map.n_sequences = 4;
  EXPECT_FALSE(map_claim(std::vector{map}, SinkKind::kSecondary, quick_map()).effect);
}

// The claim is about the layer that writes most into sinks, whatever else was mapped.
TEST(LayerMap, TheHighestIsMain) {
  LayerMap low = map_of(map_vectors(), gated, quick_map()), high = low;
  high.layer = 9;
  high.inputs.sink_height_p50 = 21;
  EXPECT_EQ(main_map(std::vector{low, high, low}, SinkKind::kSecondary)->layer, 9);
}

TEST(LayerMap, NeedsInputsOfAllSorts) {
  MapVectors made = map_vectors();
  made.controls = {};
  expect_error(ErrorCode::kInternal, "expected inputs of sinks", [&] { map_of(made, gated, quick_map()); });
}

SequenceExplanation made_by(std::vector<std::size_t> mlps) {
  SequenceExplanation sequence;
  for (const std::size_t layer : mlps) {
    RunExplanation run;
    run.start.emplace();
    run.start->excess.mlp.assign(8, -1);
    run.start->excess.mlp[layer] = 3;
    sequence.runs.push_back(std::move(run));
  }
  return sequence;
}

TEST(MappedLayers, TheCommonestAndThreeBefore) {
  const std::vector sequences = {made_by({5, 2}), made_by({5}), made_by({1})};
  EXPECT_EQ(mapped_layers(sequences, SinkKind::kSecondary, {}, {}), (std::vector<int>{2, 3, 4, 5}));
  EXPECT_EQ(mapped_layers(std::vector{made_by({1})}, SinkKind::kSecondary, {}, {}), (std::vector<int>{0, 1}));
  const std::vector<int> wanted = {7, 3, 7};
  EXPECT_EQ(mapped_layers(sequences, SinkKind::kSecondary, wanted, {}), (std::vector<int>{3, 7}));
  EXPECT_TRUE(mapped_layers(sequences, SinkKind::kPrimaryLike, {}, {}).empty());
}

TEST(EditOrder, SpreadsOverSequencesFirst) {
  const std::vector<std::size_t> sinks = {2, 0, 1, 3, 1};
  using Pair = std::pair<std::size_t, std::size_t>;
  EXPECT_EQ(edit_order(sinks, 2), (std::vector<Pair>{{0, 0}, {3, 0}, {2, 0}, {4, 0}, {0, 1}, {3, 1}, {3, 2}}));
  EXPECT_EQ(edit_order(sinks, 0).size(), 7U);
  EXPECT_TRUE(edit_order({}, 8).empty());
}

}  // namespace
}  // namespace sinkscope
