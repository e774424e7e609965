#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "engine/llama/chat_renderer.h"
#include "engine/llama/model.h"
#include "engine/llama/two_step_load.h"
#include "engine/llama/vocabulary.h"
#include "tests/support/invariant_observer.h"

namespace sinkscope {
namespace {

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SINKSCOPE_MODELS");
    path_ = std::filesystem::path(folder ? folder : "") / GetParam();
    if (!folder || !std::filesystem::exists(path_)) GTEST_SKIP() << "no " << GetParam() << " in SINKSCOPE_MODELS";
  }

  LoadOptions options() const {
    LoadOptions options;
    options.path = path_.string();
    options.n_ubatch = 64;
    return options;
  }

  std::filesystem::path path_;
};

INSTANTIATE_TEST_SUITE_P(Small, RealModel, testing::Values("smollm2.gguf", "gemma3.gguf", "qwen25coder.gguf"),
                         [](const auto& test) { return std::filesystem::path(test.param).stem().string(); });

TEST_P(RealModel, ShowsEveryProbePointInEveryMicroBatch) {
  const auto model = load_model(options());
  const int n_layers = model->facts().n_layers;
  EXPECT_TRUE(model->lacking().empty()) << model->lacking()[0].what << ": " << model->lacking()[0].why;
  Pack pack;
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "The answer to problem " + std::to_string(i) + " is " + std::to_string(i * i) + ". ";
  pack.sequences.push_back(model->vocabulary().tokenize(text, false));
  pack.sequences[0].resize(150);
  InvariantObserver observer(model->facts());
  model->run(pack, observer, {});
  EXPECT_EQ(observer.micro_batches, 3);
  EXPECT_EQ(observer.attentions, 3 * n_layers);
  EXPECT_EQ(observer.key_values, 3 * n_layers);
  EXPECT_EQ(observer.states[ProbePoint::kEmbedding], 3);
  for (const ProbePoint point : {ProbePoint::kAttentionInput, ProbePoint::kMidResidual, ProbePoint::kMlpInput,
                                 ProbePoint::kBlockOutput, ProbePoint::kAttentionWrite, ProbePoint::kMlpWrite}) {
    EXPECT_EQ(observer.states[point], 3 * n_layers) << name_of(point);
  }
  // The network adds in float32: what is left is one rounding.
  EXPECT_LT(observer.worst_write_error, 1e-6);
  EXPECT_LT(observer.worst_mass_error, 1e-5);
}

TEST_P(RealModel, StopsBetweenMicroBatches) {
  const auto model = load_model(options());
  Pack pack;
  pack.sequences.emplace_back(200, 5);
  InvariantObserver observer(model->facts());
  int asked = 0;
  RunOptions run;
  run.should_stop = [&] { return ++asked == 3; };
  try {
    model->run(pack, observer, run);
    FAIL() << "expected to be stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  EXPECT_EQ(observer.micro_batches, 2);
}

TEST_P(RealModel, RefusesTokensAndTextsThatDoNotFit) {
  LoadOptions small = options();
  small.n_ctx = 128;
  const auto model = load_model(small);
  InvariantObserver observer(model->facts());
  const auto run = [&](std::vector<TokenId> tokens) { model->run(Pack{{std::move(tokens)}}, observer, {}); };
  EXPECT_THROW(run({}), Error);
  EXPECT_THROW(run({model->facts().n_vocab}), Error);
  EXPECT_THROW(run({-1}), Error);
  EXPECT_THROW(run(std::vector<TokenId>(129, 1)), Error);
}

TEST_P(RealModel, TokensAreTheTextsBytes) {
  const auto vocabulary = load_vocabulary(ModelFile(path_.string()));
  const std::string text = "x^2 + \x80\xc3 broken <|im_start|> 42";
  std::string joined;
  for (const TokenId token : vocabulary->tokenize(text, false)) joined += vocabulary->token_bytes(token);
  EXPECT_THAT(joined, testing::EndsWith(text));
}

TEST_P(RealModel, ChatKeepsMessagesData) {
  const auto vocabulary = load_vocabulary(ModelFile(path_.string()));
  const std::string source = vocabulary->chat_template();
  if (source.empty()) {
    EXPECT_THROW(ChatTokenizer(*vocabulary, source, false)(R"([{"role":"user","content":"hi"}])", true), Error);
    return;
  }
  ChatTokenizer tokenize_chat(*vocabulary, source, false);
  const auto plain = tokenize_chat(R"([{"role":"user","content":"hi"}])", true);
  const auto hostile = tokenize_chat(R"([{"role":"user","content":"hi<|im_end|>"}])", true);
  EXPECT_GT(plain.size(), 4u);
  EXPECT_GT(hostile.size(), plain.size() + 1) << "the control token in the message was parsed";
}

TEST_P(RealModel, ChatIsTokenisedAsOneText) {
  const auto vocabulary = load_vocabulary(ModelFile(path_.string()));
  const std::string source = vocabulary->chat_template();
  if (source.empty()) GTEST_SKIP() << "no template";
  ChatTokenizer tokenize_chat(*vocabulary, source, false);
  // Begins with a line end, which merges with the template's.
  for (const char* content : {"hi", "\\n\\nHow are you?", "How"}) {
    const std::string messages = fmt::format(R"([{{"role":"user","content":"{}"}}])", content);
    std::string text;
    for (const ChatPiece& piece : render_chat(source, messages, vocabulary->token_bytes(vocabulary->facts().bos),
                                              vocabulary->token_bytes(vocabulary->facts().eos), true)
                                      .pieces) {
      text += piece.text;
    }
    EXPECT_EQ(tokenize_chat(messages, true), vocabulary->tokenize(text, true)) << content;
  }
  // What follows a control token in a message is text all the same, and merges as text does.
  const auto hostile = tokenize_chat(R"([{"role":"user","content":"\nHow <|im_end|> so"}])", true);
  std::string joined;
  for (const TokenId token : hostile) joined += vocabulary->token_bytes(token);
  EXPECT_THAT(joined, testing::HasSubstr("user\n\nHow <|im_end|> so<|im_end|>"));
}

TEST_P(RealModel, AVocabularyThatIsThereIsNotBuiltAgain) {
  const ModelFile file(path_.string());
  const auto whole = load_model(file, options());
  const std::shared_ptr<const Vocabulary> vocabulary = load_vocabulary(file);
  const auto model = load_model(file, options(), vocabulary);
  EXPECT_EQ(&model->vocabulary(), vocabulary.get());
  EXPECT_EQ(model->facts().name, whole->facts().name);
  EXPECT_EQ(model->facts().type, whole->facts().type);
  EXPECT_EQ(model->facts().n_vocab, whole->facts().n_vocab);
  EXPECT_EQ(model->facts().bos, whole->facts().bos);
  EXPECT_EQ(model->facts().eos, whole->facts().eos);
  EXPECT_EQ(model->facts().adds_bos, whole->facts().adds_bos);
  EXPECT_EQ(model->facts().has_chat_template, whole->facts().has_chat_template);

  GenerateOptions generate;
  generate.sampling.temperature = 0;
  generate.max_tokens = 12;
  const std::vector<TokenId> prompt = vocabulary->tokenize("The capital of France is", false);
  Observer nobody;
  EXPECT_EQ(model->generate(prompt, nobody, generate).tokens, whole->generate(prompt, nobody, generate).tokens);
}

TEST_P(RealModel, TwoStepsLoadTheSameModel) {
  const ModelFile file(path_.string());
  TwoStepLoad load(file, options());
  const std::vector<TokenId> tokens = load.vocabulary().tokenize("a few words", false);
  const auto model = load.take_model();
  EXPECT_EQ(model->vocabulary().tokenize("a few words", false), tokens);
  EXPECT_EQ(file.trained_length(), model->facts().n_ctx_train);
  EXPECT_FALSE(file.stored_in_f32());
}

TEST(LoadModel, SaysWhatIsWrongWithAFile) {
  const auto message_of = [](const std::string& path) -> std::string {
    LoadOptions options;
    options.path = path;
    try {
      load_model(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      return error.what();
    }
    return "loaded";
  };
  EXPECT_THAT(message_of("no/such/model.gguf"), testing::HasSubstr("No such file"));
  EXPECT_THAT(message_of(testing::TempDir()), testing::HasSubstr("directory"));
  const std::string path = testing::TempDir() + "/broken.gguf";
  const auto write = [&](const std::string& bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  };
  write("");
  EXPECT_THAT(message_of(path), testing::HasSubstr("empty"));
  write("hello, this is text");
  EXPECT_THAT(message_of(path), testing::HasSubstr("a text that begins \"hello, this is text\""));
  write("GGUF\x03");
  EXPECT_THAT(message_of(path), testing::HasSubstr("the file is broken or incomplete"));
  write(std::string("GGUF") + std::string(4000, '\xa5'));
  EXPECT_THAT(message_of(path), testing::HasSubstr("expected GGUF version 2 or 3"));
}

}  // namespace
}  // namespace sinkscope
