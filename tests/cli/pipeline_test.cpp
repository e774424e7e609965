#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/scan_pipeline.h"
#include "cli/tokenizer.h"
#include "text/documents.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Tokens = std::vector<TokenId>;

constexpr TokenId kBos = 256;

// A vocabulary of bytes; "<s>" is BOS where control tokens are parsed.
class Bytes final : public Model {
 public:
  explicit Bytes(bool adds_bos) {
    facts_.n_vocab = 257;
    facts_.bos = kBos;
    facts_.adds_bos = adds_bos;
  }
  const ModelFacts& facts() const override { return facts_; }
  std::span<const Lacking> lacking() const override { return {}; }
  std::span<const ProbeNode> probe_nodes() const override { return {}; }
  int max_tokens() const override { return 100; }
  int max_sequences() const override { return 1; }
  int n_ubatch() const override { return 32; }
  Tokens tokenize(std::string_view text, bool parse_special) const override {
    Tokens tokens;
    for (; !text.empty(); text.remove_prefix(1)) {
      if (parse_special && text.starts_with("<s>")) {
        tokens.push_back(kBos);
        text.remove_prefix(2);
      } else {
        tokens.push_back(static_cast<unsigned char>(text.front()));
      }
    }
    return tokens;
  }
  std::string token_bytes(TokenId token) const override { return std::string(1, static_cast<char>(token)); }
  std::string chat_template() const override { return ""; }
  void run(const Pack&, Observer&, const RunOptions&) override {}
  Generation generate(const Tokens&, Observer&, const GenerateOptions&) override { return {}; }

  ModelFacts facts_;
};

Tokens first_tokens(const Bytes& model, const TokenizeOptions& options, const Document& document) {
  const DocumentTokenizer tokenizer(model, options, [](const ChatMessages&) { return Tokens{kBos, 'c', 'h'}; });
  return tokenizer(document).front().tokens;
}

TokenizeOptions with(BosMode bos, bool special = false) { return {bos, special, 0}; }

TEST(DocumentTokenizer, BosIsWhatTheModelSaysUnlessTold) {
  const Bytes adds(true), plain(false);
  const Document text{{}, "", "ab"};
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), text), (Tokens{kBos, 'a', 'b'}));
  EXPECT_EQ(first_tokens(adds, with(BosMode::kOff), text), (Tokens{'a', 'b'}));
  EXPECT_EQ(first_tokens(plain, with(BosMode::kAuto), text), (Tokens{'a', 'b'}));
  EXPECT_EQ(first_tokens(plain, with(BosMode::kOn), text), (Tokens{kBos, 'a', 'b'}));
}

TEST(DocumentTokenizer, NeverTwoBos) {
  const Bytes adds(true);
  for (const BosMode bos : {BosMode::kAuto, BosMode::kOn}) {
    EXPECT_EQ(first_tokens(adds, with(bos, true), {{}, "", "<s>a"}), (Tokens{kBos, 'a'}));
    EXPECT_EQ(first_tokens(adds, with(bos), {{}, "", ChatMessages{}}), (Tokens{kBos, 'c', 'h'}));
    EXPECT_EQ(first_tokens(adds, with(bos), {{}, "", Tokens{kBos, 'a'}}), (Tokens{kBos, 'a'}));
  }
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), {{}, "", "<s>"}), (Tokens{kBos, '<', 's', '>'}));
}

TEST(DocumentTokenizer, TokenIdsAreTakenAsTheyAre) {
  const Bytes adds(true);
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), {{}, "", Tokens{'a'}}), (Tokens{'a'}));
  EXPECT_EQ(first_tokens(adds, with(BosMode::kOn), {{}, "", Tokens{'a'}}), (Tokens{kBos, 'a'}));
  EXPECT_THROW(first_tokens(adds, with(BosMode::kAuto), {{}, "", Tokens{'a', 257}}), Error);
}

TEST(DocumentTokenizer, PromptsMayBeTokenIdsToo) {
  const Bytes adds(true);
  const DocumentTokenizer tokenizer(adds, {}, {});
  const Sequence sequence = tokenizer({{}, Tokens{kBos, 'a'}, Tokens{'b'}}).front();
  EXPECT_EQ(sequence.tokens, (Tokens{kBos, 'a', 'b'}));
  EXPECT_EQ(sequence.prompt_tokens, 2);
  EXPECT_THROW(tokenizer({{}, Tokens{300}, Tokens{'b'}}), Error);
}

TEST(DocumentTokenizer, AVocabularyWithoutBosRefusesIt) {
  Bytes model(false);
  model.facts_.bos = -1;
  EXPECT_THROW(DocumentTokenizer(model, with(BosMode::kOn), {}), Error);
}

TEST(ReadDocuments, ALongTextIsAnErrorAndInACorpusSkipped) {
  const Bytes model(true);
  const DocumentTokenizer tokenizer(model, {}, {});
  ReadOptions options;
  options.max_tokens = 5;
  const auto sources = [] {
    std::vector<std::unique_ptr<DocumentSource>> list;
    list.push_back(text_source("abc", {"a.txt"}));
    list.push_back(text_source("abcdefgh", {"b.txt"}));
    return joined_sources(std::move(list));
  };
  std::vector<SkippedInput> skipped;
  const OnSkip on_skip = [&](const SkippedInput& s) { skipped.push_back(s); };
  try {
    read_documents(*sources(), tokenizer, options, on_skip);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("'b.txt' has 9 tokens, the context holds 5: give -c 9, or --chunk 4"));
  }
  options.corpus = true;
  EXPECT_EQ(read_documents(*sources(), tokenizer, options, on_skip).size(), 1U);
  EXPECT_EQ(skipped.size(), 1U);
  options.max_tokens = 2;
  EXPECT_THROW(read_documents(*sources(), tokenizer, options, on_skip), Error);
  options.should_stop = [] { return true; };
  EXPECT_THROW(read_documents(*sources(), tokenizer, options, on_skip), Error);
}

TEST(PlanPacks, FillsPacksInOrder) {
  const auto sizes = [](const std::vector<int>& lengths, int tokens, int sequences) {
    std::vector<std::size_t> counts;
    std::size_t next = 0;
    for (const PackRange& range : plan_packs(lengths, tokens, sequences)) {
      EXPECT_EQ(range.first, next);
      next += range.count;
      counts.push_back(range.count);
    }
    EXPECT_EQ(next, lengths.size());
    return counts;
  };
  EXPECT_THAT(sizes({3, 3, 3, 3, 3}, 10, 8), ElementsAre(3, 2));
  EXPECT_THAT(sizes({3, 3, 3, 3, 3}, 10, 2), ElementsAre(2, 2, 1));
  EXPECT_THAT(sizes({3, 20, 3, 7}, 10, 8), ElementsAre(1, 1, 2));
  EXPECT_THAT(sizes({1, 1, 1}, 100, 1), ElementsAre(1, 1, 1));
  EXPECT_THAT(sizes({}, 100, 1), ElementsAre());
}

}  // namespace
}  // namespace sinkscope
