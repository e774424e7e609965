#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"

namespace sinkscope {
namespace {

// Keeps what a run shows: the last block's output of every token, and column sums of every key.
class Recorder final : public Observer {
 public:
  Recorder(int n_layers, int n_tokens) : n_layers_(n_layers), n_tokens_(static_cast<std::size_t>(n_tokens)) {
    states.resize(n_tokens_);
    sums.assign(n_tokens_ * static_cast<std::size_t>(n_layers), 0);
    far = sums;
  }
  bool wants(ProbePoint point, int layer) override {
    return point == ProbePoint::kBlockOutput && layer == n_layers_ - 1;
  }
  bool wants_attention(int) override { return true; }
  void on_state(const StateEvent& event) override {
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      const auto values = event.states.row(row);
      states[static_cast<std::size_t>(event.first_token) + row].assign(values.begin(), values.end());
    }
  }
  void on_attention(const AttentionEvent& event) override {
    for (std::size_t key = 0; key < static_cast<std::size_t>(event.n_keys); ++key) {
      const std::size_t at = static_cast<std::size_t>(event.layer) * n_tokens_ + key;
      for (std::size_t head = 0; head < event.sums.rows(); ++head) {
        sums[at] += event.sums(head, key);
        far[at] += event.far_sums(head, key);
      }
    }
  }

  std::vector<std::vector<float>> states;
  std::vector<double> sums, far;  // [n_layers, n_tokens] over heads and queries

 private:
  int n_layers_;
  std::size_t n_tokens_;
};

class Packs : public testing::TestWithParam<std::string_view> {};

// Full attention, sliding windows with learned sinks, and latent attention.
INSTANTIATE_TEST_SUITE_P(Family, Packs, testing::Values("llama", "gemma3", "gpt-oss", "deepseek2"),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(Packs, ShowOfEachSequenceWhatItShowsAlone) {
  const std::string path = testing::TempDir() + "pack_" + std::to_string(::getpid()) + ".gguf";
  TinyOptions tiny;
  tiny.arch = GetParam();
  tiny.n_layers = 4;
  write_tiny_model(tiny, path);
  LoadOptions options;
  options.path = path;
  options.n_ubatch = 48;  // cuts sequences anywhere
  options.max_sequences = 3;
  options.precision = Precision::kF32;  // bf16 rounds more than what is compared here
  const auto model = load_model(options);
  const int n_layers = model->facts().n_layers;

  Pack pack;
  for (int s = 0; s < 3; ++s) {
    std::vector<TokenId> tokens{kTinyBos};
    for (int i = 0; i < 70 + 31 * s; ++i) tokens.push_back((i * i * (s + 3) + 11 * i) % 256);
    pack.sequences.push_back(tokens);
  }
  Recorder together(n_layers, pack.n_tokens());
  model->run(pack, together, {});
  std::size_t first = 0;
  for (const auto& sequence : pack.sequences) {
    Recorder alone(n_layers, static_cast<int>(sequence.size()));
    model->run(Pack{{sequence}}, alone, {});
    for (std::size_t t = 0; t < sequence.size(); ++t) {
      const auto& a = alone.states[t];
      const auto& b = together.states[first + t];
      ASSERT_EQ(a.size(), b.size());
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
        norm += std::pow(static_cast<double>(a[i]), 2);
      }
      // The cache holds 16-bit keys, and tiles of other sizes add in another order.
      EXPECT_LT(std::sqrt(difference / norm), 2e-3) << "token " << t;
      for (std::size_t layer = 0; layer < static_cast<std::size_t>(n_layers); ++layer) {
        const double sum = alone.sums[layer * sequence.size() + t];
        const double packed = together.sums[layer * static_cast<std::size_t>(pack.n_tokens()) + first + t];
        EXPECT_NEAR(packed, sum, 2e-3 * (1 + sum)) << "layer " << layer << " token " << t;
        EXPECT_NEAR(together.far[layer * static_cast<std::size_t>(pack.n_tokens()) + first + t],
                    alone.far[layer * sequence.size() + t], 2e-3 * (1 + sum));
      }
    }
    first += sequence.size();
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sinkscope
