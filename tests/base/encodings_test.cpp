#include "base/encodings.h"

#include <gtest/gtest.h>

#include <random>

namespace sinkscope {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Hex, HasTwoLowerCaseDigitsAByte) {
  EXPECT_EQ(hex_string(std::string_view("\x00\x0f\xA0\xFF", 4)), "000fa0ff");
  EXPECT_EQ(hex_string(""), "");
}

TEST(Base64, MatchesTheStandardsExamples) {
  EXPECT_EQ(base64(bytes_of("")), "");
  EXPECT_EQ(base64(bytes_of("f")), "Zg==");
  EXPECT_EQ(base64(bytes_of("fo")), "Zm8=");
  EXPECT_EQ(base64(bytes_of("foo")), "Zm9v");
  EXPECT_EQ(base64(bytes_of("foob")), "Zm9vYg==");
  EXPECT_EQ(base64(bytes_of("fooba")), "Zm9vYmE=");
  EXPECT_EQ(base64(bytes_of("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64(bytes_of("\xFB\xFF")), "+/8=");
}

// Bit by bit, over the seams between pieces.
TEST(Base64, AgreesWithASlowOne) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(1);
  for (const std::size_t size : {(3U << 20) - 1, (3U << 20), (3U << 20) + 1, (6U << 20) + 2}) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::string expected;
    unsigned held = 0, n_bits = 0;
    for (const char c : bytes) {
      held = held << 8U | static_cast<unsigned char>(c);
      for (n_bits += 8; n_bits >= 6; n_bits -= 6) expected += kDigits[held >> (n_bits - 6) & 63U];
    }
    if (n_bits > 0) expected += kDigits[held << (6 - n_bits) & 63U];
    while (expected.size() % 4 != 0) expected += '=';
    ASSERT_TRUE(base64(bytes_of(bytes)) == expected) << size;
  }
}

TEST(Xml, EscapesWhatWouldBeMarkup) {
  EXPECT_EQ(escaped_xml("<a href=\"x\">&'\u00e9"), "&lt;a href=&quot;x&quot;&gt;&amp;'\u00e9");
}

}  // namespace
}  // namespace sinkscope
