// Tiny models of every family under llama.cpp itself.
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/views.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

class FamiliesTest : public testing::TestWithParam<std::string_view> {
 protected:
  static void SetUpTestSuite() {
    llama_log_set(
        [](ggml_log_level level, const char* text, void*) {
          if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
        },
        nullptr);
  }
  const TemporaryFolder folder_;
  const fs::path path_ = folder_.file("tiny.gguf");
};

TEST_P(FamiliesTest, LoadsAndComputesFiniteNumbersWithFlashAttention) {
  TinyOptions options;
  options.arch = GetParam();
  options.sinks = {{4, '#', 150}};
  write_tiny_model(options, path_.string());
  EXPECT_LT(fs::file_size(path_), 4U << 20);

  llama_model_params model_params = llama_model_default_params();
  llama_model* model = llama_model_load_from_file(path_.c_str(), model_params);
  ASSERT_NE(model, nullptr);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_batch = params.n_ubatch = 512;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  llama_context* context = llama_init_from_model(model, params);
  ASSERT_NE(context, nullptr);

  const llama_vocab* vocab = llama_model_get_vocab(model);
  ASSERT_EQ(llama_vocab_n_tokens(vocab), kTinyVocab);
  EXPECT_EQ(llama_vocab_bos(vocab), kTinyBos);
  EXPECT_TRUE(llama_vocab_get_add_bos(vocab));
  std::string text;
  for (int byte = 1; byte < 128; ++byte) text.push_back(static_cast<char>(byte));
  text += "a b  c # \xC3\xA9\xE2\x82\xAC";
  std::vector<llama_token> tokens(512);
  const int n_tokens =
      llama_tokenize(vocab, text.data(), static_cast<int>(text.size()), tokens.data(), 512, true, false);
  ASSERT_EQ(n_tokens, static_cast<int>(text.size()) + 1);
  EXPECT_EQ(tokens[0], kTinyBos);
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(tokens[i + 1], static_cast<unsigned char>(text[i]));
    char piece[8];
    ASSERT_EQ(llama_token_to_piece(vocab, tokens[i + 1], piece, sizeof piece, 0, true), 1);
    EXPECT_EQ(piece[0], text[i]);
  }
  ASSERT_EQ(llama_decode(context, llama_batch_get_one(tokens.data(), n_tokens)), 0);
  const float* logits = llama_get_logits_ith(context, -1);
  float least = logits[0], most = logits[0];
  for (int v = 0; v < kTinyVocab; ++v) {
    ASSERT_TRUE(std::isfinite(logits[v]));
    least = std::min(least, logits[v]);
    most = std::max(most, logits[v]);
  }
  // Random weights behind a norm: logits of variance 1.
  EXPECT_GT(most - least, 2);
  EXPECT_LT(most - least, 20);
  llama_free(context);
  llama_model_free(model);
}

// Column sums of the network's own attention probabilities, read whole: llama.cpp without flash attention.
class SlowColumnSums {
 public:
  SlowColumnSums(const std::string& path, const std::vector<TokenId>& tokens, int n_layers) {
    llama_model* model = llama_model_load_from_file(path.c_str(), llama_model_default_params());
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.swa_full = true;
    params.cb_eval = on_node;
    params.cb_eval_user_data = this;
    sums.resize(static_cast<std::size_t>(n_layers));
    n_tokens_ = tokens.size();
    llama_context* context = llama_init_from_model(model, params);
    std::vector<llama_token> copy(tokens.begin(), tokens.end());
    llama_batch batch = llama_batch_init(static_cast<int>(copy.size()), 0, 1);
    for (std::size_t t = 0; t < copy.size(); ++t) {
      batch.token[t] = copy[t];
      batch.pos[t] = static_cast<llama_pos>(t);
      batch.n_seq_id[t] = 1;
      batch.seq_id[t][0] = 0;
      batch.logits[t] = 1;
    }
    batch.n_tokens = static_cast<int>(copy.size());
    EXPECT_EQ(llama_decode(context, batch), 0);
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
  }

  std::vector<Matrix<double>> sums;  // [n_layers] of [n_heads, n_tokens]

 private:
  static bool on_node(ggml_tensor* node, bool ask, void* self) {
    int layer = 0;
    if (std::sscanf(node->name, "kq_soft_max-%d", &layer) != 1) return !ask;
    if (!ask) static_cast<SlowColumnSums*>(self)->read(node, static_cast<std::size_t>(layer));
    return true;
  }
  void read(const ggml_tensor* node, std::size_t layer) {  // [n_heads, queries, cells]
    const auto heads = static_cast<std::size_t>(node->ne[2]);
    Matrix<double>& into = sums.at(layer) = Matrix<double>(heads, n_tokens_, 0.0);
    ASSERT_EQ(node->type, GGML_TYPE_F32);
    ASSERT_EQ(static_cast<std::size_t>(node->ne[1]), n_tokens_);
    for (std::size_t head = 0; head < heads; ++head) {
      for (std::size_t query = 0; query < n_tokens_; ++query) {
        const auto* row = reinterpret_cast<const float*>(static_cast<const char*>(node->data) + head * node->nb[2] +
                                                         query * node->nb[1]);
        for (std::size_t key = 0; key < n_tokens_; ++key) into(head, key) += static_cast<double>(row[key]);
      }
    }
  }
  std::size_t n_tokens_ = 0;
};

class AttentionKeeper : public Observer {
 public:
  explicit AttentionKeeper(int n_layers) : sums(static_cast<std::size_t>(n_layers)) {}
  std::vector<Matrix<double>> sums, visible;

  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override {
    Matrix<double>& into = sums.at(static_cast<std::size_t>(event.layer));
    if (into.empty()) into = Matrix<double>(static_cast<std::size_t>(event.n_heads), 200, 0.0);
    for (std::size_t head = 0; head < event.sums.rows(); ++head) {
      for (std::size_t key = 0; key < event.sums.cols(); ++key) {
        into(head, key) += static_cast<double>(event.sums(head, key));
      }
    }
  }
};

// Per query that may see the key: an error of the score.
double largest_difference(const AttentionKeeper& fast, const SlowColumnSums& slow, std::size_t n_tokens) {
  double worst = 0;
  for (std::size_t layer = 0; layer < slow.sums.size(); ++layer) {
    EXPECT_GT(slow.sums[layer].rows(), 0U) << layer;
    EXPECT_EQ(fast.sums[layer].rows(), slow.sums[layer].rows()) << layer;
    for (std::size_t head = 0; head < std::min(fast.sums[layer].rows(), slow.sums[layer].rows()); ++head) {
      for (std::size_t key = 0; key < n_tokens; ++key) {
        const double queries = static_cast<double>(n_tokens - key);
        worst = std::max(worst, std::abs(fast.sums[layer](head, key) - slow.sums[layer](head, key)) / queries);
      }
    }
  }
  return worst;
}

bool has_products(Precision precision) {
  try {
    resolve_precision(precision);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST_P(FamiliesTest, ColumnSumsEqualTheProbabilitiesReadWhole) {
  TinyOptions tiny;
  tiny.arch = GetParam();
  tiny.sinks = {{4, '#', 150}};
  write_tiny_model(tiny, path_.string());
  std::vector<TokenId> tokens = {kTinyBos};
  for (int i = 0; i < 199; ++i) tokens.push_back(i % 50 == 20 ? '#' : (i * i * 7 + i) % 256);

  const SlowColumnSums slow(path_.string(), tokens, tiny.n_layers);
  // BOS draws much of the attention behind its layer, so there is something to compare.
  EXPECT_GT(slow.sums[3](0, 0), 10);
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    SCOPED_TRACE(name_of(precision));
    LoadOptions options;
    options.path = path_.string();
    options.n_ctx = 512;
    options.n_ubatch = 64;  // sums come in four parts
    options.runtime.n_threads = 1;
    options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
    options.precision = precision;
    const auto model = load_model(options);
    AttentionKeeper fast(tiny.n_layers);
    model->run(Pack{{tokens}}, fast, {});
    // Weights and keys are float32; what is left is the rounding of sums in another order.
    EXPECT_LT(largest_difference(fast, slow, tokens.size()), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamiliesTest, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& instance) {
                           std::string name(instance.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sinkscope
