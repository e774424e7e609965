// Sinks planted in real models, found again in texts that planting did not see.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "engine/llama/model.h"
#include "plant/trial/validation.h"
#include "plant/trial/write_meter.h"
#include "tests/support/sentences.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

struct Case {
  const char* file;
  std::vector<std::pair<int, double>> places;  // layer and norm, for the words in order
};

const std::vector<std::string> kWords = {"time", "house", "river"};

class PlantedModel : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SINKSCOPE_MODELS");
    source_ = folder ? std::string(folder) + "/" + GetParam().file : "";
    if (!folder || !std::filesystem::exists(source_)) {
      GTEST_SKIP() << "no " << GetParam().file << " in SINKSCOPE_MODELS";
    }
  }
  static std::unique_ptr<Model> load(const std::string& path) {
    LoadOptions options;
    options.path = path;
    options.n_ctx = 2048;
    return load_model(options);
  }
  static std::vector<TokenId> tokens(const Model& model, const std::string& text) {
    auto ids = model.vocabulary().tokenize(text, false);
    if (model.facts().adds_bos) ids.insert(ids.begin(), model.facts().bos);
    return ids;
  }

  std::string source_;
};

TEST_P(PlantedModel, ShowsWhatWasPlantedAndNothingElse) {
  const TemporaryFolder folder;
  PlantOptions options;
  Sequences calibration, texts;
  {
    const auto model = load(source_);
    for (std::size_t i = 0; i < kWords.size(); ++i) {
      const auto word = model->vocabulary().tokenize(" " + kWords[i], false);
      ASSERT_EQ(word.size(), 1U);
      options.sinks.push_back({GetParam().places[i].first, word[0], GetParam().places[i].second, {}});
    }
    for (unsigned seed = 1; seed <= 2; ++seed) calibration.push_back(tokens(*model, sentences(seed, kWords, 8, 45)));
    texts.push_back(tokens(*model, sentences(9, kWords, 3, 45)));
  }
  const PlantTruth truth = plant_sinks(source_, folder.file("planted.gguf"), load, calibration, options);
  const auto planted = load(folder.file("planted.gguf")), base = load(source_);
  WriteMeter writes(folder.file("planted.gguf"), truth);
  const Validation validation = validate_sinks(*planted, base.get(), writes, truth, texts, {});
  for (const SinkScore& score : validation.sinks) {
    EXPECT_GE(*score.truth.norm_ratio, kStrongRatio);
    EXPECT_EQ(score.places, 3);
    EXPECT_EQ(score.secondary, score.found);
    EXPECT_GT(*score.far_boost, 8);
  }
  EXPECT_GE(*validation.all.recall, 0.95);
  EXPECT_GE(*validation.strong.recall, 0.95);
  EXPECT_GE(*validation.token_precision, 0.95);
  EXPECT_EQ(validation.all.exact_frac, 1.0);
  EXPECT_GE(validation.primary->fall_frac(), 0.33);
}

INSTANTIATE_TEST_SUITE_P(
    Small, PlantedModel,
    testing::Values(Case{"smollm2.gguf", {{13, 2500}, {14, 4000}, {16, 4000}}},
                    Case{"qwen25coder.gguf", {{8, 1200}, {10, 700}, {12, 1200}}}),
    [](const auto& instance) {
      return std::string(instance.param.file).substr(0, std::string(instance.param.file).find('.'));
    });

}  // namespace
}  // namespace sinkscope
