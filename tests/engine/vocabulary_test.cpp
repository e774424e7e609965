#include "engine/llama/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>

#include "base/error.h"
#include "engine/llama/special_tokens.h"
#include "engine/llama/two_step_load.h"
#include "plant/tiny/tiny.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

class TinyModel : public testing::Test {
 protected:
  TinyModel() : path_(testing::TempDir() + "vocabulary_" + std::to_string(::getpid()) + ".gguf") {
    write_tiny_model({}, path_);
  }
  ~TinyModel() override { std::filesystem::remove(path_); }

  // BOS and bytes of 200 positions.
  static Pack text() {
    Pack pack{{{kTinyBos}}};
    for (int i = 1; i < 200; ++i) pack.sequences[0].push_back((i * i * 3 + 11 * i) % 256);
    return pack;
  }
  static std::vector<ProfileArray> profiles_of(Model& model) {
    ExamineOptions options;
    options.keep = Keep::kHeads;
    return std::move(examine(model, text(), options).front().profiles);
  }

  std::string path_;
};

// NaN, which stands where nothing was measured, is equal to itself.
void expect_equal(const std::vector<ProfileArray>& a, const std::vector<ProfileArray>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_TRUE(std::ranges::equal(a[i].values, b[i].values, [](float x, float y) {
      return x == y || (x != x && y != y);
    })) << a[i].name;
  }
}

// Control tokens, pieces of them, and blanks, without order: what is cut must have the tokens of the whole.
TEST_F(TinyModel, LongTextsHaveTheTokensOfTheWhole) {
  const auto vocabulary = load_vocabulary(ModelFile(path_));
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_load_from_file(path_.c_str(), params), llama_model_free);
  const llama_vocab* direct = llama_model_get_vocab(model.get());
  std::vector<std::string> pieces = {"a", "<", "/s>", "s>", " ", "\n", "<s", "é", "word "};
  for (const ControlToken& token : vocabulary->control_tokens()) pieces.push_back(token.text);
  ASSERT_GT(pieces.size(), 10U);
  std::mt19937 random(1);
  std::string text;
  while (text.size() < 40000) text += pieces[random() % pieces.size()];
  for (const bool special : {false, true}) {
    std::vector<TokenId> expected(text.size());
    const int n = llama_tokenize(direct, text.data(), static_cast<int>(text.size()), expected.data(),
                                 static_cast<int>(expected.size()), false, special);
    ASSERT_GT(n, 0);
    expected.resize(static_cast<std::size_t>(n));
    EXPECT_EQ(vocabulary->tokenize(text, special), expected);
    const std::size_t n_parts = SpecialTokens(direct).parts(text, special, 100).size();
    EXPECT_EQ(n_parts > 1, special) << "without it no control token is looked for";
  }
}

TEST_F(TinyModel, ItsVocabularyAloneIsItsVocabulary) {
  const auto vocabulary = load_vocabulary(ModelFile(path_));
  const auto model = load_model(ModelFile(path_), {});
  for (const VocabularyFacts* facts : {&vocabulary->facts(), &model->vocabulary().facts()}) {
    EXPECT_EQ(facts->n_vocab, kTinyVocab);
    EXPECT_EQ(facts->bos, kTinyBos);
    EXPECT_EQ(facts->eos, kTinyEos);
  }
  EXPECT_EQ(vocabulary->tokenize("abc", false), (std::vector<TokenId>{'a', 'b', 'c'}));
  EXPECT_EQ(vocabulary->token_bytes('a'), "a");
  EXPECT_TRUE(vocabulary->ends_text(kTinyEos));
  EXPECT_FALSE(vocabulary->ends_text('a'));
  EXPECT_THROW(vocabulary->token_bytes(kTinyVocab), Error);
  EXPECT_THROW(vocabulary->token_bytes(-1), Error);
}

TEST_F(TinyModel, BrokenUtf8BecomesByteTokens) {
  const auto vocabulary = load_vocabulary(ModelFile(path_));
  EXPECT_EQ(vocabulary->tokenize("a\x80z\xff", false), (std::vector<TokenId>{'a', 0x80, 'z', 0xff}));
}

TEST_F(TinyModel, MeasuresTheSameUnderAVocabularyThatWasLoadedBefore) {
  const ModelFile file(path_);
  const auto whole = load_model(file, {});
  const auto vocabulary = load_vocabulary(file);
  const auto model = load_model(file, {}, vocabulary);
  EXPECT_EQ(&model->vocabulary(), vocabulary.get());
  EXPECT_EQ(model->facts().n_vocab, kTinyVocab);
  EXPECT_EQ(model->facts().type, whole->facts().type);
  expect_equal(profiles_of(*model), profiles_of(*whole));
}

TEST_F(TinyModel, GeneratesTheSameUnderAVocabularyThatWasLoadedBefore) {
  const ModelFile file(path_);
  GenerateOptions options;
  options.max_tokens = 40;
  Observer nobody;
  const std::vector<TokenId> prompt = text().sequences[0];
  const Generation whole = load_model(file, {})->generate(prompt, nobody, options);
  const Generation under = load_model(file, {}, load_vocabulary(file))->generate(prompt, nobody, options);
  EXPECT_EQ(whole.tokens, under.tokens);
  EXPECT_EQ(whole.ended, under.ended);
}

TEST_F(TinyModel, LoadsInTwoSteps) {
  TwoStepLoad load(ModelFile(path_), {});
  EXPECT_EQ(load.vocabulary().tokenize("ab", false), (std::vector<TokenId>{'a', 'b'}));
  const auto model = load.take_model();
  expect_equal(profiles_of(*model), profiles_of(*load_model(ModelFile(path_), {})));
}

TEST_F(TinyModel, ItsFileSaysWhatIsAskedBeforeItIsLoaded) {
  const ModelFile file(path_);
  EXPECT_EQ(file.arch(), "llama");
  EXPECT_EQ(file.trained_length(), TinyOptions{}.n_ctx);
  EXPECT_FALSE(file.is_split());
  EXPECT_GT(file.n_weight_bytes(), 100'000U);
  EXPECT_LE(file.n_weight_bytes(), std::filesystem::file_size(path_));
}

}  // namespace
}  // namespace sinkscope
