#include "plant/truth.h"

#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

PlantTruth example() {
  PlantTruth truth;
  truth.arch = "llama";
  truth.source_sha256 = "ab";
  truth.n_layers = 30;
  truth.d_model = 576;
  truth.birth_layer = 11;
  PlantedSink sink;
  sink.layer = 14;
  sink.token = 655;
  sink.token_text = " time";
  sink.after = {1, 2};
  sink.neuron = 7;
  sink.gate_length = 60.5;
  sink.up_length = 9.25;
  sink.direction = "axis";
  sink.norm = 4000;
  sink.norm_measured = Spread{3900, 3500, 4200};
  sink.lifetime = 13;
  truth.sinks = {sink};
  return truth;
}

TEST(Truth, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  write_truth(example(), folder.file("t.json"));
  const PlantTruth truth = read_truth(folder.file("t.json"));
  EXPECT_EQ(to_json(truth), to_json(example()));
  EXPECT_EQ(truth.sinks.at(0).after, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(truth.sinks.at(0).norm_measured->p95, 4200);
  EXPECT_EQ(truth.sinks.at(0).gate_length, 60.5);
  EXPECT_EQ(truth.sinks.at(0).up_length, 9.25);
  EXPECT_FALSE(truth.sinks.at(0).reachable);
}

TEST(Truth, BrokenTextOfATokenStillMakesJson) {
  PlantTruth truth = example();
  truth.sinks[0].token_text = "\xE2\x82";
  EXPECT_NE(to_json(truth).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Truth, RefusesOtherFiles) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t.json");
  expect_error(ErrorCode::kInput, "no readable file", [&] { read_truth(path); });
  for (const char* text : {"", "[]", "{}", "{\"schema\":\"sinkscope.scan/1\"}", "{\"schema\":\"sinkscope.truth/1\"}",
                           "{\"schema\":\"sinkscope.truth/1\",\"model\":3}"}) {
    std::ofstream(path) << text;
    expect_error(ErrorCode::kInput, "sinkscope.truth/1", [&] { read_truth(path); });
  }
  PlantTruth truth = example();
  truth.sinks[0].layer = 30;
  std::ofstream(path) << to_json(truth);
  expect_error(ErrorCode::kInput, "a sink in layer 30", [&] { read_truth(path); });
  expect_error(ErrorCode::kOutput, "cannot be written", [&] { write_truth(example(), folder.file("no/t.json")); });
}

TEST(Truth, PathBesideTheModel) {
  EXPECT_EQ(truth_path_of("a/planted.gguf"), "a/planted.truth.json");
  EXPECT_EQ(truth_path_of("a/planted"), "a/planted.truth.json");
}

TEST(Truth, SpreadInterpolates) {
  EXPECT_FALSE(spread_of({}));
  const Spread one = *spread_of({3});
  EXPECT_EQ(one.median, 3);
  EXPECT_EQ(one.p95, 3);
  const Spread five = *spread_of({5, 1, 2, 4, 3});
  EXPECT_EQ(five.median, 3);
  EXPECT_NEAR(five.p05, 1.2, 1e-12);
  EXPECT_NEAR(five.p95, 4.8, 1e-12);
}

}  // namespace
}  // namespace sinkscope
