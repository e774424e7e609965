#include "engine/attention/attention_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "attention_inputs.h"
#include "base/error.h"
#include "engine/attention/column_sums.h"

namespace sinkscope {
namespace {

using namespace testing_support;

TEST(AttentionMask, RefusesVisiblePadding) {
  const AttentionProblem p = random_problem({.n_queries = 4}, 1);
  StoredProblem stored(p, ElementType::kF32, ElementType::kF32, false, 2);
  write_element(&stored.mask_bytes[stored.mask.row_stride + 5 * 4], ElementType::kF32, 0);
  AttentionMask mask;
  EXPECT_THROW(mask.read(stored.mask, stored.places, 1), Error);
}

TEST(AttentionMask, NoMaskShowsEverything) {
  const std::int32_t places[] = {0, 1, 2};
  AttentionMask mask;
  mask.read({}, {places, places, places, places}, 1);
  EXPECT_THAT(mask.visibility().queries, testing::ElementsAre(3, 3, 3));
  EXPECT_TRUE(mask.sees(0, 2));
}

// Query 2 left key 1 out, query 3 keys 0 and 2: by hand, with distance 2.
TEST(AttentionMask, WhatWasNotSelectedCountsAsSeenAndGetsNothing) {
  const std::vector<float> shown = {0,       kHidden, kHidden, kHidden,  //
                                    0,       0,       kHidden, kHidden,  //
                                    0,       kHidden, 0,       kHidden,  //
                                    kHidden, 0,       kHidden, 0};
  const std::vector<std::int32_t> places = {0, 1, 2, 3}, one(4, 0);
  MaskTensor tensor{shown.data(), ElementType::kF32, 4 * sizeof(float), 4};
  AttentionMask mask;
  mask.read(tensor, {places, one, places, one}, 2);
  EXPECT_THAT(mask.visibility().queries, testing::ElementsAre(3, 2, 1, 1));
  EXPECT_TRUE(mask.visibility().far_selected.empty());
  tensor.selects = true;
  mask.read(tensor, {places, one, places, one}, 2);
  EXPECT_THAT(mask.visibility().queries, testing::ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(mask.visibility().far_queries, testing::ElementsAre(2, 1, 0, 0));
  EXPECT_THAT(mask.visibility().far_uniform, testing::ElementsAre(1 / 3.0 + 1 / 4.0, 1 / 4.0, 0, 0));
  EXPECT_THAT(mask.visibility().far_selected, testing::ElementsAre(1, 1, 0, 0));
  EXPECT_EQ(mask.far_queries_that_see(0), 1);
  EXPECT_FALSE(mask.sees(3, 0));
  EXPECT_EQ(mask.visible()[3].count, 2);
}

// Two sequences of two tokens each: neither could select the other's.
TEST(AttentionMask, SelectsWithinItsOwnSequence) {
  const std::vector<float> shown = {0,       kHidden, kHidden, kHidden,  //
                                    kHidden, 0,       kHidden, kHidden,  //
                                    kHidden, kHidden, 0,       kHidden,  //
                                    kHidden, kHidden, 0,       0};
  const std::vector<std::int32_t> places = {0, 1, 0, 1}, of = {0, 0, 1, 1};
  AttentionMask mask;
  mask.read({shown.data(), ElementType::kF32, 4 * sizeof(float), 4, true}, {places, of, places, of}, 1);
  EXPECT_THAT(mask.visibility().queries, testing::ElementsAre(2, 1, 2, 1));
  EXPECT_THAT(mask.visibility().far_uniform, testing::ElementsAre(0.5, 0, 0.5, 0));
  EXPECT_THAT(mask.visibility().far_selected, testing::ElementsAre(0, 0, 1, 0));
}

TEST(AlibiSlope, AsInItsPaper) {
  EXPECT_FLOAT_EQ(alibi_slope(8, 8, 0), 0.5f);
  EXPECT_FLOAT_EQ(alibi_slope(8, 8, 7), 1 / 256.0f);
  EXPECT_FLOAT_EQ(alibi_slope(8, 12, 8), std::exp2(-0.5f));
  EXPECT_EQ(alibi_slope(0, 12, 8), 1);
}

TEST(Elements, HalfFloatsByHand) {
  EXPECT_EQ(float_from_half(0x3c00), 1.0f);
  EXPECT_EQ(float_from_half(0xc100), -2.5f);
  EXPECT_EQ(float_from_half(0x7bff), 65504.0f);
  EXPECT_EQ(float_from_half(0x0001), 0x1p-24f);
  EXPECT_EQ(float_from_half(0x8000), 0.0f);
  EXPECT_EQ(float_from_half(0xfc00), kHidden);
  EXPECT_TRUE(std::isnan(float_from_half(0x7e00)));
  EXPECT_EQ(float_from_bf16(0x3fc0), 1.5f);
}

TEST(KeyValueNorms, TotalsAllHeads) {
  for (const ElementType type : {ElementType::kF32, ElementType::kF16, ElementType::kBF16}) {
    Cube<float> keys(5, 3, 33);
    keys(2, 0, 0) = 3;
    keys(2, 2, 32) = -4;
    keys(4, 1, 7) = 0.5f;
    const StoredVectors stored(keys, type, false);
    std::vector<float> norms(3, -1.0f);
    key_value_norms(stored.view, 3, 33, 2, norms);
    EXPECT_THAT(norms, testing::ElementsAre(5, 0, 0.5f));
  }
}

}  // namespace
}  // namespace sinkscope
