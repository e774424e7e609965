// What a cache of few bits makes of numbers that are given to it: no model runs.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

#include "gguf/block_rounding.h"
#include "impact/rounded_cache.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using Values = std::vector<float>;

// Networks of two KV heads in each of three blocks.
ModelFacts facts_of(std::vector<int> key_dims, std::vector<int> value_dims) {
  ModelFacts facts;
  facts.n_layers = static_cast<int>(key_dims.size());
  facts.n_kv_heads.assign(key_dims.size(), 2);
  facts.has_attention.assign(key_dims.size(), true);
  for (const int dim : key_dims) facts.cached_key_width.push_back(2 * dim);
  for (const int dim : value_dims) facts.cached_value_width.push_back(2 * dim);
  return facts;
}

// The rows of a micro-batch that begins at `first`, as the cache gives them back.
Matrix<float> cached(RoundedCache& cache, ProbePoint point, Matrix<float> rows, int first = 0) {
  std::vector<std::int32_t> position(static_cast<std::size_t>(first) + rows.rows());
  std::iota(position.begin(), position.end(), 0);
  const std::vector<std::int32_t> sequence(position.size(), 0);
  std::vector<std::uint8_t> changed(rows.rows());
  const RunTokens tokens(position, sequence, first);
  EditableStates states(point, 0, tokens, rows.view(), changed);
  cache.edit_states(states);
  return rows;
}

Values rounded(Values values, int bits) {
  round_to_range(values, bits);
  return values;
}

TEST(RoundToRange, TakesLevelsBetweenSmallestAndLargest) {
  EXPECT_EQ(rounded({0, 0.4F, 1.6F, 3}, 2), (Values{0, 0, 2, 3}));
  EXPECT_EQ(rounded({3, -3, 0.5F}, 2), (Values{3, -3, 1})) << "levels -3, -1, 1, 3";
  EXPECT_EQ(rounded({0, 7.4F, 15}, 4), (Values{0, 7, 15}));
  EXPECT_EQ(rounded({0.1F, 0.1F}, 2), (Values{0.1F, 0.1F}));
  EXPECT_EQ(rounded({}, 2), Values{});
}

TEST(RotateByHadamard, IsTheMatrixByHand) {
  Values values = {1, 2, 3, 4};
  rotate_by_hadamard(values);
  EXPECT_EQ(values, (Values{5, -1, -2, 0}));
  rotate_by_hadamard(values);
  EXPECT_EQ(values, (Values{1, 2, 3, 4}));
}

TEST(CacheRounding, OfKiviKeysIsByChannelOver32Tokens) {
  RoundedCache cache(cache_form_from("kivi2"), {1}, facts_of({32}, {32}));
  Matrix<float> rows(36, 64);
  const auto set = [&](std::size_t channel, const std::map<std::size_t, float>& values) {
    for (const auto& [row, value] : values) rows(row, channel) = value;
  };
  set(5, {{1, 100}, {2, 1.4F}, {3, 3}, {31, 2.6F}, {32, 50}, {33, 51.4F}, {34, 53}, {35, 50}});
  const Matrix<float> got = cached(cache, ProbePoint::kCachedKeys, rows);
  const std::map<std::size_t, float> expected = {{0, 0.0F}, {1, 100}, {2, 1}, {3, 3},  {4, 0.0F},
                                                 {31, 3},   {32, 50}, {33, 51}, {34, 53}, {35, 50}};
  for (const auto& [row, value] : expected) EXPECT_EQ(got(row, 5), value) << row;
  EXPECT_EQ(got(2, 6), 0) << "another channel";
  EXPECT_NO_THROW(cached(cache, ProbePoint::kCachedKeys, rows, 64));
  expect_error(ErrorCode::kUsage, "got one that begins at token 40",
               [&] { cached(cache, ProbePoint::kCachedKeys, rows, 40); });
}

TEST(CacheRounding, OfKiviValuesIsByTokenIn32Numbers) {
  RoundedCache cache(cache_form_from("kivi2"), {1}, facts_of({32}, {32}));
  Matrix<float> rows(2, 64);
  for (const std::size_t row : {0U, 1U}) {
    rows(row, 0) = 1.4F;
    rows(row, 31) = 3;
    rows(row, 32) = 14;
    rows(row, 63) = 30;
  }
  const Matrix<float> got = cached(cache, ProbePoint::kCachedValues, rows);
  EXPECT_EQ(got(0, 0), 1);
  EXPECT_EQ(got(0, 31), 3);
  EXPECT_EQ(got(0, 32), 10);
  EXPECT_EQ(got(0, 63), 30);
  EXPECT_EQ(got(1, 0), 1.4F) << "stored exactly";
  RoundedCache four(cache_form_from("kivi4"), {}, facts_of({32}, {32}));
  rows(0, 31) = 15;
  rows(0, 0) = 7.4F;
  EXPECT_EQ(cached(four, ProbePoint::kCachedValues, rows)(0, 0), 7);
}

// H x of each n numbers, element by element.
Values turned(const Values& row, std::size_t n) {
  Values result(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const bool minus = std::popcount((i % n) & j) % 2 != 0;
      sum += (minus ? -1 : 1) * static_cast<double>(row[i / n * n + j]);
    }
    result[i] = static_cast<float>(sum / std::sqrt(static_cast<double>(n)));
  }
  return result;
}

TEST(CacheRounding, OfBlocksIsRotatedAsLlamaCppDoes) {
  struct Case {
    const char* form;
    std::vector<int> key_dims, value_dims;
    ProbePoint point;
    std::size_t n;  // numbers that are rotated together; 1: none
  };
  const ProbePoint keys = ProbePoint::kCachedKeys, values = ProbePoint::kCachedValues;
  for (const auto& [form, key_dims, value_dims, point, n] :
       {Case{"q4_0", {64, 64}, {64, 64}, keys, 64}, Case{"q4_0", {128, 128}, {64, 64}, keys, 128},
        Case{"q8_0", {192, 192}, {64, 64}, keys, 64}, Case{"q4_0", {64, 64}, {128, 128}, values, 64},
        Case{"q4_0", {96, 96}, {64, 64}, keys, 1}, Case{"q4_0:plain", {64, 64}, {64, 64}, keys, 1},
        Case{"q4_0", {64, 128}, {64, 64}, keys, 1}, Case{"q4_0", {64, 128}, {64, 64}, values, 64},
        Case{"q4_0", {64, 64}, {64, 128}, values, 1}, Case{"q4_0", {64, 64, 0}, {64, 64, 0}, keys, 64}}) {
    const std::size_t width = 2 * static_cast<std::size_t>(point == keys ? key_dims[0] : value_dims[0]);
    SCOPED_TRACE(std::string(form) + ", " + std::to_string(width) + " by " + std::to_string(n));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    Matrix<float> rows(1, width);
    for (float& x : rows.row(0)) x = normal(random);
    const Values row(rows.row(0).begin(), rows.row(0).end());
    RoundedCache cache(cache_form_from(form), {}, facts_of(key_dims, value_dims));
    const Matrix<float> got = cached(cache, point, rows);
    Values expected = turned(row, n);
    round_to_blocks(form[1] == '8' ? BlockType::kQ8_0 : BlockType::kQ4_0, expected);
    expected = turned(expected, n);
    for (std::size_t i = 0; i < width; ++i) ASSERT_NEAR(got(0, i), expected[i], 1e-5) << i;
  }
}

TEST(RoundedCache, TouchesWhatIsCached) {
  const RoundedCache cache(cache_form_from("q8_0"), {0, 40}, facts_of({64, 0}, {64, 0}));
  EXPECT_TRUE(cache.touches(ProbePoint::kCachedKeys, 0));
  EXPECT_TRUE(cache.touches(ProbePoint::kCachedValues, 0));
  EXPECT_FALSE(cache.touches(ProbePoint::kCachedKeys, 1));
  EXPECT_FALSE(cache.touches(ProbePoint::kBlockOutput, 0));
  EXPECT_FALSE(cache.touches(ProbePoint::kCachedKeys, -1));
  EXPECT_EQ(cache.description(), "cache q8_0, exact at 0,40");
}

TEST(RoundedCache, RefusesHeadsThatAreNoBlocks) {
  const std::vector<int> n_tokens = {50};
  const auto refused = [&](const ModelFacts& facts, const std::string& what) {
    const RoundedCache cache(cache_form_from("q8_0"), {0, 49}, facts);
    expect_error(ErrorCode::kModel, what, [&] { cache.check(facts, n_tokens); });
  };
  refused(facts_of({64, 48}, {64, 64}), "got 48 and 64 in block 1");
  refused(facts_of({64, 64}, {48, 64}), "got 64 and 48 in block 0");
  ModelFacts facts = facts_of({32, 0}, {32, 0});
  refused(facts, "got one whose block 1 has none");
  facts.has_attention[1] = false;
  EXPECT_NO_THROW(RoundedCache(cache_form_from("q8_0"), {0, 49}, facts).check(facts, n_tokens));
  expect_error(ErrorCode::kUsage, "expected position 0 to 49, got 50",
               [&] { RoundedCache(cache_form_from("q8_0"), {50}, facts).check(facts, n_tokens); });
}

}  // namespace
}  // namespace sinkscope
