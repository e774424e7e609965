#include "measure/token_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace sinkscope {
namespace {

using testing::ElementsAre;

constexpr TokenId kPad = 7, kBos = 9;

VocabularyFacts vocabulary(TokenId pad, TokenId bos) {
  VocabularyFacts facts;
  facts.pad = pad;
  facts.bos = bos;
  return facts;
}

// n different tokens.
std::vector<TokenId> words(int n) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

std::vector<TokenId> joined(const std::vector<std::vector<TokenId>>& parts) {
  std::vector<TokenId> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<TokenId> times(int n, TokenId token) { return std::vector<TokenId>(static_cast<std::size_t>(n), token); }

std::ptrdiff_t n_of(const std::vector<std::uint8_t>& flags) { return std::ranges::count(flags, 1); }

TEST(TokenRoles, OfAPlainTextAreTheFirstPositions) {
  const TokenRoles roles(words(100), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(n_of(roles.is_padding), 0);
  EXPECT_EQ(n_of(roles.may_be_ordinary), 92);
  EXPECT_FALSE(roles.may_be_ordinary[7]);
  EXPECT_TRUE(roles.may_be_ordinary[8]);
  EXPECT_EQ(roles.n_counted.back(), 100);
  EXPECT_THAT(TokenRoles(words(3), vocabulary(-1, -1), 0).candidates, ElementsAre(0, 1, 2));
  EXPECT_TRUE(TokenRoles({}, vocabulary(-1, -1), 0).candidates.empty());
}

TEST(TokenRoles, PassPaddingOver) {
  const auto text = joined({times(32, kPad), {kBos}, words(100)});
  const TokenRoles roles(text, vocabulary(kPad, kBos), 0);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 32, 33, 34, 35, 36, 37, 38));
  EXPECT_EQ(n_of(roles.is_padding), 32);
  EXPECT_EQ(n_of(roles.may_be_ordinary), 93);
  EXPECT_FALSE(roles.may_be_ordinary[39]) << "the eighth token of the text";
  EXPECT_TRUE(roles.may_be_ordinary[40]);
  // At the end and beside another, too; one by itself is a token like others: vocabularies use the end of a turn.
  const auto rows = joined({words(20), {kPad}, words(20), times(2, kPad), words(20), {kPad}});
  EXPECT_EQ(n_of(TokenRoles(rows, vocabulary(kPad, kBos), 0).is_padding), 3);
  EXPECT_EQ(n_of(TokenRoles(text, vocabulary(-1, kBos), 0).is_padding), 0);
}

TEST(TokenRoles, TakeTheLastPaddingForBosWhereTheyAreOneToken) {
  const TokenRoles roles(joined({times(5, kPad), words(80)}), vocabulary(kPad, kPad), 0);
  EXPECT_EQ(n_of(roles.is_padding), 4);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 4, 5, 6, 7, 8, 9, 10));
}

TEST(TokenRoles, CountAStretchOfEqualTokensOnce) {
  // A chat's prefix, or padding that the vocabulary does not name.
  const TokenRoles roles(joined({times(30, 50), {kBos}, words(80)}), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 30, 31, 32, 33, 34, 35, 36));
  // The first eight are like others, and so is what comes after eight of its like no more.
  EXPECT_EQ(roles.n_counted.back(), 8 + 81);
  EXPECT_EQ(n_of(roles.may_be_ordinary), 81);
  const TokenRoles one_word(times(600, 50), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(one_word.candidates, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(n_of(one_word.may_be_ordinary), 0);
}

TEST(TokenRoles, CountAStretchOfTurnsOnce) {
  std::vector<TokenId> turns;
  for (int i = 0; i < 30; ++i) turns.insert(turns.end(), {kBos, 50});
  const TokenRoles two(joined({turns, words(80)}), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(two.candidates, ElementsAre(0, 1, 60, 61, 62, 63, 64, 65));
  std::vector<TokenId> rows;
  for (int i = 0; i < 30; ++i) rows.insert(rows.end(), {50, 51, 52, 53, 54});
  const TokenRoles five(joined({{kBos}, rows, words(80)}), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(five.candidates, ElementsAre(0, 1, 2, 3, 4, 151, 152, 153));
  // Eight turns, the first included, may be a text like others.
  const TokenRoles few(joined({{turns.begin(), turns.begin() + 16}, words(80)}), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(few.candidates, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(TokenRoles, FindBosInPackedText) {
  const auto packed = joined({words(100), {kBos}, words(100), {kBos}, words(100), {kBos}, words(10)});
  EXPECT_THAT(TokenRoles(packed, vocabulary(kPad, kBos), 0).candidates, ElementsAre(0, 1, 2, 3, 4, 5, 100, 201));
  const auto begins = joined({{kBos}, words(100), {kBos}, words(100)});
  EXPECT_THAT(TokenRoles(begins, vocabulary(kPad, kBos), 0).candidates, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  const auto late = joined({words(kPrefixTokens), {kBos}, words(100)});
  EXPECT_EQ(TokenRoles(late, vocabulary(kPad, kBos), 0).candidates.back(), 7);
}

TEST(TokenRoles, LookForBosInAPrefix) {
  const auto last = joined({words(kPrefixTokens - 1), {kBos}, words(100)});
  EXPECT_EQ(TokenRoles(last, vocabulary(kPad, kBos), 0).candidates.back(), kPrefixTokens - 1);
}

TEST(TokenRoles, TakePaddingWhereThereIsNotEnoughElse) {
  const TokenRoles roles(joined({times(10, kPad), words(3)}), vocabulary(kPad, kBos), 0);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 1, 2, 3, 4, 10, 11, 12));
  const TokenRoles only(times(5, kPad), vocabulary(kPad, kPad), 0);
  EXPECT_EQ(n_of(only.is_padding), 5) << "no text begins behind it";
  EXPECT_THAT(only.candidates, ElementsAre(0, 1, 2, 3, 4));
}

TEST(TokenRoles, KnowTokenZeroAsAnyOther) {
  const auto zeros = joined({words(20), {0}, words(30)});
  EXPECT_EQ(TokenRoles(zeros, vocabulary(kPad, 0), 0).candidates.back(), 20) << "as BOS";
  const auto padded = joined({times(3, 0), words(30)});
  EXPECT_EQ(n_of(TokenRoles(padded, vocabulary(0, kBos), 0).is_padding), 3) << "as padding";
  EXPECT_EQ(TokenRoles(joined({times(30, 0), words(30)}), vocabulary(kPad, kBos), 0).n_counted.back(), 8 + 30);
}

TEST(TokenRoles, KeepPositionsThatAreAskedFor) {
  const TokenRoles roles(joined({times(32, kPad), {kBos}, words(100)}), vocabulary(kPad, kBos), 3);
  EXPECT_THAT(roles.candidates, ElementsAre(0, 1, 2, 32, 33, 34, 35, 36));
}

TEST(TokenRoles, KnowNothingOfTokensToCome) {
  const TokenRoles roles(joined({words(20), times(100, -1)}), vocabulary(-1, -1), 0);
  EXPECT_EQ(n_of(roles.may_be_ordinary), 112);
}

// Of p tokens in turns the first eight turns and one token less are like others.
TEST(TokenRoles, TokensInTurnsAreRepeatsFromTheNinthTurnOn) {
  for (int period = 1; period <= 9; ++period) {
    std::vector<TokenId> tokens;
    for (int t = 0; t < 120; ++t) tokens.push_back(100 + t % period);
    const TokenRoles roles(tokens, vocabulary(-1, -1), 0);
    const int like_others = period <= kMostPeriod ? 9 * period - 1 : 120;
    EXPECT_EQ(roles.n_counted.back(), like_others) << period;
    for (int t = 8; t < 120; ++t) {
      EXPECT_EQ(roles.may_be_ordinary[static_cast<std::size_t>(t)] == 1, t < like_others) << period << " at " << t;
    }
  }
}

// Another token among them begins the count anew, and tokens that are not known are like no others.
TEST(TokenRoles, TurnsThatAreBrokenAreNoRepeats) {
  std::vector<TokenId> tokens;
  for (int t = 0; t < 40; ++t) tokens.push_back(t == 15 ? 500 : 100 + t % 2);
  EXPECT_EQ(TokenRoles(tokens, vocabulary(-1, -1), 0).n_counted.back(), 33) << "15 and 17 differ, so 33 is the 16th alike";
  EXPECT_EQ(TokenRoles(times(40, -1), vocabulary(-1, -1), 0).n_counted.back(), 40);
}

}  // namespace
}  // namespace sinkscope
