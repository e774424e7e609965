#include "engine/llama/write_check.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace sinkscope {
namespace {

class Counter final : public Observer {
 public:
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent&) override { ++states; }
  int states = 0;
};

class WriteCheckTest : public testing::Test {
 protected:
  WriteCheckTest() {
    facts_.n_layers = 1;
    facts_.has_mid_residual = {true};
  }
  void show(WriteCheck& check, ProbePoint point, std::vector<float> row, std::span<const std::uint8_t> edited = {}) {
    check.on_state({point, point == ProbePoint::kEmbedding ? -1 : 0, 0, {row.data(), 1, row.size()}, edited});
  }
  // h_{-1} = (1, 0), attention adds (0, 2), the MLP adds (4, 0).
  void show_block(WriteCheck& check, float mid, float out) {
    show(check, ProbePoint::kEmbedding, {1, 0});
    show(check, ProbePoint::kAttentionWrite, {0, 2});
    if (facts_.has_mid_residual[0]) show(check, ProbePoint::kMidResidual, {1, mid});
    show(check, ProbePoint::kMlpWrite, {4, 0});
    show(check, ProbePoint::kBlockOutput, {out, 2});
  }

  ModelFacts facts_;
  Counter counter_;
};

TEST_F(WriteCheckTest, WritesThatAddUpPass) {
  WriteCheck check(facts_, counter_);
  EXPECT_NO_THROW(show_block(check, 2, 5));
  EXPECT_EQ(counter_.states, 1) << "only what the observer wants is passed on";
}

TEST_F(WriteCheckTest, AWrongAttentionWriteIsRefused) {
  WriteCheck check(facts_, counter_);
  EXPECT_THROW(show_block(check, 2.001F, 5), Error);
}

TEST_F(WriteCheckTest, AWrongMlpWriteIsRefused) {
  WriteCheck check(facts_, counter_);
  EXPECT_THROW(show_block(check, 2, 5.001F), Error);
}

TEST_F(WriteCheckTest, InAParallelBlockBothWritesCount) {
  facts_.has_mid_residual = {false};
  WriteCheck right(facts_, counter_);
  EXPECT_NO_THROW(show_block(right, 0, 5));
  WriteCheck wrong(facts_, counter_);
  EXPECT_THROW(show_block(wrong, 0, 4), Error);
}

// The network had added up before the sum was changed: the next one starts from the changed state.
TEST_F(WriteCheckTest, ASumThatWasEditedIsLeftOut) {
  const std::uint8_t edited[] = {1}, other[] = {0};
  for (const bool marked : {true, false}) {
    WriteCheck check(facts_, counter_);
    show(check, ProbePoint::kEmbedding, {1, 0});
    show(check, ProbePoint::kAttentionWrite, {0, 2}, edited);  // a changed write is in the sum
    show(check, ProbePoint::kMidResidual, {1, 2});
    show(check, ProbePoint::kMlpWrite, {4, 0});
    const auto block_output = [&] { show(check, ProbePoint::kBlockOutput, {9, 9}, marked ? edited : other); };
    if (marked) {
      EXPECT_NO_THROW(block_output());
    } else {
      EXPECT_THROW(block_output(), Error);
      continue;
    }
    show(check, ProbePoint::kAttentionWrite, {1, 1});
    EXPECT_NO_THROW(show(check, ProbePoint::kMidResidual, {10, 10}));
  }
}

TEST_F(WriteCheckTest, LooksAtTheFirstMicroBatchOnly) {
  WriteCheck check(facts_, counter_);
  EXPECT_TRUE(check.wants(ProbePoint::kMlpWrite, 0));
  show_block(check, 2, 5);
  check.on_micro_batch_end(0, 1);
  EXPECT_FALSE(check.wants(ProbePoint::kMlpWrite, 0));
  EXPECT_TRUE(check.wants(ProbePoint::kBlockOutput, 0));
  EXPECT_NO_THROW(show(check, ProbePoint::kBlockOutput, {7, 7}));
}

}  // namespace
}  // namespace sinkscope
