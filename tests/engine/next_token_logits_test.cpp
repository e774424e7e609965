// Logits that are made apart from the network, against llama.cpp's own.
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/llama/plain_forward.h"
#include "tests/engine/architectures/made_up_model.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 90;

struct Case {
  std::string_view arch;
  bool made_up;
  Precision precision;
};

// Soft caps; a bias and a scale.
constexpr std::string_view kMadeUp[] = {"gemma2", "cohere2", "bloom"};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    for (const std::string_view arch : tiny_archs()) all.push_back({arch, false, precision});
    for (const std::string_view arch : kMadeUp) all.push_back({arch, true, precision});
  }
  return all;
}

class FinalStatesOf final : public Observer {
 public:
  bool wants_final_states() override { return true; }
  void on_final_states(int first_token, MatrixView<const float> states) override {
    if (rows.empty()) rows = Matrix<float>(kTokens, states.cols());
    for (std::size_t i = 0; i < states.rows(); ++i) {
      std::ranges::copy(states.row(i), rows.row(static_cast<std::size_t>(first_token) + i).begin());
    }
  }
  Matrix<float> rows;
};

// llama.cpp alone, with the logits of every token.
Matrix<float> plain_logits(Model& model, std::vector<TokenId> tokens) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 256;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.type_k = params.type_v = GGML_TYPE_F32;
  const std::unique_ptr<llama_context, void (*)(llama_context*)> context(
      llama_init_from_model(weights_of(model), params), llama_free);
  llama_batch batch = llama_batch_get_one(tokens.data(), kTokens);
  std::vector<std::int8_t> all(kTokens, 1);
  batch.logits = all.data();
  EXPECT_EQ(llama_decode(context.get(), batch), 0);
  Matrix<float> logits(kTokens, static_cast<std::size_t>(model.facts().n_vocab));
  for (int i = 0; i < kTokens; ++i) {
    std::copy_n(llama_get_logits_ith(context.get(), i), logits.cols(), logits.row(static_cast<std::size_t>(i)).begin());
  }
  return logits;
}

class NextTokenLogitsTest : public testing::TestWithParam<Case> {};

TEST_P(NextTokenLogitsTest, AreLlamaCppsOwn) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.gguf");
  if (GetParam().made_up) {
    write_made_up_model(std::string(GetParam().arch), path);
  } else {
    TinyOptions tiny;
    tiny.arch = GetParam().arch;
    tiny.n_layers = 3;
    write_tiny_model(tiny, path);
  }
  LoadOptions options;
  options.path = path;
  options.n_ctx = 256;
  options.n_ubatch = 40;
  options.runtime.n_threads = 1;
  options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
  options.precision = GetParam().precision;
  const std::unique_ptr<Model> model = load_model(options);
  const std::vector<TokenId> tokens = some_text(kTokens, 3);
  // A graph that was used without final states is used again with them.
  Observer nobody;
  model->run({{tokens}}, nobody, {});
  FinalStatesOf states;
  model->run({{tokens}}, states, {});
  ASSERT_EQ(states.rows.rows(), static_cast<std::size_t>(kTokens));

  const Matrix<float> expected = plain_logits(*model, tokens);
  Matrix<float> got;
  for (int first = 0; first < kTokens; first += 32) {
    const auto n = static_cast<std::size_t>(std::min(32, kTokens - first));
    model->next_token_logits(states.rows.view().middle_rows(static_cast<std::size_t>(first), n), got);
    ASSERT_EQ(got.rows(), n);
    ASSERT_EQ(got.cols(), expected.cols());
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = expected.row(static_cast<std::size_t>(first) + i);
      float spread = 0;
      for (const float logit : row) spread = std::max(spread, std::abs(logit));
      for (std::size_t v = 0; v < row.size(); ++v) {
        // llama.cpp rounds states to 8 bits against quantised weights, and keys of its own cache.
        ASSERT_NEAR(got(i, v), row[v], 2e-3F * std::max(spread, 1e-3F)) << "token " << first + static_cast<int>(i);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Family, NextTokenLogitsTest, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = std::string(test.param.arch) + "_" + std::string(name_of(test.param.precision));
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace sinkscope
