// Planting in tiny models, with the engine.
#include <cmath>

#include "gguf/file.h"
#include "letters.h"
#include "plant/planter.h"
#include "plant/tiny/tiny.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

class PlantingTest : public testing::Test {
 protected:
  std::string source(const std::string& arch, bool primary = true) {
    TinyOptions options;
    options.arch = arch;
    options.primary = primary;
    options.primary_layer = 2;
    write_tiny_model(options, folder_.file("source.gguf"));
    return folder_.file("source.gguf");
  }
  PlantTruth plant(const std::string& model, const PlantOptions& options) {
    return plant_sinks(model, folder_.file("planted.gguf"), load_tiny, calibration_, options);
  }
  static PlantOptions one_sink(int layer, double norm) {
    PlantOptions options;
    options.sinks = {{layer, kPlanted, norm, {}}};
    return options;
  }

  const TemporaryFolder folder_;
  const Sequences calibration_ = letters(1, 3, 600);
};

class PlantingByFamily : public PlantingTest, public testing::WithParamInterface<const char*> {};

TEST_P(PlantingByFamily, TheSinkIsWhereItWasPut) {
  const PlantTruth truth = plant(source(GetParam()), one_sink(5, 150));
  EXPECT_EQ(truth.primary_position, 0);
  EXPECT_EQ(truth.birth_layer, 2);
  const PlantedSink& sink = truth.sinks.at(0);
  EXPECT_EQ(sink.token_text, "q");
  // A random network tells letters apart well, not perfectly.
  EXPECT_NEAR(sink.norm_measured->median, 150, 20);
  EXPECT_NEAR(sink.detector->median, 1, 0.05);
  EXPECT_LT(sink.others_added->median, 5);
  EXPECT_GT(sink.scored, 10);
  EXPECT_GE(sink.found, 0.95 * sink.scored);
  EXPECT_EQ(sink.reachable.has_value(), GetParam() == std::string("gemma3") || GetParam() == std::string("olmo2") ||
                                            GetParam() == std::string("glm4"));
}

TEST_P(PlantingByFamily, OnlyTheLayersMatricesChange) {
  const std::string before = source(GetParam());
  plant(before, one_sink(5, 150));
  const GgufFile source_file(before), planted(folder_.file("planted.gguf"));
  int changed = 0;
  for (const GgufTensor& tensor : source_file.tensors()) {
    const auto a = source_file.bytes(tensor), b = planted.bytes(*planted.find(tensor.name));
    if (std::equal(a.begin(), a.end(), b.begin(), b.end())) continue;
    ++changed;
    EXPECT_TRUE(tensor.name.starts_with("blk.5.ffn_")) << tensor.name;
  }
  EXPECT_EQ(changed, GetParam() == std::string("phi3") || GetParam() == std::string("glm4") ? 2 : 3);
}

INSTANTIATE_TEST_SUITE_P(Families, PlantingByFamily,
                         testing::Values("llama", "qwen2", "qwen3", "phi3", "gemma3", "olmo2", "glm4"));

TEST_F(PlantingTest, NoSinksChangeNoByte) {
  const std::string before = source("llama");
  plant(before, {});
  EXPECT_EQ(bytes_of_file(before), bytes_of_file(folder_.file("planted.gguf")));
}

TEST_F(PlantingTest, InContextTheSameTokenElsewhereIsNoSink) {
  PlantOptions options = one_sink(5, 150);
  options.in_context = true;
  const PlantTruth truth = plant(source("llama"), options);
  const PlantedSink& sink = truth.sinks.at(0);
  EXPECT_FALSE(sink.after.empty());
  EXPECT_FALSE(sink.not_after.empty());
  EXPECT_GT(sink.detector->median, 0.5);
}

TEST_F(PlantingTest, TheOppositeDirectionIsNoSink) {
  PlantOptions options = one_sink(5, 150);
  options.sinks[0].direction = parse_direction("opposite");
  const PlantTruth truth = plant(source("llama"), options);
  EXPECT_NEAR(truth.sinks.at(0).norm_measured->median, 150, 20);
  EXPECT_EQ(truth.sinks.at(0).found, 0);
}

TEST_F(PlantingTest, RefusesWithReasons) {
  const std::string model = source("llama");
  PlantOptions rare = one_sink(5, 150);
  rare.sinks[0].token = 'z';
  expect_error(ErrorCode::kInput, "at least 5 places", [&] { plant(model, rare); });
  expect_error(ErrorCode::kInput, "primary's birth", [&] { plant(model, one_sink(1, 150)); });
  expect_error(ErrorCode::kModel, "no such matrices", [&] { plant(model, one_sink(8, 150)); });
  PlantOptions twice = one_sink(5, 150);
  twice.sinks.push_back(twice.sinks[0]);
  expect_error(ErrorCode::kUsage, "twice", [&] { plant(model, twice); });
  expect_error(ErrorCode::kModel, "primary sink", [&] { plant(source("llama", false), one_sink(5, 150)); });
  expect_error(ErrorCode::kModel, "experts", [&] { plant(source("qwen3moe"), one_sink(5, 150)); });
  expect_error(ErrorCode::kInput, "at most", [&] { plant(source("gemma3"), one_sink(5, 5000)); });

  TinyOptions with_sink;
  with_sink.sinks = {{4, kPlanted, 150}};
  write_tiny_model(with_sink, folder_.file("sink.gguf"));
  expect_error(ErrorCode::kInput, "no sink there", [&] { plant(folder_.file("sink.gguf"), one_sink(5, 150)); });
}

TEST_F(PlantingTest, AnOutputThatCannotBeWrittenIsRefused) {
  expect_error(ErrorCode::kOutput, "cannot be written", [&] {
    plant_sinks(source("llama"), folder_.file("no/planted.gguf"), load_tiny, calibration_, one_sink(5, 150));
  });
}

}  // namespace
}  // namespace sinkscope
