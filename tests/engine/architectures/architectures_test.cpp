// Random models of the architectures that llama.cpp knows, beyond the families of the paper: what is measured of them,
// what is named as lacking, and that what must hold in every network holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/llama/model.h"
#include "made_up_model.h"
#include "scan/examine.h"
#include "tests/support/invariant_observer.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

enum class Kind {
  kAll,        // everything is measured
  kParallel,   // attention and MLP read the same input: both writes, no residual between
  kOneSum,     // parallel, and which write is whose cannot be told
  kScaled,     // the block's output is its sum times a factor: no writes
  kHybrid,     // every second block has attention, the others are recurrent or convolutional
  kRecurrent,  // no attention at all
};

struct Architecture {
  const char* name;
  Kind kind;
};

constexpr Architecture kArchitectures[] = {
    {"afmoe", Kind::kAll},          {"apertus", Kind::kAll},      {"arcee", Kind::kAll},
    {"baichuan", Kind::kAll},       {"bailingmoe2", Kind::kAll},  {"bitnet", Kind::kAll},
    {"bloom", Kind::kAll},          {"chatglm", Kind::kAll},      {"cohere2", Kind::kParallel},
    {"command-r", Kind::kParallel}, {"dbrx", Kind::kAll},         {"deepseek", Kind::kAll},
    {"ernie4_5-moe", Kind::kAll},   {"exaone4", Kind::kAll},      {"falcon-h1", Kind::kAll},
    {"gemma2", Kind::kAll},         {"gemma4", Kind::kScaled},    {"gpt2", Kind::kAll},
    {"gptneox", Kind::kAll},        {"granite", Kind::kAll},      {"granitehybrid", Kind::kHybrid},
    {"hunyuan-moe", Kind::kAll},    {"internlm2", Kind::kAll},    {"jamba", Kind::kHybrid},
    {"lfm2", Kind::kHybrid},        {"lfm2moe", Kind::kHybrid},   {"llama4", Kind::kAll},
    {"mamba", Kind::kRecurrent},    {"mamba2", Kind::kRecurrent}, {"mimo2", Kind::kAll},
    {"minimax-m2", Kind::kAll},     {"mistral3", Kind::kAll},     {"mpt", Kind::kAll},
    {"nemotron", Kind::kAll},       {"olmoe", Kind::kAll},        {"openelm", Kind::kAll},
    {"plamo", Kind::kParallel},     {"qwen2moe", Kind::kAll},     {"qwen35", Kind::kHybrid},
    {"qwen3next", Kind::kHybrid},   {"seed_oss", Kind::kAll},     {"smallthinker", Kind::kAll},
    {"deepseek32", Kind::kAll},     {"glm-dsa", Kind::kAll},      {"smollm3", Kind::kAll},
    {"stablelm", Kind::kAll},       {"starcoder2", Kind::kAll},   {"step35", Kind::kAll},
    {"talkie", Kind::kOneSum},      {"xverse", Kind::kAll},
};

// All; under sanitizers, which see our code and not llama.cpp's, three of each kind.
std::vector<Architecture> architectures() {
  std::vector<Architecture> tested;
  for (const Architecture& architecture : kArchitectures) {
    if (!kSanitized || std::ranges::count(tested, architecture.kind, &Architecture::kind) < 3) tested.push_back(architecture);
  }
  return tested;
}

class Architectures : public testing::TestWithParam<Architecture> {
 protected:
  Architectures() {
    write_made_up_model(GetParam().name, path_);
    LoadOptions options;
    options.path = path_;
    options.precision = Precision::kF32;
    options.max_sequences = 32;
    options.n_ubatch = 96;
    model_ = load_model(options);
  }
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("made-up.gguf");
  std::unique_ptr<Model> model_;
};

TEST_P(Architectures, AreMeasuredAsFarAsTheyGo) {
  const ModelFacts& facts = model_->facts();
  ASSERT_EQ(facts.n_layers, kMadeUpBlocks);

  const Kind kind = GetParam().kind;
  const bool hybrid = kind == Kind::kHybrid, recurrent = kind == Kind::kRecurrent;
  int with_attention = 0;
  for (std::size_t layer = 0; layer < kMadeUpBlocks; ++layer) {
    SCOPED_TRACE(layer);
    EXPECT_EQ(facts.has_attention[layer], !recurrent && !(hybrid && layer % 2 == 0));
    EXPECT_EQ(facts.has_mid_residual[layer], kind == Kind::kAll || hybrid);
    EXPECT_EQ(facts.has_writes[layer], kind == Kind::kAll || kind == Kind::kParallel || hybrid);
    with_attention += facts.has_attention[layer];
  }
  EXPECT_EQ(model_->lacking().empty(), kind == Kind::kAll);

  std::vector<TokenId> tokens{facts.bos};
  for (int i = 1; i < 200; ++i) tokens.push_back('a' + i * i % 26);
  InvariantObserver seen(facts);
  model_->run({{tokens}}, seen, {});
  EXPECT_EQ(seen.micro_batches, 3);
  EXPECT_EQ(seen.states[ProbePoint::kBlockOutput], 3 * kMadeUpBlocks);
  EXPECT_EQ(seen.attentions, 3 * with_attention);
  EXPECT_LT(seen.worst_mass_error, 1e-4);
  EXPECT_LT(seen.worst_write_error, 1e-4);
}

TEST_P(Architectures, RunOneDocumentAtATimeWhereTheyCarryAState) {
  const std::string_view name = GetParam().name;
  const bool carries = GetParam().kind == Kind::kHybrid || GetParam().kind == Kind::kRecurrent || name == "falcon-h1";
  EXPECT_EQ(model_->max_sequences(), carries ? 1 : 32);
}

// Bits, so that what is not measured equals itself.
std::vector<std::uint32_t> bits_of(const Examined& examined) {
  std::vector<std::uint32_t> bits;
  for (const ProfileArray& array : examined.profiles) {
    for (const float value : array.values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

TEST_P(Architectures, MeasureADocumentAlikeWhateverRanBefore) {
  std::vector<std::vector<TokenId>> documents;
  for (const int length : {97, 20, 96, 150, 3}) {
    documents.push_back({model_->facts().bos});
    for (int i = 1; i < length; ++i) documents.back().push_back('a' + (i * i + length) % 26);
  }
  ExamineOptions options;
  options.keep = Keep::kHeads;
  const auto load = [&](int n_ctx) {
    LoadOptions wanted;
    wanted.path = path_;
    wanted.precision = Precision::kF32;
    wanted.n_ubatch = 96;
    wanted.n_ctx = n_ctx;
    return load_model(wanted);
  };
  std::vector<std::vector<std::uint32_t>> alone;
  for (const auto& document : documents) {
    const auto fresh = load(0);
    alone.push_back(bits_of(examine(*fresh, {{document}}, options).front()));
    ASSERT_FALSE(alone.back().empty());
  }
  std::vector<std::size_t> order(documents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(1);
  for (const int n_ctx : {0, 150, 1000}) {
    const auto model = load(n_ctx);
    for (int permutation = 0; permutation < (kSanitized ? 1 : 7); ++permutation) {
      std::ranges::shuffle(order, random);
      for (const std::size_t d : order) {
        ASSERT_EQ(bits_of(examine(*model, {{documents[d]}}, options).front()), alone[d])
            << "document " << d << ", permutation " << permutation << ", context " << n_ctx;
      }
    }
  }
}

TEST(Architecture, OfSeveralResidualStreamsIsRefused) {
  const TemporaryFolder folder;
  LoadOptions options;
  options.path = folder.file("made-up.gguf");
  write_made_up_model("gemma3n", options.path);
  try {
    load_model(options);
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    EXPECT_NE(std::string(error.what()).find("expected one residual stream, got 4 side by side"), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Architectures, testing::ValuesIn(architectures()), [](const auto& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace sinkscope
