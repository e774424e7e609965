// A sink is counted once and by one rule: what terminal, summary, levels, JSON and page say of made-up detections is read back
// and compared, where the easy cases are not enough: sinks in the primary's group, before the primary, in texts without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/words.h"
#include "report/words.h"
#include "tests/report/all_outputs.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

std::string one_line(const std::string& text) { return std::regex_replace(text, std::regex("\\s+"), " "); }

ScannedDocument quiet_record(int number = 0) {
  ScannedDocument record = planted_record(number);
  record.figures.tokens.clear();
  return record;
}

// Gives a token so much far attention, of 200 in all, for an even share of 0.6 of 250.
void draw(TokenProfile& token, float far_attention) {
  token.far_attention.assign(kPlantedLayers, far_attention);
  token.far_even.assign(kPlantedLayers, 0.6F);
}

// Adds a token of the primary's very state, from the primary's birth on.
void add_equal(ScannedDocument& record, int position, float far_boost) {
  TokenProfile token = quiet_token(position);
  plant(token, 1, 10, 50, far_boost);
  token.alignment.assign(kPlantedLayers, 0.995F);
  draw(token, far_boost / 2);
  record.figures.tokens.push_back(std::move(token));
}

const Json& sinks_of(const Json& levels) { return levels.at("files").at(0).at("sinks"); }

// What each output of one text says of how many sinks there are, how many of them rates count, and the rate.
void expect_counts(const Outputs& outputs, int sinks, int eligible, int eligible_tokens) {
  for (const Json& scan : {outputs.scan, outputs.page.at("scan")}) {
    const Json& counts = scan.at("totals").at("counts");
    EXPECT_EQ(counts.at("sinks"), sinks);
    EXPECT_EQ(counts.at("eligible_sinks"), eligible);
    int of_kinds = 0;
    for (const auto& [kind, n] : counts.at("by_kind").items()) of_kinds += kind == "primary" ? 0 : n.get<int>();
    EXPECT_EQ(of_kinds, sinks);
    EXPECT_EQ(scan.at("totals").at("eligible_tokens"), eligible_tokens);
  }
  for (const Json& levels : {outputs.level_json, outputs.page.at("levels")}) {
    EXPECT_EQ(sinks_of(levels).at("count"), eligible);
    EXPECT_EQ(sinks_of(levels).at("outside_eligible"), sinks - eligible);
    EXPECT_EQ(sinks_of(levels).at("eligible_tokens"), eligible_tokens);
    int by_kind = 0;
    for (const Json& rate : levels.at("files").at(0).at("by_kind")) {
      by_kind += rate.at("count").get<int>() + rate.at("outside_eligible").get<int>();
    }
    EXPECT_EQ(by_kind, sinks);
  }
  const std::string n = std::to_string(sinks);
  EXPECT_THAT(outputs.terminal, HasSubstr("  " + n + (sinks == 1 ? " sink: " : " sinks: ")));
  EXPECT_THAT(outputs.summary, HasSubstr(n + (sinks == 1 ? " sink was found" : " sinks were found")));
  EXPECT_THAT(outputs.page.at("headline").get<std::string>(), HasSubstr(n + " "));
  if (eligible == 0) return;
  const std::string rate = in_digits(1000.0 * eligible / eligible_tokens);
  EXPECT_THAT(outputs.summary, HasSubstr(rate + " in 1000 eligible tokens"));
  EXPECT_THAT(outputs.levels, HasSubstr(rate + " per 1000 of " + grouped(eligible_tokens) + " eligible tokens"));
}

// A token of the primary's state that draws enough by itself is a sink, and one that does not is the primary.
TEST(CountsAgreement, ASinkInThePrimarysGroupCountsEverywhere) {
  ScannedDocument record = quiet_record();
  draw(record.figures.first_positions[0], 40);
  add_equal(record, 150, 40);
  add_equal(record, 160, 1);
  const ScanFile file = file_of({record});
  const Detection detection = judge_document(file, file.document(0), {}).shown();
  ASSERT_TRUE(detection.primary && detection.primary->group);
  ASSERT_EQ(detection.runs.size(), 2U);
  for (const sinkscope::Run& run : detection.runs) EXPECT_TRUE(detection.in_sink_group(run));
  ASSERT_EQ(detection.runs[0].verdict, Verdict::kSink);
  ASSERT_EQ(detection.runs[1].verdict, Verdict::kAlignedOnly);
  ASSERT_EQ(detection.runs[0].l_start, detection.primary->birth_layer);

  const Outputs outputs(file);
  expect_counts(outputs, 1, 1, 272);
  EXPECT_THAT(outputs.terminal, HasSubstr("1 sink: 1 primary_like"));
  EXPECT_THAT(outputs.levels, HasSubstr("1 in 1 document; 3.68 per 1000"));
  EXPECT_THAT(outputs.page.at("headline").get<std::string>(), HasSubstr("1 primary-like sink takes up to 8 %"));
  // Its share is its own; the other's is the primary's, and both outputs say so.
  const Json& attention = outputs.scan.at("sequences").at(0).at("attention");
  EXPECT_NEAR(attention.at("primary_like").at(5).get<double>(), 40.0 / 500, 1e-6);
  EXPECT_NEAR(attention.at("primary").at(5).get<double>(), 80.0 / 500 + 1.0 / 500, 1e-6);
  EXPECT_THAT(one_line(outputs.terminal), HasSubstr("the primary and 1 more of its state 16 %"));
}

TEST(CountsAgreement, SinksBeforeThePrimaryEnterNoRate) {
  std::vector<ScannedDocument> records;
  for (int i = 0; i < 6; ++i) {
    // The primary stands at 200, as a BOS within the text may.
    ScannedDocument record = quiet_record(i);
    SequenceFigures& figures = record.figures;
    figures.candidates.back() = 200;
    std::swap(figures.self_cosine.back(), figures.self_cosine[0]);
    figures.candidate = 200;
    for (const int position : {100, 150, 200, 250}) {
      TokenProfile token = position == 200 ? figures.first_positions[0] : quiet_token(position);
      token.position = position;
      if (position != 200) plant(token, 5, 8, 20, 30);
      figures.tokens.push_back(std::move(token));
    }
    figures.first_positions[0] = quiet_token(0);
    records.push_back(record);
  }
  const Outputs outputs(file_of(records));
  expect_counts(outputs, 18, 6, 6 * 72);  // 201 to 272 of a document
  EXPECT_THAT(one_line(outputs.terminal),
              HasSubstr("13.9 secondary sinks per 1000 eligible tokens; 12 of 18 stand outside them and enter no rate"));
  EXPECT_THAT(outputs.levels, HasSubstr("6 in 6 documents; 13.9 per 1000 of 432 eligible tokens"));
  EXPECT_THAT(outputs.levels, HasSubstr("; and 12 outside the eligible tokens\n"));
  EXPECT_THAT(outputs.levels, HasSubstr("6 (+12)"));
  EXPECT_THAT(outputs.levels, HasSubstr("(+n): n more outside the eligible tokens"));
  EXPECT_THAT(outputs.summary, HasSubstr("6 of them stand among the eligible tokens: that is 13.9 in 1000 eligible tokens. 12 "
                                         "stand outside, before the primary or in a text without one, and enter no rate."));
  EXPECT_THAT(outputs.summary, HasSubstr("by first and last layer: 5\u20138+ (18)"));
  EXPECT_THAT(outputs.summary, HasSubstr("| 6 (+12) |"));
  for (const Json& levels : {outputs.level_json, outputs.page.at("levels")}) {
    const Json& level = levels.at("files").at(0).at("levels").at(0);
    EXPECT_EQ(level.at("rate").at("count"), 6);
    EXPECT_EQ(level.at("rate").at("outside_eligible"), 12);
    int by_position = 0;
    for (const Json& bin : level.at("hazard")) by_position += bin.at("count").get<int>();
    EXPECT_EQ(by_position, 6);
  }
}

TEST(CountsAgreement, SinksOfATextWithoutAPrimaryEnterNoRate) {
  ScannedDocument without = quiet_record(1);
  without.figures.candidate.reset();
  without.figures.first_positions[0] = quiet_token(0);
  for (const int position : {120, 200}) {
    without.figures.tokens.push_back(quiet_token(position));
    plant(without.figures.tokens.back(), 4, 8, 9, 40);
  }
  const Outputs alone(file_of({without}));
  EXPECT_EQ(alone.page.at("headline"), "2 unaligned sinks, and no primary");
  EXPECT_THAT(alone.summary, AllOf(HasSubstr("2 sinks were found: 2 unaligned. Without a primary no token is eligible"),
                                   Not(HasSubstr("Beside the primary"))));
  EXPECT_THAT(alone.levels, HasSubstr("unaligned sinks: 2; no eligible tokens, so no rate"));
  expect_counts(alone, 2, 0, 0);

  const Outputs beside(file_of({quiet_record(0), without}));
  EXPECT_THAT(beside.levels, HasSubstr("1 document without a primary sink: their tokens are not eligible"));
  EXPECT_THAT(beside.levels, AllOf(HasSubstr("none in 272 eligible tokens"), HasSubstr("; and 2 outside the eligible tokens")));
  EXPECT_EQ(beside.scan.at("totals").at("counts").at("eligible_sinks"), 0);
  EXPECT_THAT(beside.summary, HasSubstr("0 of them stand among the eligible tokens: that is 0 in 1000 eligible tokens. 2 stand"));
}

TEST(CountsAgreement, RunsThatAreNoSinksHaveOneNumberUnderOneName) {
  ScannedDocument record = quiet_record();
  draw(record.figures.first_positions[0], 40);
  for (int i = 0; i < 12; ++i) add_equal(record, 120 + 2 * i, 2);
  record.figures.tokens.push_back(quiet_token(200));
  plant(record.figures.tokens.back(), 4, 7, 9, 4);
  const Outputs outputs(file_of({record}));
  ReportOptions all;
  all.other_runs = true;
  const Json scan = Json::parse(json_of(file_of({record}), all));
  const Json& runs = scan.at("sequences").at(0).at("other_runs");
  const Json expected = {{"aligned_only", 1}, {"transient", 0}, {"unscored", 0}, {"of_groups", 12}};
  EXPECT_EQ(scan.at("totals").at("counts").at("other_runs"), expected);
  EXPECT_EQ(runs.size(), 13U);
  for (const std::string& text : {one_line(outputs.terminal), outputs.summary}) {
    EXPECT_THAT(std::regex_replace(text, std::regex("\\\\_"), "_"), HasSubstr("1 aligned_only (far boost under 5"));
    EXPECT_THAT(text, HasSubstr("12 of tokens that are a sink as a group"));
  }
}

}  // namespace
}  // namespace sinkscope
