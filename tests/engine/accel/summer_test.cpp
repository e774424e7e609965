#include "engine/attention/summer.h"

#include <ggml.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/error.h"
#include "engine/accel/accel_sums.h"

namespace sinkscope {
namespace {

constexpr std::array<std::int32_t, 2> kWatched{1, 4};

// Takes the nodes of one operation, and answers with a mark of its own.
class Marked final : public ColumnSummer {
 public:
  Marked(ggml_op op, float mark) : op_(op), mark_(mark) {}
  bool takes(const ggml_tensor& node) const override { return node.op == op_; }
  AttentionSums sum(const ggml_tensor&, const ColumnQuestion&) override {
    AttentionSums sums;
    sums.sums = {&mark_, 1, 1};
    return sums;
  }
  void begin_micro_batch() override { ++n_begun; }
  int n_begun = 0;

 private:
  ggml_op op_;
  float mark_;
};

TEST(ColumnSummers, TheFirstThatTakesANodeSumsIt) {
  Marked attention(GGML_OP_FLASH_ATTN_EXT, 1), also_attention(GGML_OP_FLASH_ATTN_EXT, 2), product(GGML_OP_MUL_MAT, 3);
  ColumnSummers summers{&attention, &also_attention, &product};
  AttentionMask mask;
  ggml_tensor node{};
  node.op = GGML_OP_FLASH_ATTN_EXT;
  EXPECT_EQ(summers.sum(node, {&mask, {}}).sums.row(0)[0], 1);
  node.op = GGML_OP_MUL_MAT;
  EXPECT_TRUE(summers.takes(node));
  EXPECT_EQ(summers.sum(node, {&mask, {}}).sums.row(0)[0], 3);
  node.op = GGML_OP_ADD;
  EXPECT_FALSE(summers.takes(node));
  EXPECT_THROW(summers.sum(node, {&mask, {}}), Error);
  summers.begin_micro_batch();
  EXPECT_EQ(attention.n_begun + also_attention.n_begun + product.n_begun, 3);
}

class Asker final : public ColumnAsker {
 public:
  explicit Asker(const AttentionMask& mask) : mask_(mask) {}
  std::optional<ColumnQuestion> question_for(const ggml_tensor& node) override {
    if (node.op != GGML_OP_FLASH_ATTN_EXT) return {};
    return ColumnQuestion{&mask_, kWatched};
  }

 private:
  const AttentionMask& mask_;
};

class AccelSumsTest : public testing::Test {
 protected:
  AccelSumsTest() { node_.op = GGML_OP_FLASH_ATTN_EXT; }
  // As the device does when it computes the node.
  void compute() {
    const auto question = sums_.before_attention(node_);
    ASSERT_TRUE(question);
    EXPECT_EQ(question->mask, &mask_);
    EXPECT_EQ(question->watched.data(), kWatched.data());
    AttentionSums made;
    made.sums = {&value_, 1, 1};
    sums_.after_attention(node_, made);
  }

  const float value_ = 7;
  AttentionMask mask_;
  ggml_tensor node_{};
  Asker asker_{mask_};
  AccelSums sums_{asker_};
};

TEST_F(AccelSumsTest, TakesOnlyWhatTheDeviceAnswered) {
  EXPECT_FALSE(sums_.takes(node_));
  ASSERT_TRUE(sums_.before_attention(node_));
  EXPECT_FALSE(sums_.takes(node_)) << "the device has not computed it";
  compute();
  EXPECT_TRUE(sums_.takes(node_));
  EXPECT_EQ(sums_.sum(node_, {&mask_, kWatched}).sums.row(0)[0], 7);
  EXPECT_FALSE(sums_.takes(node_)) << "its sums were handed out";
  ggml_tensor other{};
  EXPECT_FALSE(sums_.before_attention(other)) << "nothing is asked of it";
}

// llama.cpp uses the memory of a graph again: the next micro-batch may have another node at the same address.
TEST_F(AccelSumsTest, ForgetsWhatWasNotFetchedWhenAMicroBatchBegins) {
  compute();
  sums_.begin_micro_batch();
  EXPECT_FALSE(sums_.takes(node_));
  EXPECT_THROW(sums_.sum(node_, {&mask_, kWatched}), Error);
}

TEST_F(AccelSumsTest, RefusesAnotherQuestion) {
  compute();
  AttentionMask other;
  EXPECT_THROW(sums_.sum(node_, {&other, kWatched}), Error);
  EXPECT_THROW(sums_.sum(node_, {&mask_, std::span(kWatched).first(1)}), Error);
  EXPECT_THROW(sums_.sum(node_, {&mask_, kWatched, true}), Error);
}

}  // namespace
}  // namespace sinkscope
