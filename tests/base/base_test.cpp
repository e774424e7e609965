#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string_view>

#include "base/parallel.h"
#include "base/sha256.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(Sha256, MatchesTheStandardsExample) {
  Sha256 sha;
  constexpr std::string_view kPieces[] = {"a", "bc"};
  for (const auto piece : kPieces) sha.update(std::as_bytes(std::span(piece)));
  EXPECT_EQ(sha.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, OfATextIsThatOfItsBytes) {
  EXPECT_EQ(sha256_of_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().digest()[0], std::byte{0xe3});
}

TEST(Sha256, NamesTheFileThatItCannotRead) {
  expect_error(ErrorCode::kInput, "no/such/file", [] { sha256_of_file("no/such/file"); });
}

TEST(ParallelFor, CallsEachIndexOnce) {
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(1000, 3, [&](std::int64_t i, int thread) {
    EXPECT_LT(thread, 3);
    ++calls[static_cast<std::size_t>(i)];
  });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

TEST(ParallelFor, ThrowsWhatACallThrew) {
  EXPECT_THROW(parallel_for(4, 2,
                            [](std::int64_t i, int) {
                              if (i == 2) throw std::runtime_error("two");
                            }),
               std::runtime_error);
}

}  // namespace
}  // namespace sinkscope
