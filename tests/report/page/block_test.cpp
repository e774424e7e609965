#include "report/page/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <sstream>

#include "base/encodings.h"
#include "report/page/token_text.h"
#include "report/quantise.h"
#include "tests/report/page/unpacked.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing_samples::unpacked;

TEST(Quantise, CosinesAreOffByAtMostHalfAStep) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values = {-1, 0, 1};
  for (int i = 0; i < 1000; ++i) values.push_back(uniform(random));
  const Quantised quantised = quantise_linear(values, -1, 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_GE(quantised.codes[i], 1);
    EXPECT_NEAR(quantised.scale.value(quantised.codes[i]), values[i], 1.0 / 254 + 1e-6);
  }
  EXPECT_EQ(quantised.codes[0], 1);
  EXPECT_EQ(quantised.codes[2], 255);
}

TEST(Quantise, NormsAreOffByAtMostTheStatedFactor) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> exponent(-2, 3);
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::pow(10.0F, exponent(random)));
  const Quantised quantised = quantise_logarithmic(values);
  const double factor = std::pow(quantised.scale.high / quantised.scale.low, 1.0 / 508) * (1 + 1e-4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double ratio = quantised.scale.value(quantised.codes[i]) / values[i];
    EXPECT_LE(std::max(ratio, 1 / ratio), factor);
  }
}

TEST(Quantise, WhatWasNotMeasuredIsCodeZeroAndZeroIsNot) {
  const std::vector<float> values = {std::nanf(""), 0, 1e-9F, 1, 10};
  const Quantised quantised = quantise_logarithmic(values);
  EXPECT_THAT(quantised.codes, ElementsAre(0, 1, 1, testing::Ge(100), 255));
  // Six decades at most, so that the smallest value cannot ruin the others.
  EXPECT_FLOAT_EQ(quantised.scale.low, 1e-5F);
  EXPECT_THAT(quantise_logarithmic(std::vector<float>{0, std::nanf("")}).codes, ElementsAre(1, 0));
  EXPECT_THAT(quantise_logarithmic(std::vector<float>{3, 3}).codes, ElementsAre(1, 1));
}

TEST(Base64, AsRfc4648WritesIt) {
  const auto encoded = [](std::string_view text) { return base64(std::as_bytes(std::span(text))); };
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xfb\xff\xfe"), "+//+");
}

TEST(Block, ComesBackAsItWentIn) {
  Block block;
  const std::vector<std::uint32_t> ids = {7, 0, 4'000'000'000U};
  const std::vector<float> floats = {1.5F, -2.25F};
  block.add("codes", std::array<std::size_t, 2>{1, 3}, Quantised{{true, 0.5F, 8}, {1, 2, 255}});
  block.add("ids", std::array<std::size_t, 1>{3}, ids);
  block.add("floats", std::array<std::size_t, 1>{2}, floats);
  const auto back = unpacked(block.packed("{\"n\":1}"));
  EXPECT_EQ(back.json.at("head").at("n"), 1);
  EXPECT_THAT(back.array<std::uint8_t>("codes"), ElementsAre(1, 2, 255));
  EXPECT_EQ(back.array<std::uint32_t>("ids"), ids);
  EXPECT_EQ(back.array<float>("floats"), floats);
  EXPECT_EQ(back.json.at("arrays").at("codes").at("scale").at("logarithmic"), true);
  EXPECT_EQ(back.json.at("arrays").at("ids").at("offset").get<int>() % 4, 0);
}

TEST(Spool, GivesBackWhatWasWrittenFromMemoryAndFromItsFile) {
  for (const std::size_t memory : {std::size_t{0}, std::size_t{7}, Spool::kMemoryBytes}) {
    Spool spool(memory);
    std::ostream out(&spool);
    std::string all;
    for (int i = 0; i < 100; ++i) {
      out << i << ' ' << std::string(static_cast<std::size_t>(i), 'x');
      all += std::to_string(i) + ' ' + std::string(static_cast<std::size_t>(i), 'x');
    }
    ASSERT_EQ(spool.size(), all.size());
    for (const std::size_t first : {std::size_t{0}, std::size_t{3}, all.size() - 5}) {
      for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{5}, all.size() - first}) {
        std::string read;
        spool.read(first, n, [&](std::string_view piece) { read += piece; });
        EXPECT_EQ(read, all.substr(first, n)) << memory << " " << first << " " << n;
      }
    }
  }
}

TEST(Block, AHeadPackedInPiecesHasTheBytesOfOnePackedWhole) {
  std::mt19937 random(7);
  // Small, odd and larger than the buffers of zlib and of the packer.
  for (const std::size_t n : {0, 1, 5, 100'000, 3'000'001}) {
    std::string head = "\"";
    while (head.size() <= n) head += static_cast<char>('a' + random() % 9);
    head += '"';
    Spool spool(1000);
    spool.append(head);
    std::ostringstream pieces;
    Block::pack_head(spool, pieces);
    EXPECT_TRUE(pieces.str() == Block().packed(head)) << n;
  }
}

TEST(TokenTexts, CharactersStandWhereTheyBegin) {
  EXPECT_THAT(token_texts({"a", "\xe4\xbd", "\xa0", "b"}), ElementsAre("a", "\xe4\xbd\xa0", "", "b"));
  EXPECT_THAT(token_texts({"", "x", "", "\xf0\x9f\x98", "\x80y"}), ElementsAre("", "x", "", "\xf0\x9f\x98\x80", "y"));
  EXPECT_THAT(token_texts({"\xe4", "z\xff"}), ElementsAre("\uFFFD", "z\uFFFD"));
  EXPECT_THAT(token_texts({}), ElementsAre());
}

}  // namespace
}  // namespace sinkscope
