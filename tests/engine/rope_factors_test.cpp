// Models with two sets of RoPE factors, of which llama.cpp chooses by the size of a context.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/llama/model.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "plant/tiny/tiny.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kShort = 512;

class RopeFactors : public testing::Test {
 protected:
  RopeFactors() {
    TinyOptions tiny;
    tiny.arch = "phi3";
    tiny.n_layers = 3;
    const std::string plain = folder_.file("plain.gguf");
    write_tiny_model(tiny, plain);
    const GgufFile file(plain);
    GgufMetadata metadata = file.metadata();
    metadata.set_u32("phi3.context_length", 4096);
    metadata.set_u32("phi3.rope.scaling.original_context_length", kShort);
    metadata.set_text("phi3.rope.scaling.type", "longrope");
    metadata.set_f32("phi3.rope.scaling.attn_factor", 1.19F);
    std::vector<NewGgufTensor> tensors;
    for (const GgufTensor& tensor : file.tensors()) {
      tensors.push_back({tensor.name, tensor.shape, kGgufF32, file.to_floats(tensor)});
    }
    const std::int64_t half = *metadata.integer("phi3.rope.dimension_count") / 2;
    std::vector<float> ones(static_cast<std::size_t>(half), 1.0F), powers(ones);
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 1.7F;
    tensors.push_back({"rope_factors_short.weight", {half}, kGgufF32, ones});
    tensors.push_back({"rope_factors_long.weight", {half}, kGgufF32, powers});
    write_gguf(metadata, tensors, path_);
  }

  std::unique_ptr<Model> load(int n_ctx, int max_sequences = 1) const {
    LoadOptions options;
    options.path = path_;
    options.precision = Precision::kF32;
    options.n_ubatch = 128;
    options.n_ctx = n_ctx;
    options.max_sequences = max_sequences;
    return load_model(options);
  }
  static std::vector<TokenId> text(int n_tokens) {
    std::vector<TokenId> tokens{kTinyBos};
    for (int i = 1; i < n_tokens; ++i) tokens.push_back('a' + i * i % 26);
    return tokens;
  }
  // Scores of all tokens.
  static std::vector<std::uint32_t> measured(Model& model, const std::vector<TokenId>& tokens) {
    ExamineOptions options;
    options.keep = Keep::kProfiles;
    std::vector<std::uint32_t> bits;
    const std::vector<Examined> examined = examine(model, {{tokens}}, options);
    for (const ProfileArray& array : examined.front().profiles) {
      for (const float value : array.values) bits.push_back(std::bit_cast<std::uint32_t>(value));
    }
    return bits;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("two-sets.gguf");
};

TEST_F(RopeFactors, AreChosenByTheDocumentAlone) {
  const std::vector<TokenId> brief = text(300), just = text(kShort), longer = text(kShort + 1), far = text(1500);
  const auto alone = [&](const std::vector<TokenId>& tokens) { return measured(*load(0), tokens); };
  const auto of_brief = alone(brief), of_just = alone(just), of_longer = alone(longer), of_far = alone(far);
  for (const int n_ctx : {0, kShort + 1, 1500, 2048, 4096}) {
    const auto model = load(n_ctx);
    EXPECT_EQ(model->short_rope_tokens(), kShort);
    EXPECT_EQ(measured(*model, brief), of_brief) << n_ctx;
    EXPECT_EQ(measured(*model, longer), of_longer) << n_ctx;
    if (model->max_tokens() >= 1500) {
      EXPECT_EQ(measured(*model, far), of_far) << n_ctx;
    }
    EXPECT_EQ(measured(*model, brief), of_brief) << n_ctx;
    EXPECT_EQ(measured(*model, just), of_just) << n_ctx;
  }
}

// One token more is another network: else the test above would say nothing.
TEST_F(RopeFactors, ChangeWhatIsMeasured) {
  struct First final : Observer {
    bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kBlockOutput && layer == 2; }
    void on_state(const StateEvent& event) override {
      if (event.first_token == 0) state.assign(event.states.row(100).begin(), event.states.row(100).end());
    }
    std::vector<float> state;
  } of_just, of_longer;
  const auto model = load(0);
  model->run({{text(kShort)}}, of_just, {});
  model->run({{text(kShort + 1)}}, of_longer, {});
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < of_just.state.size(); ++i) {
    difference += std::pow(of_just.state[i] - of_longer.state[i], 2);
    norm += std::pow(of_just.state[i], 2);
  }
  EXPECT_GT(difference, 1e-6 * norm);
}

TEST_F(RopeFactors, KeepPacksToOneSort) {
  const auto model = load(0, 4);
  Observer nobody;
  model->run({{text(200), text(300)}}, nobody, {});
  expect_error(ErrorCode::kInternal, "a pack of texts beyond 512", [&] {
    model->run({{text(300), text(300)}}, nobody, {});
  });
  expect_error(ErrorCode::kInternal, "got others", [&] { model->run({{text(100), text(600)}}, nobody, {}); });
}

// A text that grows beyond the short factors goes on as that text would, given as a prompt.
TEST_F(RopeFactors, TurnWithAGrowingText) {
  const auto model = load(0);
  Observer nobody;
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = 40;
  const std::vector<TokenId> prompt = text(kShort - 12);
  const Generation whole = model->generate(prompt, nobody, options);
  ASSERT_GT(whole.tokens.size(), 25U) << "too short to turn";
  for (const std::size_t n_before : {8U, 13U, 25U}) {
    std::vector<TokenId> longer = prompt;
    longer.insert(longer.end(), whole.tokens.begin(), whole.tokens.begin() + static_cast<std::ptrdiff_t>(n_before));
    options.max_tokens = 40 - static_cast<int>(n_before);
    const Generation rest = model->generate(longer, nobody, options);
    EXPECT_THAT(rest.tokens, testing::ElementsAreArray(whole.tokens.begin() + static_cast<std::ptrdiff_t>(n_before),
                                                       whole.tokens.end()));
  }
}

}  // namespace
}  // namespace sinkscope
