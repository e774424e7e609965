#include "report/data/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/csv.h"
#include "tests/report/planted.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

TEST(JsonString, EscapesWhatMustBeAndReplacesWhatIsNoUtf8) {
  EXPECT_EQ(json_string("a\"b\\c\n\x01\x7f"), R"("a\"b\\c\n\u0001\u007f")");
  EXPECT_EQ(json_string("\xe4\xbd\xa0"), "\"\xe4\xbd\xa0\"");
  EXPECT_EQ(json_string("\xe4\xbd"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  for (int byte = 0; byte < 256; ++byte) {
    std::string text = "x?y";
    text[1] = static_cast<char>(byte);
    ASSERT_NO_THROW(Json::parse(json_string(text))) << byte;
    if (byte < 0x80) {
      ASSERT_EQ(Json::parse(json_string(text)).get<std::string>(), text);
    }
  }
}

TEST(JsonWriter, WritesTheShortestDigitsThatReadBack) {
  std::ostringstream out;
  JsonWriter json(out);
  json.open_array(JsonLayout::kInline);
  for (const float value : {0.1F, 1.0F / 3, 1e-8F, 16777216.0F, 5.0F, 3.4e38F}) json.value(value);
  json.value(std::nanf("")).value(std::optional<int>()).close();
  EXPECT_EQ(out.str(), "[0.1, 0.33333334, 1e-08, 16777216, 5, 3.4e+38, null, null]\n");
}

TEST(ScanJson, HasTheDocumentedShape) {
  const auto json = Json::parse(json_of(planted_file()));
  EXPECT_THAT(keys_of(json), ElementsAre("schema", "model", "options", "sequences", "totals"));
  EXPECT_EQ(json["schema"], "sinkscope.scan/4");
  EXPECT_THAT(keys_of(json["model"]),
              ElementsAre("name", "sha256", "arch", "type", "n_layers", "d_model", "n_heads", "n_kv_heads",
                          "n_heads_by_layer", "n_kv_heads_by_layer", "n_vocab", "n_ctx_train", "lacking", "notes"));
  EXPECT_EQ(json["model"]["n_kv_heads"], 2);
  EXPECT_TRUE(json["model"]["n_heads_by_layer"].is_null());
  EXPECT_EQ(json["model"]["lacking"][0]["layer"], 2);
  EXPECT_THAT(keys_of(json["options"]), ElementsAre("rule", "thresholds", "measurement"));
  EXPECT_THAT(keys_of(json["options"]["thresholds"]),
              ElementsAre("min_alignment", "min_norm_ratio", "min_far_boost", "min_far_z", "min_block_frac", "early_blocks",
                          "min_early_blocks", "birth_cosine", "birth_slack", "min_lifetime_boost",
                          "unaligned_far_boost", "unaligned_far_z", "unaligned_max_alignment", "unaligned_norm_ratio", "unaligned_blocks",
                          "min_layers", "censor_layers", "drain_value_ratio", "group_norm_gap",
                          "group_alignment_gap", "group_min_mass"));
  EXPECT_THAT(keys_of(json["options"]["measurement"]),
              ElementsAre("min_distance", "bos", "special", "chat", "chunk", "n_ubatch", "parallel", "precision",
                          "cache_type_k", "cache_type_v", "cache_rotation", "final_norm", "short_rope_tokens",
                          "floor_alignment", "floor_norm_ratio",
                          "floor_unaligned_far_boost", "floor_any_norm_both_signs"));
  const auto& sequence = json["sequences"].at(0);
  EXPECT_THAT(keys_of(sequence),
              ElementsAre("id", "document", "chunk", "document_offset", "origins", "n_tokens", "prompt_tokens", "eligible_tokens",
                          "n_padding", "n_watch_overflow", "primary", "no_primary_reason", "sinks", "groups",
                          "attention", "counts",
                          "first_token"));
  EXPECT_THAT(keys_of(sequence["attention"]),
              ElementsAre("primary", "primary_like", "secondary", "unaligned", "learned", "other"));
  EXPECT_THAT(keys_of(sequence["primary"]),
              ElementsAre("position", "document_position", "token_id", "text", "set", "birth_layer", "birth_end",
                          "active_layers", "early_plateau", "sink_axis_drift", "norm_ratio_median", "norm_ratio_max",
                          "score_mean", "score_max", "far_boost_median", "far_boost_max", "far_z_median", "value_norm_ratio",
                          "sink_rate_02", "sink_rate_03", "sink_rate_05", "sink_rate_08", "attention_share", "massive",
                          "eviction_cost", "eviction_left_out", "group", "mean_norm_ratio",
                          "selection_rate"));
  EXPECT_THAT(
      keys_of(sequence["sinks"][1]),
      ElementsAre("position", "document_position", "token_id", "text", "text_bytes", "verdict", "kind", "run_index",
                  "l_start", "l_end", "lifetime", "attention_lifetime", "censored", "broadcasts", "alignment_median",
                  "centred_alignment_median", "read_alignment_median", "norm_ratio_median", "norm_ratio_max",
                  "score_mean", "score_max", "far_boost_median", "far_boost_max", "far_z_median", "heads_over_10_max", "logit_gap",
                  "value_norm_ratio", "margin", "margins", "sink_rate_02", "sink_rate_03", "sink_rate_05",
                  "sink_rate_08", "attention_share", "massive", "eviction_cost", "eviction_left_out", "group",
                  "selection_rate"));
  EXPECT_THAT(keys_of(json["totals"]), ElementsAre("n_sequences", "n_tokens", "eligible_tokens", "counts"));
}

void collect_keys(const Json& json, std::set<std::string>& keys) {
  for (const auto& item : json.items()) {
    if (json.is_object()) keys.insert(item.key());
    if (item.value().is_structured()) collect_keys(item.value(), keys);
  }
}

TEST(ScanJson, EveryKeyIsDocumented) {
  std::ifstream in(SINKSCOPE_DOCS "/file-formats.md");
  const std::string docs{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> keys;
  ReportOptions options;
  options.other_runs = true;
  MeasurementOptions measurement;
  measurement.floor.any_norm_both_signs = true;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), measurement, program_run());
  file.add(planted_record());
  collect_keys(Json::parse(json_of(file, options)), keys);
  options.rule = Rule::kPaper;
  collect_keys(Json::parse(json_of(file, options)), keys);
  EXPECT_GT(keys.size(), 100U);
  for (const auto& key : keys) EXPECT_THAT(docs, HasSubstr("`" + key + "`"));
  std::ostringstream csv;
  write_csv(file, {}, csv);
  std::istringstream head(csv.str().substr(0, csv.str().find('\r')));
  for (std::string column; std::getline(head, column, ',');) EXPECT_THAT(docs, HasSubstr("`" + column + "`"));
}

TEST(ScanJson, SaysWhatWasPlanted) {
  const auto json = Json::parse(json_of(planted_file()));
  const auto& sequence = json["sequences"][0];
  EXPECT_EQ(sequence["id"], "essay-0.txt");
  EXPECT_EQ(sequence["n_tokens"], 400);
  EXPECT_EQ(sequence["primary"]["position"], 0);
  EXPECT_EQ(sequence["primary"]["text"], "<s>");
  EXPECT_EQ(sequence["primary"]["birth_layer"], 1);
  EXPECT_EQ(sequence["primary"]["active_layers"], Json::parse("[[1, 10]]"));
  EXPECT_TRUE(sequence["no_primary_reason"].is_null());
  ASSERT_EQ(sequence["sinks"].size(), 2U);
  const auto& secondary = sequence["sinks"][0];
  EXPECT_EQ(secondary["position"], 100);
  EXPECT_EQ(secondary["kind"], "secondary");
  EXPECT_EQ(secondary["l_start"], 5);
  EXPECT_EQ(secondary["l_end"], 8);
  EXPECT_EQ(secondary["lifetime"], 4);
  EXPECT_EQ(secondary["censored"], true);
  EXPECT_EQ(secondary["broadcasts"], false);
  EXPECT_EQ(secondary["norm_ratio_median"], 20);
  EXPECT_EQ(secondary["far_boost_median"], 30);
  EXPECT_EQ(secondary["sink_rate_02"], 0.25);
  EXPECT_EQ(secondary["massive"]["channel_1"], 7);
  EXPECT_EQ(secondary["massive"]["value_1"], -500);
  EXPECT_EQ(secondary["massive"]["ratio_1"], 1000);
  EXPECT_EQ(secondary["massive"]["overlap"], 1);
  EXPECT_TRUE(secondary["massive"]["channel_2"].is_null());
  EXPECT_EQ(sequence["first_token"]["sink_rate_02"].size(), std::size_t{kPlantedLayers});
  EXPECT_EQ(sequence["sinks"][1]["kind"], "primary_like");
  EXPECT_EQ(sequence["counts"],
            Json::parse(R"({"sinks": 2, "eligible_sinks": 2,
                            "by_kind": {"primary": 1, "primary_like": 1, "secondary": 1, "unaligned": 0},
                            "groups": 0, "groups_counted": 0, "group_tokens": 0,
                            "other_runs": {"aligned_only": 1, "transient": 1, "unscored": 0, "of_groups": 0}})"));
  EXPECT_EQ(json["totals"]["counts"], sequence["counts"]);
}

TEST(ScanJson, KeepsBytesThatAreNoText) {
  const auto json = Json::parse(json_of(planted_file()));
  const auto& sink = json["sequences"][0]["sinks"][1];
  EXPECT_EQ(sink["text_bytes"], "1b5b33316d223ce4bd2c0d0a3d312b31");
  EXPECT_EQ(sink["text"], "\x1b[31m\"<\xef\xbf\xbd\xef\xbf\xbd,\r\n=1+1");
}

TEST(ScanJson, OtherThresholdsNeedNoModel) {
  const auto file = planted_file();
  ReportOptions options;
  options.thresholds.min_far_boost = 3.5F;
  auto json = Json::parse(json_of(file, options));
  EXPECT_EQ(json["options"]["thresholds"]["min_far_boost"], 3.5);
  EXPECT_EQ(json["sequences"][0]["sinks"].size(), 3U);
  options.thresholds.min_far_boost = 35;
  json = Json::parse(json_of(file, options));
  EXPECT_EQ(json["sequences"][0]["sinks"].size(), 1U);
  options.thresholds = {};
  for (const auto& [min_far_z, sinks] : {std::pair{6.0F, 2U}, {6.1F, 1U}, {7.1F, 0U}, {0.0F, 2U}}) {
    options.thresholds.min_far_z = min_far_z;
    json = Json::parse(json_of(file, options));
    EXPECT_EQ(json["sequences"][0]["sinks"].size(), sinks) << min_far_z;
  }
}

TEST(ScanJson, OtherRunsOnRequest) {
  ReportOptions options;
  options.other_runs = true;
  const auto json = Json::parse(json_of(planted_file(), options));
  const auto& others = json["sequences"][0]["other_runs"];
  ASSERT_EQ(others.size(), 2U);
  EXPECT_EQ(others[0]["verdict"], "aligned_only");
  EXPECT_LT(others[0]["margin"].get<float>(), 0);
  EXPECT_EQ(others[1]["verdict"], "transient");
}

TEST(ScanJson, ThresholdsBelowTheFloorAreRefused) {
  ReportOptions options;
  options.thresholds.min_alignment = 0.6F;
  expect_error(ErrorCode::kUsage, "--min-alignment: expected at least 0.7", [&] { json_of(planted_file(), options); });
}

TEST(ScanJson, ThePapersRuleHasAShapeOfItsOwn) {
  ReportOptions options;
  options.rule = Rule::kPaper;
  EXPECT_THROW(json_of(planted_file(), options), Error);
  MeasurementOptions measurement;
  measurement.floor.any_norm_both_signs = true;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), measurement, program_run());
  file.add(planted_record());
  const auto json = Json::parse(json_of(file, options));
  EXPECT_THAT(keys_of(json["options"]), ElementsAre("rule", "paper_positions", "measurement"));
  const auto& sequence = json["sequences"][0];
  EXPECT_THAT(keys_of(sequence), ElementsAre("id", "document", "chunk", "document_offset", "origins", "n_tokens", "prompt_tokens",
                                             "primary", "flagged", "counts"));
  EXPECT_THAT(keys_of(sequence["primary"]),
              ElementsAre("position", "document_position", "token_id", "text", "span_first", "span_last"));
  ASSERT_EQ(sequence["flagged"].size(), 4U);
  EXPECT_THAT(keys_of(sequence["flagged"][0]),
              ElementsAre("position", "document_position", "token_id", "text", "text_bytes", "label", "first_layer",
                          "last_layer", "layers_flagged"));
  EXPECT_EQ(sequence["flagged"][0]["layers_flagged"], 4);
  EXPECT_EQ(json["totals"]["counts"]["by_label"].size(), 3U);
}

TEST(ScanJson, EqualFilesGiveEqualBytesWithoutPathsAndTimes) {
  TemporaryFolder folder;
  MeasurementOptions options;
  ProgramRun later = program_run();
  later.started_utc = "2031-12-31T23:59:59Z";
  later.n_threads = 7;
  auto on_disk = ScanFile::open_or_create(folder.file("a.scan.db"), model_record(kPlantedLayers), options, later);
  for (int i = 0; i < 3; ++i) on_disk.add(planted_record(i));
  const auto json = json_of(planted_file(3));
  EXPECT_EQ(json_of(on_disk), json);
  EXPECT_EQ(json_of(ScanFile::open(folder.file("a.scan.db"))), json);
  EXPECT_THAT(json, Not(HasSubstr("some/where")));
  EXPECT_THAT(json, Not(HasSubstr("2031")));
}

TEST(ScanJson, ChunksAreNamedAndPlacedInTheirDocument) {
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  auto record = planted_record();
  record.origins[0].chunk = 2;
  record.origins[0].document_offset = 800;
  record.origins.push_back({"b.txt", "b\xff.txt", 3, {}, 0});
  file.add(record);
  const auto sequence = Json::parse(json_of(file))["sequences"][0];
  EXPECT_EQ(sequence["chunk"], 2);
  EXPECT_EQ(sequence["document_offset"], 800);
  EXPECT_EQ(sequence["sinks"][0]["document_position"], 900);
  EXPECT_EQ(sequence["origins"],
            Json::parse(R"([{"id": "essay-0.txt", "line": null, "chunk": 2, "document_offset": 800},
                            {"id": "b)"
                        "\xef\xbf\xbd"
                        R"(.txt", "id_bytes": "62ff2e747874", "line": 3, "chunk": null,
                             "document_offset": 0}])"));
}

TEST(ScanJson, AStreamThatFailsIsAnError) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_THROW(write_json(planted_file(), {}, out), Error);
}

}  // namespace
}  // namespace sinkscope
