// Tiny models of every family under llama.cpp itself.
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "plant/tiny.h"

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
  FamiliesTest() : path_(fs::temp_directory_path() / ("sinkscope_tiny_" + std::to_string(::getpid()) + ".gguf")) {}
  ~FamiliesTest() override { fs::remove(path_); }
  fs::path path_;
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

INSTANTIATE_TEST_SUITE_P(All, FamiliesTest, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& instance) {
                           std::string name(instance.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sinkscope
