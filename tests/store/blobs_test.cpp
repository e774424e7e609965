#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string_view>

#include "base/error.h"
#include "store/bytes.h"
#include "store/figures_blob.h"
#include "store/profiles_blob.h"
#include "tests/store/samples.h"

namespace sinkscope {
namespace {

using testing_samples::same;
using testing_samples::sequence_figures;

TEST(Crc32, MatchesTheStandardCheckValueAndItsSlowTwin) {
  EXPECT_EQ(crc32(std::as_bytes(std::span(std::string_view("123456789")))), 0xCBF43926U);
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<std::byte> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    std::uint32_t expected = 0xFFFFFFFFU;
    for (const std::byte byte : bytes) {
      expected ^= std::to_integer<std::uint32_t>(byte);
      for (int bit = 0; bit < 8; ++bit) expected = (expected >> 1) ^ ((expected & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    EXPECT_EQ(crc32(bytes), ~expected) << size;
  }
}

TEST(FiguresBlob, GoesThereAndBack) {
  for (const int n_layers : {1, 7, 8, 9, 30}) {
    for (const int n_tokens : {1, 7, 8, 9, 100}) {
      const auto figures = sequence_figures(static_cast<unsigned>(n_layers), n_layers, n_tokens);
      const auto bytes = encode_figures(figures);
      EXPECT_TRUE(same(decode_figures(bytes, "test"), figures)) << n_layers << " " << n_tokens;
    }
  }
}

TEST(FiguresBlob, KeepsMatricesThatAreNotSymmetric) {
  auto figures = sequence_figures(3, 6, 20);
  figures.self_cosine[1](0, 5) = -0.25F;
  EXPECT_TRUE(same(decode_figures(encode_figures(figures), "test"), figures));
}

// The layout by hand: one layer, one token, nothing measured but its norm and one ordinary norm.
TEST(FiguresBlob, LaysBytesOutAsDocumented) {
  SequenceFigures figures;
  figures.n_layers = 1;
  figures.n_tokens = 1;
  figures.min_distance = 64;
  for (const auto& field : kSequenceFields) (figures.*field.member).resize(1);
  figures.ordinary_norm = {2.0F};
  figures.candidates = {0};
  figures.self_cosine.emplace_back(1, 1, 1.0F);
  TokenProfile token = empty_profile(0, 1);
  token.hidden_norm = {-2.0F};
  figures.first_positions.push_back(token);
  // clang-format off
  std::vector<unsigned> expected = {
      'S', 'F', 'I', 'G', 6, 0, kTokenFields.size(), 0,  // magic, layout, figures a token
      1, 0, 0, 0, 1, 0, 0, 0,                            // n_layers, n_tokens
      0, 0, 0, 0, 64, 0, 0, 0,                           // prompt_tokens, min_distance
      0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255,        // n_watch_overflow, n_padding, no candidate
      0, 0, 0, 0,                                        // no later tokens
      1, 0, 0, 0, 0x40, 0, 0, 0, 0,                      // ordinary_norm: presence, 2.0; the four others: not measured
      0, 0, 0, 0, 1, 0, 0, 0, 0xC0,                      // position, hidden_norm: presence, -2.0
  };
  // One candidate, position 0; its self_cosine: upper triangle, 1.0.
  const std::vector<unsigned> square = {1, 0, 0, 0, 0, 1, 0, 0, 0x80, 0x3F};
  // clang-format on
  expected.insert(expected.end(), kTokenFields.size() - 1, 0);  // figures that were not measured
  expected.insert(expected.end(), {0});                         // no first_alignment
  expected.insert(expected.end(), square.begin(), square.end());
  const auto bytes = encode_figures(figures);
  ASSERT_EQ(bytes.size(), expected.size() + 4);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(std::to_integer<unsigned>(bytes[i]), expected[i]) << i;
}

TEST(FiguresBlob, RefusesFiguresThatContradictThemselves) {
  const auto refuses = [](auto&& spoil) {
    auto figures = sequence_figures(4, 5, 30);
    spoil(figures);
    EXPECT_THROW(encode_figures(figures), Error);
  };
  refuses([](auto& figures) { figures.tokens[0].score.pop_back(); });
  refuses([](auto& figures) { figures.tokens[0].score[0] = std::numeric_limits<float>::infinity(); });
  refuses([](auto& figures) { figures.ordinary_norm[2] = std::nanf(""); });
  refuses([](auto& figures) { figures.self_cosine[0] = Matrix<float>(2, 5); });
  refuses([](auto& figures) { figures.n_layers = 0; });
}

// Gives the bytes the checksum that they would have, so that the checks behind it are reached.
void mend_checksum(std::vector<std::byte>& bytes) {
  const std::uint32_t crc = little_endian(crc32(std::span(bytes).first(bytes.size() - 4)));
  std::memcpy(bytes.data() + bytes.size() - 4, &crc, 4);
}

// Decodes what may be damaged: a result or Error{kInput}, never anything else.
bool decodes(std::span<const std::byte> bytes) {
  try {
    decode_figures(bytes, "test");
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput) << error.what();
    return false;
  }
}

TEST(FiguresBlob, EveryTruncationIsAnError) {
  const auto bytes = encode_figures(sequence_figures(5, 6, 20));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_FALSE(decodes(cut)) << size;
    if (size < 4) continue;
    mend_checksum(cut);
    ASSERT_FALSE(decodes(cut)) << size;
  }
}

TEST(FiguresBlob, EveryFlippedBitIsAnError) {
  const auto bytes = encode_figures(sequence_figures(6, 4, 12));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(decodes(flipped)) << bit;
  }
}

// With a checksum that fits, damage may pass for other figures, but nothing may crash or take memory by its word.
TEST(FiguresBlob, DamageUnderAGoodChecksumIsCaughtOrHarmless) {
  const auto bytes = encode_figures(sequence_figures(7, 6, 20));
  std::mt19937 random(8);
  int n_errors = 0;
  for (int i = 0; i < 20000; ++i) {
    auto damaged = bytes;
    for (auto n = random() % 3 + 1; n > 0; --n) {
      const std::size_t at = random() % 2 == 0 ? random() % 60 : random() % damaged.size();
      damaged[at] = static_cast<std::byte>(random());
    }
    mend_checksum(damaged);
    n_errors += decodes(damaged) ? 0 : 1;
  }
  EXPECT_GT(n_errors, 5000);
}

TEST(FiguresBlob, LengthsAreNotTrusted) {
  auto bytes = encode_figures(sequence_figures(9, 6, 20));
  for (const std::size_t at : {8U, 16U, 28U, 32U}) {
    auto damaged = bytes;
    const std::int32_t huge = little_endian(std::int32_t{0x7FFFFFFF});
    std::memcpy(damaged.data() + at, &huge, 4);
    mend_checksum(damaged);
    EXPECT_FALSE(decodes(damaged)) << at;
  }
}

constexpr auto kHalf = ProfileEncoding::kScaledHalf;

ProfileArray there_and_back(const ProfileArray& profile, ProfileEncoding encoding = kHalf) {
  return decode_profile({profile.name, profile.shape, encoding}, encode_profile(profile, encoding), "test");
}

TEST(ProfileBlob, KeepsElevenBitsOfLargeAndSmallRows) {
  std::mt19937 random(10);
  std::vector<float> values;
  for (const int exponent : {-140, -20, 0, 20, 100}) {
    for (int i = 0; i < 50; ++i) {
      values.push_back(std::ldexp(static_cast<float>(random() % 0xFFFF) - 32767.0F, exponent - 16));
    }
  }
  const ProfileArray profile{"test", {5, 50}, values};
  EXPECT_EQ(encode_profile(profile, kHalf).size(), 5 * (4 + 50 * 2) + 4U);
  const auto decoded = there_and_back(profile);
  // The first row lies below the smallest normal float: there a step of 2^-149 is all that a float has itself.
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float smallest_step = i < 50 ? 0x1p-149F : 0.0F;
    EXPECT_LE(std::fabs(decoded.values[i] - values[i]), std::fabs(values[i]) * 0x1p-11F + smallest_step) << i;
  }
}

TEST(ProfileBlob, OneLargeNormDoesNotDrownTheOthers) {
  const ProfileArray profile{"test", {1, 3}, {1.0e6F, 0.01F, 3.0F}};
  const auto decoded = there_and_back(profile);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(decoded.values[i] / profile.values[i], 1.0F, 0x1p-11F);
}

TEST(ProfileBlob, NotMeasuredStaysSoAndCountsAreExact) {
  const float nan = std::nanf("");
  const ProfileArray gaps{"test", {2, 2}, {nan, nan, 0.5F, nan}};
  EXPECT_EQ(encoding_for(gaps), ProfileEncoding::kScaledHalfOfSome);
  const auto decoded = there_and_back(gaps);
  EXPECT_TRUE(std::isnan(decoded.values[0]));
  EXPECT_EQ(decoded.values[2], 0.5F);
  EXPECT_TRUE(std::isnan(decoded.values[3]));
  const ProfileArray counts{"test", {1, 4}, {8191.0F, 32767.0F, nan, 3.0F}};
  EXPECT_EQ(encoding_for(counts), ProfileEncoding::kFloat);
  EXPECT_EQ(there_and_back(counts, ProfileEncoding::kFloat).values[1], 32767.0F);
}

// An array that few tokens have a number in takes room for those only.
TEST(ProfileBlob, OfFewTokensKeepsThoseOnly) {
  const float nan = std::nanf("");
  ProfileArray few{"test", {2, 3, 1000}, std::vector<float>(6000, nan)};
  few.values[17] = 0.5F;
  few.values[5 * 1000 + 999] = -3.25F;
  ASSERT_EQ(encoding_for(few), ProfileEncoding::kScaledHalfOfSome);
  EXPECT_LT(encode_profile(few, encoding_for(few)).size(), 100U);
  for (const bool whole : {false, true}) {
    if (whole) few.values[17] = 70001, few.values[5 * 1000 + 999] = -3;
    const ProfileEncoding encoding = encoding_for(few);
    ASSERT_EQ(encoding == ProfileEncoding::kFloatOfSome, whole);
    const auto back = there_and_back(few, encoding);
    EXPECT_EQ(back.shape, few.shape);
    for (std::size_t v = 0; v < few.values.size(); ++v) {
      ASSERT_EQ(std::isnan(back.values[v]), std::isnan(few.values[v])) << v;
      if (!std::isnan(few.values[v])) {
        EXPECT_EQ(back.values[v], few.values[v]);
      }
    }
  }
  const ProfileArray nothing{"test", {2, 4}, std::vector<float>(8, nan)};
  EXPECT_TRUE(std::isnan(there_and_back(nothing, encoding_for(nothing)).values[7]));
  const ProfileArray half{"test", {1, 4}, {0.5F, nan, 1.5F, nan}};
  EXPECT_EQ(encoding_for(half), ProfileEncoding::kScaledHalfOfSome);
  const ProfileArray more{"test", {1, 4}, {0.5F, 1, 1.5F, nan}};
  EXPECT_EQ(encoding_for(more), ProfileEncoding::kScaledHalf);
}

TEST(ProfileBlob, DamagedColumnsAreAnError) {
  const float nan = std::nanf("");
  const ProfileArray profile{
      "test", {2, 8}, {nan, 1.5F, nan, 2.5F, nan, nan, nan, nan, nan, 3.5F, nan, nan, nan, nan, nan, nan}};
  const auto encoding = encoding_for(profile);
  const ProfileShape shape{profile.name, profile.shape, encoding};
  const auto bytes = encode_profile(profile, encoding);
  ASSERT_EQ(bytes.size(), 4U + 2 * 4 + 2 * (4 + 2 * 2) + 4);
  const auto damaged = [&](std::size_t at, std::uint8_t value) {
    auto changed = bytes;
    changed[at] = std::byte{value};
    mend_checksum(changed);
    EXPECT_THROW(decode_profile(shape, changed, "test"), Error) << at << ' ' << int{value};
  };
  damaged(0, 1);  // fewer columns than are there
  damaged(0, 9);  // more than the shape has
  damaged(4, 3);  // the same column twice
  damaged(8, 8);  // a column that does not exist
  const ProfileShape huge{"test", {std::size_t{1} << 20, std::size_t{1} << 20}, encoding};
  EXPECT_THROW(decode_profile(huge, bytes, "test"), Error);
}

TEST(ProfileBlob, DamageIsAnError) {
  const ProfileArray profile{"test", {2, 3, 4}, std::vector<float>(24, 1.5F)};
  const ProfileShape shape{profile.name, profile.shape, kHalf};
  const auto bytes = encode_profile(profile, kHalf);
  EXPECT_EQ(decode_profile(shape, bytes, "test").values, profile.values);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_profile(shape, std::span(bytes).first(size), "test"), Error);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_THROW(decode_profile(shape, flipped, "test"), Error);
  }
  const ProfileShape huge{"test", {std::size_t{1} << 62, 4, 4}, kHalf};
  EXPECT_THROW(decode_profile(huge, bytes, "test"), Error);
}

}  // namespace
}  // namespace sinkscope
