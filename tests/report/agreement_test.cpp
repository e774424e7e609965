// One figure, one computation, one wording: what the outputs of one results file say is read back from each of them
// and compared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/data/csv.h"
#include "tests/report/all_outputs.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

// A document with a sink at 150, 160, ... for each of the ends, all from layer 2 on.
ScannedDocument record_with(int number, const std::vector<int>& ends) {
  ScannedDocument record = planted_record(number);
  record.figures.tokens.clear();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    record.figures.tokens.push_back(quiet_token(150 + 10 * static_cast<int>(i)));
    plant(record.figures.tokens.back(), 2, ends[i], 35, 40);
  }
  return record;
}

// Ranges of levels as each output has them: "2 8+".
std::multiset<std::string> ranges_of(const Json& levels) {
  std::multiset<std::string> ranges;
  for (const Json& level : levels.at("files").at(0).at("levels")) {
    ranges.insert(std::to_string(level.at("l_start").get<int>()) + " " + std::to_string(level.at("l_end").get<int>()) +
                  (level.at("l_end_is_lower_bound").get<bool>() ? "+" : ""));
  }
  return ranges;
}

TEST(Agreement, ALevelHasOneRangeInAllOutputs) {
  // Ends against the primary's end, so all that is known is "at least so late"; most at 8, some at 10.
  std::vector<ScannedDocument> censored, ended;
  for (int i = 0; i < 10; ++i) {
    censored.push_back(record_with(i, {i < 6 ? 8 : 10}));
    ended.push_back(record_with(i, {5}));
  }
  for (const auto& [records, range] : {std::pair{censored, "2 8+"}, std::pair{ended, "2 5"}}) {
    const Outputs outputs(file_of(records));
    const std::multiset<std::string> expected = {range};
    EXPECT_EQ(ranges_of(outputs.level_json), expected);
    EXPECT_EQ(ranges_of(outputs.page.at("levels")), expected);
    EXPECT_EQ(all_of(outputs.levels, "\n +1 +(\\d+) +(\\d+\\+?) +0\\.\\d\\d-"), expected) << outputs.levels;
    EXPECT_EQ(all_of(outputs.summary, "\n\\| (\\d+)\u2013(\\d+\\+?) \\| 10 \\|"), expected) << outputs.summary;
    EXPECT_EQ(all_of(outputs.summary, "level by first and last layer: (\\d+)\u2013(\\d+\\+?) \\(10\\)"), expected);
    std::string found;
    for (const Json& sentence : outputs.page.at("findings")) found += sentence.get<std::string>();
    EXPECT_EQ(all_of(found, "level by first and last layer: (\\d+)\u2013(\\d+\\+?) \\(10\\)"), expected);
  }
}

TEST(Agreement, TheFigureOutlinesALevelAtItsRange) {
  std::vector<ScannedDocument> records;
  for (int i = 0; i < 10; ++i) records.push_back(record_with(i, {i < 6 ? 8 : 10}));
  const Outputs outputs(file_of(records));
  // The cell of the sinks of layers 2 to 8 is the level's: same middle.
  std::smatch cell, ellipse;
  const std::string& svg = outputs.levels_figure;
  ASSERT_TRUE(
      std::regex_search(svg, cell,
                        std::regex("<rect x=\"([0-9.]+)\" y=\"([0-9.]+)\" width=\"([0-9.]+)\" height=\"([0-9.]+)\""
                                   "[^>]*><title>First layer 2, lasting 7 layers")))
      << svg;
  ASSERT_TRUE(std::regex_search(svg, ellipse, std::regex("<ellipse cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"")));
  EXPECT_NEAR(std::stod(cell[1]) + std::stod(cell[3]) / 2, std::stod(ellipse[1]), 0.2);
  EXPECT_NEAR(std::stod(cell[2]) + std::stod(cell[4]) / 2, std::stod(ellipse[2]), 0.2);
}

TEST(Agreement, HowManyTokensCouldBeJudgedIsSaidEverywhere) {
  const std::string judged = "([\\d,]+) of ([\\d,]+) tokens could be judged";
  for (const bool with_sinks : {true, false}) {
    std::vector<ScannedDocument> records;
    for (int i = 0; i < 6; ++i) records.push_back(record_with(i, with_sinks ? std::vector{8} : std::vector<int>{}));
    const Outputs outputs(file_of(records));
    const std::multiset<std::string> expected = {"1632 2400"};  // 400 - 127 - 1 a document
    EXPECT_EQ(all_of(outputs.terminal, judged), expected) << outputs.terminal;
    EXPECT_EQ(all_of(outputs.summary, judged), expected) << outputs.summary;
    EXPECT_EQ(outputs.scan.at("totals").at("eligible_tokens"), 1632);
    EXPECT_EQ(outputs.scan.at("sequences").at(2).at("eligible_tokens"), 272);
    EXPECT_EQ(outputs.page.at("scan").at("totals").at("eligible_tokens"), 1632);
    EXPECT_EQ(outputs.level_json.at("files").at(0).at("sinks").at("eligible_tokens"), 1632);
    EXPECT_THAT(outputs.summary, Not(HasSubstr("none of 2,400")));
    if (!with_sinks) {
      EXPECT_THAT(outputs.terminal,
                  HasSubstr("No sinks beside the primary among the 272 tokens that could be judged."));
      EXPECT_THAT(outputs.summary, HasSubstr("Beside the primary, none of them is a sink."));
    }
  }
}

TEST(Agreement, ARateIsPer1000EligibleTokensEverywhere) {
  std::vector<ScannedDocument> records;
  for (int i = 0; i < 6; ++i) records.push_back(planted_record(i));  // a secondary and a primary_like sink each
  const ScanFile file = file_of(records);
  const Outputs outputs(file);
  const double all = 1000.0 * 12 / 1632, secondary = 1000.0 * 6 / 1632;
  EXPECT_NEAR(outputs.level_json.at("files").at(0).at("sinks").at("per_1000").get<double>(), all, 1e-4);
  EXPECT_EQ(all_of(outputs.summary, "That is ([\\d.]+) in 1000 eligible tokens"), (std::multiset<std::string>{"7.35"}));
  EXPECT_EQ(all_of(outputs.levels, "; ([\\d.]+) per 1000 of 1,632 eligible tokens"),
            (std::multiset<std::string>{"7.35"}));
  EXPECT_EQ(all_of(outputs.terminal, "([\\d.]+) secondary sinks per 1000 eligible tokens"),
            (std::multiset<std::string>{"3.68"}));
  EXPECT_NEAR(outputs.level_json.at("files").at(0).at("by_kind").at("secondary").at("per_1000").get<double>(),
              secondary, 1e-4);
  // No rate has another denominator, and none goes without its name.
  for (const std::string& text : {outputs.terminal, outputs.summary, outputs.levels}) {
    EXPECT_TRUE(all_of(text, "(1000 tokens)").empty()) << text;
  }
}

TEST(Agreement, OneDocumentIsNotEnoughForStabilityAndIntervals) {
  for (const int n : {1, 4, 5}) {
    std::vector<ScannedDocument> records;
    for (int i = 0; i < n; ++i) records.push_back(record_with(i, {5, 5, 5, 5}));
    const Outputs outputs(file_of(records));
    const bool enough = n >= 5;
    for (const Json& levels : {outputs.level_json, outputs.page.at("levels")}) {
      const Json& level = levels.at("files").at(0).at("levels").at(0);
      EXPECT_EQ(level.at("stability").is_null(), !enough) << n;
      EXPECT_EQ(level.at("rate").at("interval_95").is_null(), !enough) << n;
      EXPECT_EQ(levels.at("files").at(0).at("sinks").at("interval_95").is_null(), !enough) << n;
    }
    const std::string documents = n == 1 ? "1 document" : std::to_string(n) + " documents";
    const std::string texts = n == 1 ? "1 text" : std::to_string(n) + " texts";
    const auto says = [&](const std::string& text, const std::string& what) {
      const testing::Matcher<std::string> silent = Not(HasSubstr("not enough")), named = HasSubstr(what);
      EXPECT_THAT(text, enough ? silent : named);
    };
    says(outputs.levels, "stability and 95 % intervals: not enough (" + documents + ")");
    says(outputs.levels, "[95 % interval: not enough (" + documents + ")]");
    says(outputs.summary, "| not enough (" + texts + ") |");
    EXPECT_EQ(outputs.summary.find("100 %") != std::string::npos, enough) << outputs.summary;
  }
}

TEST(Agreement, RunsThatAreNoSinksAreSaidWithWhatTheyDraw) {
  // Fifty times its share in one block of many is no sink, and is not nothing either.
  ScannedDocument record = record_with(0, {});
  record.figures.tokens.push_back(quiet_token(200));
  plant(record.figures.tokens.back(), 2, 8, 9, 1);
  record.figures.tokens.back().far_boost[5] = 50;
  const Outputs outputs(file_of({record}));
  const std::string words =
      "1 aligned_only (far boost under 5 or far z under 3 in too many of the blocks that read them; median boosts up to "
      "1.00, single blocks up to 50.0)";
  std::string terminal = std::regex_replace(outputs.terminal, std::regex("\\s+"), " ");
  EXPECT_THAT(terminal, HasSubstr(words));
  EXPECT_THAT(outputs.summary, HasSubstr(std::regex_replace(words, std::regex("_"), "\\_")));
  for (const std::string& text : {terminal, outputs.summary}) {
    EXPECT_THAT(text, Not(HasSubstr("no attention")));
  }
}

// Counts of sinks by kind, as far as each output has them.
TEST(Agreement, CountsAreTheSameEverywhere) {
  std::vector<ScannedDocument> records;
  for (int i = 0; i < 3; ++i) records.push_back(planted_record(i));
  const ScanFile file = file_of(records);
  const Outputs outputs(file);
  const std::string csv = Outputs::written([&](std::ostream& out) { write_csv(file, {}, out); });
  EXPECT_EQ(all_of(csv, "(sink,secondary),").size(), 3U);
  EXPECT_EQ(all_of(csv, "(sink,primary_like),").size(), 3U);
  EXPECT_EQ(all_of(csv, "(aligned_only),").size(), 3U);
  const Json counts = {{"primary", 3}, {"primary_like", 3}, {"secondary", 3}, {"unaligned", 0}};
  EXPECT_EQ(outputs.scan.at("totals").at("counts").at("by_kind"), counts);
  EXPECT_EQ(outputs.page.at("scan").at("totals").at("counts").at("by_kind"), counts);
  EXPECT_THAT(outputs.terminal, HasSubstr("6 sinks: 3 secondary, 3 primary_like"));
  EXPECT_THAT(outputs.summary, HasSubstr("| 3 | 3 | 3 | 0 |"));
  EXPECT_THAT(outputs.summary, HasSubstr("6 sinks were found: 3 secondary, 3 primary-like."));
  EXPECT_EQ(outputs.level_json.at("files").at(0).at("sinks").at("count"), 6);
}

// A file that was scanned for the paper's rule shows it in all outputs, and the other where it is asked for.
TEST(Agreement, AFileRemembersItsRule) {
  MeasurementOptions measurement;
  measurement.floor.any_norm_both_signs = true;
  measurement.rule = "paper";
  measurement.paper_positions = 3;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), measurement, program_run());
  for (int i = 0; i < 3; ++i) file.add(planted_record(i));
  const Outputs outputs(file);
  EXPECT_EQ(outputs.scan.at("options").at("rule"), "paper");
  EXPECT_EQ(outputs.scan.at("options").at("paper_positions"), 3);
  EXPECT_EQ(outputs.page.at("scan"), outputs.scan);
  const Json& labels = outputs.scan.at("totals").at("counts").at("by_label");
  const auto n = [&](const char* label) { return std::to_string(labels.at(label).get<int>()); };
  EXPECT_THAT(outputs.terminal, HasSubstr("flagged: " + n("bos_sink") + " bos_sink, " + n("secondary") +
                                          " secondary, " + n("noise") + " noise"));
  EXPECT_THAT(outputs.summary, HasSubstr("| primary | bos\\_sink | secondary | noise |\n"));
  EXPECT_THAT(outputs.summary,
              HasSubstr("| 3 | " + n("bos_sink") + " | " + n("secondary") + " | " + n("noise") + " |"));
  EXPECT_THAT(outputs.summary, HasSubstr("12 of 1,200 tokens are flagged"));
  EXPECT_THAT(outputs.summary, HasSubstr("That is 10.0 in 1000 tokens, all of which are eligible."));
  const Json& kinds = outputs.page.at("levels").at("files").at(0).at("by_kind");
  EXPECT_EQ(kinds.at("bos_sink").at("count"), labels.at("bos_sink"));
  ReportOptions evidence;
  evidence.rule = Rule::kEvidence;
  const Outputs asked(file, evidence), usual(file_of({planted_record(0), planted_record(1), planted_record(2)}));
  EXPECT_EQ(asked.terminal, usual.terminal);
  EXPECT_EQ(asked.summary, usual.summary);
  EXPECT_EQ(asked.scan.at("sequences"), usual.scan.at("sequences"));
}

}  // namespace
}  // namespace sinkscope
