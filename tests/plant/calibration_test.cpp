#include "plant/calibration.h"

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(Calibration, PlacesOfATokenAndItsControls) {
  //                                   0  1  2  3  4  5  6  7  8  9 10 11 12
  const std::vector<TokenId> sequence{1, 5, 5, 5, 5, 5, 5, 2, 5, 3, 5, 2, 5};
  const SinkPlaces everywhere{5, {}}, after_two{5, {2}};
  EXPECT_FALSE(everywhere.wanted(sequence, 6));  // among the first 8
  EXPECT_TRUE(everywhere.wanted(sequence, 10));
  EXPECT_FALSE(everywhere.wanted(sequence, 11));
  EXPECT_TRUE(after_two.wanted(sequence, 8));
  EXPECT_FALSE(after_two.wanted(sequence, 10));
  EXPECT_TRUE(after_two.unwanted(sequence, 10));
  EXPECT_EQ(count_places({sequence, sequence}, everywhere), 6);
  EXPECT_EQ(count_places({sequence}, after_two), 2);
}

TEST(Calibration, ContextIsHalfOfTheFrequentPredecessors) {
  std::vector<TokenId> sequence(8, 0);
  for (const TokenId before : {2, 2, 2, 3, 3, 4, 6}) sequence.insert(sequence.end(), {before, 5});
  const ContextChoice choice = choose_context({sequence}, 5);
  EXPECT_EQ(choice.after, (std::vector<TokenId>{2, 3}));  // 3 of 7 are less than half
  EXPECT_EQ(choice.not_after, (std::vector<TokenId>{4, 6}));
  std::vector<TokenId> one(8, 0);
  for (int i = 0; i < 5; ++i) one.insert(one.end(), {2, 5});
  expect_error(ErrorCode::kInput, "one only", [&] { choose_context({one}, 5); });
  expect_error(ErrorCode::kInput, "none", [&] { choose_context({one}, 77); });
}

TEST(Calibration, StatisticsOfStreamedStates) {
  const std::vector<TokenId> sequence{1, 0, 0, 0, 0, 0, 0, 0, 5, 7, 5};
  const std::vector<LayerNeeds> needs = {{3, {{5, {7}}}, {7}}};
  Calibration calibration(needs, 2, 11);
  calibration.begin(sequence);
  EXPECT_TRUE(calibration.wants(ProbePoint::kMlpInput, 3));
  EXPECT_FALSE(calibration.wants(ProbePoint::kMlpInput, 2));
  EXPECT_FALSE(calibration.wants(ProbePoint::kMlpWrite, 3));
  Matrix<float> states(11, 2, 0.0F);
  for (std::size_t t = 0; t < 11; ++t) states(t, 0) = static_cast<float>(t + 1);
  states(9, 1) = 4;
  // Two micro-batches that cut the sequence anywhere.
  for (const ProbePoint point : {ProbePoint::kMlpInput, ProbePoint::kBlockOutput}) {
    calibration.on_state({point, 3, 0, MatrixView<const float>(states.view()).middle_rows(0, 9)});
    calibration.on_state({point, 3, 9, MatrixView<const float>(states.view()).middle_rows(9, 2)});
  }
  const LayerStatistics& seen = calibration.layer(3);
  EXPECT_EQ(seen.equations.n_rows(), 11);
  EXPECT_EQ(seen.sample.view().rows(), 11U);
  EXPECT_EQ(seen.inputs.mean(), (std::vector<double>{10, 4.0 / 3}));  // positions 8, 9 and 10
  EXPECT_EQ(seen.sinks.at(0).target.count(), 1);                      // position 10, after token 7
  EXPECT_EQ(seen.sinks.at(0).target.mean(), (std::vector<double>{11, 0}));
  EXPECT_EQ(seen.sinks.at(0).controls.view().rows(), 1U);  // position 8
  EXPECT_EQ(seen.first.at(0).mean(), (std::vector<double>{1, 0}));
  EXPECT_EQ(seen.tokens.at(7).mean(), (std::vector<double>{10, 4}));
  EXPECT_EQ(seen.ordinary.count(), 3);
}

}  // namespace
}  // namespace sinkscope
