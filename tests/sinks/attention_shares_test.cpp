#include "sinks/attention_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "constructed.h"

namespace sinkscope {
namespace {

constexpr std::size_t kBlocks = kLayers;

void set_shares(SequenceFigures& figures, float primary) {
  for (TokenProfile& token : figures.first_positions) set(token.attention_share, 0, kLayers - 1, 0.001F);
  set(figures.first_positions[0].attention_share, 0, kLayers - 1, primary);
}

// Aligned in layers [first, last], and so a sink if far_boost says so.
TokenProfile token_of(int position, int first, int last, float far_boost, float share) {
  TokenProfile token = ordinary_token(position);
  make_aligned(token, first, last, far_boost);
  set(token.attention_share, 0, kLayers - 1, share);
  return token;
}

TEST(AttentionShares, AreOfTheBlocksThatReadASink) {
  SequenceFigures figures = one_primary();
  set_shares(figures, 0.3F);
  figures.tokens = {token_of(100, 4, 7, 20, 0.1F), token_of(200, 5, 8, 20, 0.05F), token_of(300, 4, 7, 1, 0.2F)};
  const Detection detection = detect_by_evidence(figures, {});
  const AttentionShares shares = attention_shares(figures, detection);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const float sinks = (block >= 5 && block <= 8 ? 0.1F : 0) + (block >= 6 && block <= 9 ? 0.05F : 0);
    EXPECT_NEAR(*shares.of(SinkKind::kPrimary)[block], 0.3, 1e-6);
    EXPECT_NEAR(*shares.of(SinkKind::kSecondary)[block], sinks, 1e-6) << block;
    EXPECT_NEAR(*shares.sinks()[block], sinks, 1e-6);
    EXPECT_NEAR(*shares.of(SinkKind::kUnaligned)[block], 0, 1e-6);
    EXPECT_NEAR(*shares.other[block], 1 - 0.3 - sinks, 1e-6) << "what is no sink is other, however much it draws";
  }
}

TEST(AttentionShares, OfLearnedLogitsAreNoTokens) {
  SequenceFigures figures = one_primary();
  set_shares(figures, 0.3F);
  figures.tokens = {token_of(100, 4, 7, 20, 0.1F)};
  for (std::size_t block = 0; block < kBlocks; ++block) figures.learned_share[block] = 0.02F * static_cast<float>(block);
  const AttentionShares shares = attention_shares(figures, detect_by_evidence(figures, {}));
  for (std::size_t block = 0; block < kBlocks; ++block) {
    EXPECT_NEAR(*shares.learned[block], 0.02 * static_cast<double>(block), 1e-6);
    EXPECT_NEAR(*shares.other[block], 0.7 - *shares.sinks()[block] - *shares.learned[block], 1e-6) << block;
  }
}

TEST(AttentionShares, CountMembersOfAGroupThoughNoneIsASinkAlone) {
  SequenceFigures figures = one_primary();
  set_shares(figures, 0.3F);
  for (int p = 100; p < 120; ++p) {
    TokenProfile token = token_of(p, 4, 8, 2, 0.01F);
    set(token.hidden_norm, 4, 8, 80);
    set(token.far_attention, 5, 9, 5);
    figures.tokens.push_back(token);
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_EQ(detection.groups.size(), 1U);
  const AttentionShares shares = attention_shares(figures, detection);
  EXPECT_NEAR(*shares.of(SinkKind::kSecondary)[5], 0.2, 1e-6);
  EXPECT_NEAR(*shares.of(SinkKind::kSecondary)[4], 0, 1e-6);
  EXPECT_NEAR(*shares.other[5], 0.5, 1e-6);
}

TEST(AttentionShares, CountATokenOnceThoughItsRunsTouch) {
  SequenceFigures figures = one_primary();
  set_shares(figures, 0.3F);
  figures.tokens = {token_of(100, 4, 7, 20, 0.1F)};
  Detection detection = detect_by_evidence(figures, {});
  ASSERT_EQ(detection.runs.size(), 1U);
  auto second = detection.runs[0];
  second.l_start = 7;  // its first block is the last of the first run
  second.l_end = 9;
  second.kind = SinkKind::kUnaligned;
  detection.runs.push_back(second);
  const AttentionShares shares = attention_shares(figures, detection);
  EXPECT_NEAR(*shares.of(SinkKind::kSecondary)[8], 0.1, 1e-6);
  EXPECT_NEAR(*shares.of(SinkKind::kUnaligned)[8], 0, 1e-6);
  EXPECT_NEAR(*shares.of(SinkKind::kUnaligned)[9], 0.1, 1e-6);
}

TEST(AttentionShares, AreNotMeasuredWhereAttentionIsNot) {
  SequenceFigures figures = one_primary();
  set_shares(figures, 0.3F);
  figures.first_positions[0].attention_share[3].reset();
  const AttentionShares shares = attention_shares(figures, detect_by_evidence(figures, {}));
  EXPECT_FALSE(shares.of(SinkKind::kPrimary)[3]);
  EXPECT_FALSE(shares.other[3]);
  EXPECT_FALSE(shares.sinks()[3]);
  EXPECT_TRUE(shares.other[4]);
  // Without a primary nothing is known of sinks.
  figures.candidate.reset();
  EXPECT_FALSE(attention_shares(figures, detect_by_evidence(figures, {})).other[4]);
}

}  // namespace
}  // namespace sinkscope
