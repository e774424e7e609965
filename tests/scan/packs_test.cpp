#include "scan/packs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

using ::testing::ElementsAre;

TEST(PlanPacks, FillsPacksInOrder) {
  const auto sizes = [](const std::vector<int>& lengths, int tokens, int sequences,
                        std::optional<int> short_tokens = std::nullopt) {
    std::vector<std::size_t> counts;
    std::size_t next = 0;
    for (const PackRange& range : plan_packs(lengths, {tokens, sequences, short_tokens})) {
      EXPECT_EQ(range.first, next);
      next += range.count;
      counts.push_back(range.count);
    }
    EXPECT_EQ(next, lengths.size());
    return counts;
  };
  EXPECT_THAT(sizes({3, 3, 3, 3, 3}, 10, 8), ElementsAre(3, 2));
  EXPECT_THAT(sizes({3, 3, 3, 3, 3}, 10, 2), ElementsAre(2, 2, 1));
  EXPECT_THAT(sizes({5, 5, 1}, 10, 8), ElementsAre(2, 1)) << "one token too long";
  EXPECT_THAT(sizes({5, 6}, 10, 8), ElementsAre(1, 1));
  EXPECT_THAT(sizes({3, 20, 3, 7}, 10, 8), ElementsAre(1, 1, 2));
  EXPECT_THAT(sizes({1, 1, 1}, 100, 1), ElementsAre(1, 1, 1));
  EXPECT_THAT(sizes({}, 100, 1), ElementsAre());
  // Of two networks: up to 10 tokens together, and longer documents by themselves.
  EXPECT_THAT(sizes({4, 6, 1, 11, 2, 12, 13}, 100, 8, 10), ElementsAre(2, 1, 1, 1, 1, 1));
  EXPECT_THAT(sizes({6, 5, 5}, 10, 8, 20), ElementsAre(1, 2)) << "the smaller of the two limits";
}

TEST(PackTokens, AreFourMicroBatches) { EXPECT_EQ(pack_tokens(512), 2048); }

}  // namespace
}  // namespace sinkscope
