// What single heads and queries give to keys, against the means and sums that other code makes of the same node.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "probe/hide_keys.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

struct Case {
  std::string_view arch;
  Precision precision;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    for (const std::string_view arch : tiny_archs()) all.push_back({arch, precision});
  }
  return all;
}

// Asks of every key that has come what heads and queries give to it, and watches some of the same keys.
class ByHead final : public Observer {
 public:
  bool wants_attention(int) override { return true; }
  std::span<const std::int32_t> watched_keys(int) override { return watched_; }
  std::span<const std::int32_t> keys_by_head(int) override { return keys_; }
  void on_micro_batch_begin(int first_token, int n_tokens) override {
    keys_.resize(static_cast<std::size_t>(first_token + n_tokens));
    std::iota(keys_.begin(), keys_.end(), 0);
    watched_.clear();
    for (const std::int32_t key : {0, 3, 57, 60, 77, 140}) {
      if (key < first_token + n_tokens) watched_.push_back(key);
    }
  }
  void on_attention(const AttentionEvent& event) override {
    const HeadAttention& got = event.by_head;
    const std::size_t n_heads = event.sums.rows(), n_queries = static_cast<std::size_t>(event.n_queries);
    ASSERT_EQ(got.keys.size(), keys_.size());
    ASSERT_EQ(got.log_z.rows(), n_heads);
    ASSERT_EQ(got.log_z.cols(), n_queries);
    ASSERT_EQ(got.attention.rows(), n_heads * n_queries);
    for (std::size_t h = 0; h < n_heads; ++h) {
      double total = event.learned_mass.empty() ? 0 : event.learned_mass[h];
      for (std::size_t k = 0; k < keys_.size(); ++k) {
        double sum = 0;
        for (std::size_t q = 0; q < n_queries; ++q) {
          const auto attention = static_cast<double>(got.attention(h * n_queries + q, k));
          if (got.visible(q, k) == 0) {
            EXPECT_EQ(attention, 0) << "a key that is not seen";
          }
          sum += attention;
        }
        // The device rounds nothing in float32; both add up in another order.
        EXPECT_NEAR(sum, static_cast<double>(event.sums(h, k)), 1e-5 * static_cast<double>(n_queries)) << event.layer;
        total += sum;
      }
      EXPECT_NEAR(total, static_cast<double>(n_queries), 1e-4 * static_cast<double>(n_queries)) << event.layer;
    }
    for (std::size_t w = 0; w < watched_.size(); ++w) {
      for (std::size_t q = 0; q < n_queries; ++q) {
        const auto key = static_cast<std::size_t>(watched_[w]);
        ASSERT_EQ(got.visible(q, key), event.watched_visible(q, w));
        if (got.visible(q, key) == 0) continue;
        double logit = 0, largest = 0;
        bool vanishes = false;
        for (std::size_t h = 0; h < n_heads; ++h) {
          const float attention = got.attention(h * n_queries + q, key);
          vanishes = vanishes || attention < 1e-37F;
          const double of_head = std::log(static_cast<double>(attention)) + static_cast<double>(got.log_z(h, q));
          largest = std::max(largest, std::abs(of_head));
          logit += of_head / static_cast<double>(n_heads);
        }
        if (vanishes) continue;
        ++n_logits;
        // Logits are float32 products, of up to some hundred.
        EXPECT_NEAR(logit, static_cast<double>(event.watched_logit(q, w)), 2e-5 * std::max(largest, 5.0))
            << "layer " << event.layer << " key " << key;
      }
    }
    ++n_events;
  }

  int n_events = 0, n_logits = 0;

 private:
  std::vector<std::int32_t> keys_, watched_;
};

class AttentionByHeadTest : public testing::TestWithParam<Case> {};

TEST_P(AttentionByHeadTest, AgreesWithSumsAndMeans) {
  const TemporaryFolder folder;
  TinyOptions tiny;
  tiny.arch = GetParam().arch;
  tiny.n_layers = 4;
  write_tiny_model(tiny, folder.file("model.gguf"));
  LoadOptions options;
  options.path = folder.file("model.gguf");
  options.n_ctx = 256;
  options.n_ubatch = 96;
  options.runtime.n_threads = 1;
  options.max_sequences = 2;
  options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
  options.precision = GetParam().precision;
  const std::unique_ptr<Model> model = load_model(options);
  ByHead observer;
  HideKeys hidden(HiddenKeys{.sequence = 1, .positions = {2, 17}, .first_layer = 1, .last_layer = 2});
  RunOptions run;
  run.min_distance = 16;
  run.edits = {&hidden};
  model->run({{some_text(58, 1), some_text(100, 2)}}, observer, run);
  EXPECT_EQ(observer.n_events, 8) << "four layers, two micro-batches";
  EXPECT_GT(observer.n_logits, 1000);
}

INSTANTIATE_TEST_SUITE_P(Family, AttentionByHeadTest, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = std::string(test.param.arch) + "_" + std::string(name_of(test.param.precision));
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace sinkscope
