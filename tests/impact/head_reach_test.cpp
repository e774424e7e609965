// DuoAttention's pattern of tiny models, against probabilities that are read whole.
#include "impact/head_reach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "engine/llama/model.h"
#include "impact/head_reach_store.h"
#include "plant/tiny/tiny.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kLayers = 6, kHeads = 4, kKvHeads = 2;

std::vector<TokenId> text_of(int n_tokens, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens = {kTinyBos};
  while (std::ssize(tokens) < n_tokens) tokens.push_back(static_cast<TokenId>('a' + random() % 26));
  return tokens;
}

// A[h, q, k] of every query and key, summed as the definition says.
class SlowTwin final : public Observer {
 public:
  SlowTwin(int sink_size, int recent_size) : sink_size_(sink_size), recent_size_(recent_size) {}
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> keys_by_head(int) override { return keys_; }
  void on_micro_batch_begin(int first, int n) override {
    while (static_cast<int>(keys_.size()) < first + n) keys_.push_back(static_cast<int>(keys_.size()));
  }
  void on_attention(const AttentionEvent& event) override {
    for (int head = 0; head < event.n_heads; ++head) {
      for (int q = 0; q < event.n_queries; ++q) {
        const int query = event.first_query + q;
        if (query < sink_size_ + recent_size_) continue;
        if (event.layer == 0 && head == 0) ++n_queries;
        const auto row = event.by_head.attention.row(static_cast<std::size_t>(head * event.n_queries + q));
        for (int key = sink_size_; key <= query - recent_size_; ++key) {
          mass[event.layer][head / (kHeads / kKvHeads)] +=
              static_cast<double>(row[static_cast<std::size_t>(key)]) / (kHeads / kKvHeads);
        }
      }
    }
  }
  double mass[kLayers][kKvHeads] = {};
  int n_queries = 0;

 private:
  int sink_size_, recent_size_;
  std::vector<std::int32_t> keys_;
};

class HeadReachTest : public testing::Test {
 protected:
  std::unique_ptr<Model> load(const char* arch) {
    TinyOptions tiny;
    tiny.arch = arch;
    tiny.n_layers = kLayers;
    tiny.n_heads = kHeads;
    tiny.n_kv_heads = kKvHeads;
    write_tiny_model(tiny, folder_.file("model.gguf"));
    LoadOptions options;
    options.path = folder_.file("model.gguf");
    options.n_ctx = 512;
    options.n_ubatch = 64;
    options.runtime.n_threads = 1;
    options.precision = Precision::kNative;
    return load_model(options);
  }

  const TemporaryFolder folder_;
};

const std::vector<int> kLengths = {60, 150, 97, 230};

SequenceToAblate sequence_of(std::int64_t ordinal) {
  SequenceToAblate sequence;
  sequence.ordinal = ordinal;
  sequence.tokens = text_of(kLengths[static_cast<std::size_t>(ordinal)], static_cast<unsigned>(ordinal));
  return sequence;
}

TEST_F(HeadReachTest, IsWhatProbabilitiesSay) {
  for (const char* arch : {"llama", "gemma3"}) {  // the second has sliding windows
    const auto model = load(arch);
    HeadReachRequest request;
    request.sink_size = 3;
    request.recent_size = 30;
    HeadReachInMemory store;
    const HeadReach reach = measure_head_reach(*model, 4, sequence_of, request, store);
    EXPECT_EQ(reach.n_sequences, 3) << "60 tokens are too few";
    ASSERT_EQ(reach.beyond.rows(), static_cast<std::size_t>(kLayers));
    ASSERT_EQ(reach.beyond.cols(), static_cast<std::size_t>(kKvHeads));
    SlowTwin twin(3, 30);
    for (const std::int64_t i : {1, 2, 3}) {
      SlowTwin one(3, 30);
      model->run({{sequence_of(i).tokens}}, one, {});
      twin.n_queries += one.n_queries;
      for (int layer = 0; layer < kLayers; ++layer) {
        for (int head = 0; head < kKvHeads; ++head) twin.mass[layer][head] += one.mass[layer][head];
      }
    }
    EXPECT_EQ(reach.n_queries, twin.n_queries);
    double smallest = 1, largest = 0;
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int head = 0; head < kKvHeads; ++head) {
        const double expected = twin.mass[layer][head] / twin.n_queries;
        const double got = reach.beyond(static_cast<std::size_t>(layer), static_cast<std::size_t>(head));
        EXPECT_NEAR(got, expected, 1e-5) << arch << " block " << layer << " head " << head;
        smallest = std::min(smallest, got);
        largest = std::max(largest, got);
      }
    }
    EXPECT_LT(smallest, 0.6 * largest) << "heads differ, or the test says nothing";
    EXPECT_LT(largest, 1);
  }
}

TEST_F(HeadReachTest, TheFirstThatAreLongEnough) {
  const auto model = load("llama");
  HeadReachRequest request;
  request.sink_size = 3;
  request.recent_size = 30;
  request.max_documents = 1;
  HeadReachInMemory store;
  EXPECT_EQ(measure_head_reach(*model, 4, sequence_of, request, store).n_queries, 150 - 33);
  request.recent_size = 163;
  EXPECT_EQ(measure_head_reach(*model, 4, sequence_of, request, store).n_queries, 230 - 166);
  request.recent_size = 164;
  expect_error(ErrorCode::kInput, "expected a sequence of 231 tokens or more, got none of 4",
               [&] { measure_head_reach(*model, 4, sequence_of, request, store); });
}

TEST_F(HeadReachTest, WhatIsStoredIsNotMeasuredAgain) {
  const auto model = load("llama");
  HeadReachRequest request;
  request.sink_size = 3;
  request.recent_size = 30;
  HeadReachInMemory undisturbed, store;
  const Matrix<double> expected = measure_head_reach(*model, 4, sequence_of, request, undisturbed).beyond;
  request.max_documents = 2;
  measure_head_reach(*model, 4, sequence_of, request, store);
  request.max_documents.reset();
  const Matrix<double> all = measure_head_reach(*model, 4, sequence_of, request, store).beyond;
  request.should_stop = [] { return true; };  // any pass throws
  const Matrix<double> again = measure_head_reach(*model, 4, sequence_of, request, store).beyond;
  for (std::size_t i = 0; i < expected.rows() * expected.cols(); ++i) {
    EXPECT_EQ(all.data()[i], expected.data()[i]) << "bit for bit";
    EXPECT_EQ(again.data()[i], expected.data()[i]);
  }
  request.recent_size = 31;
  expect_error(ErrorCode::kInterrupted, "", [&] { measure_head_reach(*model, 4, sequence_of, request, store); });
}

}  // namespace
}  // namespace sinkscope
