// Attention that selects its keys (an indexer's top k), and blocks that read another block's keys and values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/llama/model.h"
#include "made_up_model.h"
#include "scan/examine.h"
#include "tests/support/invariant_observer.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 200, kTopK = 64, kFar = 64;

struct Selecting : Observer {
  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override {
    const auto n = static_cast<std::size_t>(event.n_keys);
    for (auto* sums : {&queries, &far, &selected}) sums->at(static_cast<std::size_t>(event.layer)).resize(n);
    for (std::size_t k = 0; k < n; ++k) {
      const auto layer = static_cast<std::size_t>(event.layer);
      queries[layer][k] += event.visibility.queries[k];
      far[layer][k] += event.visibility.far_queries[k];
      selected[layer][k] += event.visibility.far_selected.empty() ? -1000 : event.visibility.far_selected[k];
    }
  }
  using ByLayer = std::vector<std::vector<int>>;
  ByLayer queries{kMadeUpBlocks}, far{kMadeUpBlocks}, selected{kMadeUpBlocks};
};

std::vector<TokenId> some_tokens(const ModelFacts& facts) {
  std::vector<TokenId> tokens{facts.bos};
  for (int i = 1; i < kTokens; ++i) tokens.push_back('a' + i * i % 26);
  return tokens;
}

class Selection : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Model> model_with(const std::vector<std::string>& overrides = {}) const {
    const std::string path = folder_.file("made-up.gguf");
    write_made_up_model(GetParam(), path);
    LoadOptions options;
    options.path = path;
    options.precision = Precision::kF32;
    options.n_ubatch = 96;
    for (const std::string& one : overrides) options.deployment.override_kv.push_back(GetParam() + one);
    return load_model(options);
  }
  const TemporaryFolder folder_;
};

// Every query beyond the first 64 selects 64 keys in each block; all earlier tokens count for what it selected of.
TEST_P(Selection, CountsAllTokensThatCouldBeSelected) {
  const auto model = model_with();
  Selecting seen;
  model->run({{some_tokens(model->facts())}}, seen, {});
  for (std::size_t layer = 0; layer < kMadeUpBlocks; ++layer) {
    int dropped = 0;
    for (int k = 0; k < kTokens; ++k) {
      const auto key = static_cast<std::size_t>(k);
      EXPECT_EQ(seen.queries[layer][key], kTokens - k);
      EXPECT_EQ(seen.far[layer][key], std::max(0, kTokens - k - kFar));
      EXPECT_LE(seen.selected[layer][key], seen.far[layer][key]);
      EXPECT_GE(seen.selected[layer][key], 0);
      dropped += seen.far[layer][key] - seen.selected[layer][key];
    }
    EXPECT_GT(dropped, 0) << layer;
  }
}

TEST_P(Selection, RatesStandBesideScores) {
  const auto model = model_with();
  ExamineOptions options;
  options.keep = Keep::kProfiles;
  const Examined examined = std::move(examine(*model, Pack{{some_tokens(model->facts())}}, options).front());
  const auto array = [&](const std::string& name) {
    return *std::ranges::find(examined.profiles, name, &ProfileArray::name);
  };
  const ProfileArray rates = array("selection_rate");
  int below = 0;
  for (std::size_t i = 0; i < rates.values.size(); ++i) {
    const bool measured = i % kTokens + kFar + kMinFarQueries <= kTokens;
    EXPECT_EQ(std::isnan(rates.values[i]), !measured);
    EXPECT_TRUE(!measured || (rates.values[i] >= 0 && rates.values[i] <= 1));
    below += rates.values[i] < 1;
  }
  EXPECT_GT(below, 0);
}

// Where all keys are selected, the same network without a choice: equal attention, and rates of 1.
TEST_P(Selection, OfEverythingIsOrdinaryAttention) {
  const auto model = model_with({".attention.indexer.top_k=int:2000"});
  Selecting seen;
  model->run({{some_tokens(model->facts())}}, seen, {});
  EXPECT_EQ(seen.selected, seen.far);
}

INSTANTIATE_TEST_SUITE_P(All, Selection, testing::Values("deepseek32", "glm-dsa"), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(SharedKeysAndValues, AreNamedAsTheDonors) {
  const TemporaryFolder folder;
  LoadOptions options;
  options.path = folder.file("made-up.gguf");
  write_made_up_model("gemma4", options.path);
  options.deployment.override_kv = {"gemma4.attention.shared_kv_layers=int:2"};
  const auto model = load_model(options);
  std::vector<std::string> told;
  for (const Lacking& one : model->lacking()) {
    if (one.what == "keys and values of its own") told.push_back(std::to_string(one.layer) + ": " + one.why);
  }
  EXPECT_EQ(told, (std::vector<std::string>{"2: the block reads those of block 0: their norms are that block's",
                                            "3: the block reads those of block 1: their norms are that block's"}));
}

}  // namespace
}  // namespace sinkscope
