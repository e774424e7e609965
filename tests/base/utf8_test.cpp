#include "base/utf8.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

namespace sinkscope {
namespace {

TEST(Utf8, TellsTextFromOtherBytes) {
  EXPECT_TRUE(is_utf8("plain, \xC3\xA9, \xE2\x88\x91, \xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_utf8("\xC3"));              // cut short
  EXPECT_FALSE(is_utf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(
      is_utf8("a\x80"
              "b"));
}

TEST(Utf8, PiecesAreCodePointsOrSingleBytes) {
  const std::string bytes = "a\xC3\xA9\xE2\x88\x91\xF0\x9F\x98\x80\xE2\x88z\xFF";
  std::vector<std::optional<char32_t>> codes;
  std::string joined;
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    codes.push_back(piece.code);
    joined += piece.bytes;
    EXPECT_EQ(piece.bytes.size() == 1, !piece.code || *piece.code < 0x80);
  }
  EXPECT_EQ(joined, bytes);
  EXPECT_EQ(codes, (std::vector<std::optional<char32_t>>{U'a', U'\u00e9', U'\u2211', U'\U0001F600', std::nullopt,
                                                         std::nullopt, U'z', std::nullopt}));
  EXPECT_EQ(Utf8Pieces("").begin(), Utf8Pieces("").end());
}

TEST(Utf8, PrivateBytesAreUtf8AndComeBack) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 'a' : random());
    const std::string text = to_private_bytes(bytes);
    ASSERT_TRUE(is_utf8(text));
    ASSERT_EQ(from_private_bytes(text), bytes);
  }
}

TEST(Utf8, PrivateCodePointsOfATextComeBackToo) {
  const std::string text = "x\xF4\x8F\xBE\x80y\xF4\x8F\xBF\xBFz";
  EXPECT_EQ(from_private_bytes(to_private_bytes(text)), text);
}

TEST(Utf8, PlainTextIsUnchanged) { EXPECT_EQ(to_private_bytes("\xE2\x88\x91 k"), "\xE2\x88\x91 k"); }

}  // namespace
}  // namespace sinkscope
