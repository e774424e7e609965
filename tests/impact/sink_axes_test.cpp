#include "impact/sink_axes.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

ProfileArray profile(const char* name, const std::vector<std::vector<float>>& by_layer) {
  ProfileArray array;
  array.name = name;
  array.shape = {by_layer.size(), by_layer[0].size()};
  for (const auto& layer : by_layer) array.values.insert(array.values.end(), layer.begin(), layer.end());
  return array;
}

TEST(SinkAxes, AreThePrimarysDirectionAndWhatOrdinaryMlpsWriteAlongIt) {
  // The lower quartile of 1, 2, 4 and the last is 2, the limit 10.
  const auto norms = profile("hidden_norm", {{1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 10}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 11}});
  const std::vector<float> lengths = {9, 9, 9, 9, 9, 9, 9, 9, 2, 4, 3, 5}, along = {1, 1, 1, 1, 1, 1, 1, 1, 0.5, -0.5, 1, 1};
  std::vector<ProfileArray> profiles = {norms, profile("mlp_write_norm", {lengths, lengths}),
                                        profile("mlp_write_alignment", {along, along})};
  const std::vector<std::vector<float>> states = {{3, 4}, {0, -2}};
  const SinkAxes axes = sink_axes(states, profiles);
  ASSERT_EQ(axes.size(), 2U);
  EXPECT_FLOAT_EQ(axes[0].direction[0], 0.6F);
  EXPECT_FLOAT_EQ(axes[0].direction[1], 0.8F);
  EXPECT_EQ(axes[1].direction, (std::vector<float>{0, -1}));
  EXPECT_EQ(axes[0].ordinary, 2) << "of 1, -2, 3 and 5";
  EXPECT_EQ(axes[1].ordinary, 1) << "of 1, -2 and 3";
  profiles[2].values[12 + 9] = kNaN;
  expect_error(ErrorCode::kModel, "one that does not in layer 1", [&] { sink_axes(states, profiles); });
  profiles.pop_back();
  expect_error(ErrorCode::kInternal, "expected mlp_write_alignment", [&] { sink_axes(states, profiles); });
}

TEST(SinkAxes, OfAFewTokensKnowNothingOfOrdinaryOnes) {
  const std::vector<std::vector<float>> few = {{1, 1, 1, 1, 1, 1, 1, 1}};
  const std::vector<ProfileArray> profiles = {profile("hidden_norm", few), profile("mlp_write_norm", few),
                                              profile("mlp_write_alignment", few)};
  EXPECT_EQ(sink_axes(std::vector<std::vector<float>>{{1, 0}}, profiles)[0].ordinary, 0);
}

TEST(OrdinaryTokens, AreLaterShortAndDrawLittle) {
  const std::vector<ProfileArray> profiles = {
      profile("hidden_norm", {{1, 1, 1, 1, 1, 1, 1, 1, 3.9F, 4, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1.9F, 1, 1, 1, 1, 2}}),
      profile("far_boost", {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, kNaN, 2.9F, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}})};
  EXPECT_EQ(ordinary_tokens(profiles, {2.0F, 1.0F}),
            (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0}));
  EXPECT_EQ(ordinary_tokens(profiles, {2.0F, std::nullopt}), std::vector<std::uint8_t>(14, 0)) << "no norm ratios";
}

TEST(StateKeeper, KeepsOneTokensStates) {
  StateKeeper keeper(2, 5);
  Matrix<float> rows(2, 1);
  rows(0, 0) = 7;
  rows(1, 0) = 8;
  const auto show = [&](int layer, int first) { keeper.on_state({ProbePoint::kBlockOutput, layer, first, rows.view(), {}}); };
  show(0, 3);  // tokens 3 and 4
  EXPECT_TRUE(keeper.states()[0].empty());
  show(0, 4);
  show(1, 5);
  show(0, 6);
  EXPECT_EQ(keeper.states()[0], std::vector<float>{8});
  EXPECT_EQ(keeper.states()[1], std::vector<float>{7});
}

}  // namespace
}  // namespace sinkscope
