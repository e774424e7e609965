#include "report/text/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "report/findings.h"
#include "report/words.h"
#include "tests/report/planted.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string summary_of(const ScanFile& file, const ReportOptions& options = {}) {
  const NamedScan scan{"<b>*x*.scan.db", &file};
  std::ostringstream out;
  write_summary(std::span(&scan, 1), options, {}, out);
  return out.str();
}

TEST(Findings, SayWhatTheRuleFound) {
  const ScanFile file = planted_file();
  const Findings found = overview_of(file, {}, {}).found;
  EXPECT_THAT(
      found.sentences,
      ElementsAre(HasSubstr("The primary sink is token 0 \u201c<s>\u201d, born at layer 1 and active in layers "
                            "1\u201310. It draws "),
                  "272 of 400 tokens could be judged: those behind the primary with enough far queries. Beside the "
                  "primary, 2 sinks were found: 1 secondary, 1 primary-like. That is 7.35 in 1000 eligible tokens.",
                  "In blocks 3\u201311 the sinks take 8\u201314 % of all attention, the primary 16 %.",
                  HasSubstr("at position 150, primary-like, in layers 2\u201310: 35.0 times the norm of an ordinary "
                            "token, 40.0 times its share of far attention."),
                  "Tokens that became sinks more than once: \u201c" + token_name(kHostile) + "\u201d (2).",
                  "They are too few, or too scattered, to form sink levels.",
                  "Further runs of layers point the primary's way and are no sinks: 1 aligned_only (far boost "
                  "under 5 or far z under 3 in too many of the blocks that read them; median boosts up to 4.00, single "
                  "blocks up to 4.00), 1 transient (one layer only)."));
  EXPECT_EQ(found.headline, "2 sinks take up to 14 % of a block\u2019s attention");
  ASSERT_EQ(found.strongest.size(), 2U);
  EXPECT_EQ(found.strongest[0].run.position, 150);
  // The one that draws more, as is usual where it stands, is not the stronger one.
  ScannedDocument late = planted_record();
  for (auto& z : late.figures.tokens[1].far_z) z = 5;
  auto file_of_late = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  file_of_late.add(late);
  EXPECT_EQ(overview_of(file_of_late, {}, {}).found.strongest[0].run.position, 100);
  EXPECT_EQ(found.n_tokens, kPlantedTokens);
}

TEST(Findings, LearnedLogitsTakeWhatNoTokenGets) {
  ScannedDocument record = planted_record();
  record.figures.learned_share.assign(kPlantedLayers, 0.25F);
  record.figures.learned_share[4] = 0.3F;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  file.add(record);
  EXPECT_THAT(overview_of(file, {}, {}).found.sentences,
              testing::Contains("In blocks 3\u201311 the sinks take 8\u201314 % of all attention, the primary 16 %, "
                                "learned sink logits 25\u201330 %."));
}

TEST(Findings, CountOverAllTexts) {
  const ScanFile file = planted_file(3);
  const Findings found = overview_of(file, {}, {}).found;
  EXPECT_THAT(
      found.sentences[0],
      HasSubstr("3 of 3 texts have a primary sink; in 3 of them it stands at position 0 and is born at layer 1."));
  EXPECT_EQ(found.counts.of(SinkKind::kSecondary), 3);
  EXPECT_EQ(found.headline, "6 sinks in each of 3 texts: up to 14 % of a block\u2019s attention in the middle text");
  EXPECT_THAT(found.sentences, testing::Contains("In the middle text the sinks take up to 14 % of a block\u2019s attention (median "
                                                 "over 3 texts with sinks), the primary up to 16 % (over 3)."));
  ASSERT_EQ(found.texts.size(), 3U);
  EXPECT_EQ(found.texts[1].name, "essay-1.txt");
}

TEST(Summary, HasTheOverviewsParts) {
  const std::string text = summary_of(planted_file(3));
  for (const char* part : {"# Attention sinks\n",
                           "| primary | primary-like | secondary | unaligned |\n| ---: | ---: | ---: | "
                           "---: |\n| 3 | 3 | 3 | 0 |\n",
                           "### What was found\n", "### Sinks\n", "### Texts\n",
                           "| essay-1.txt | 400 | 1 | 1 | 1 | 0 |\n", "### How it was made\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Summary, NamesAreNoMarkup) {
  auto file = planted_file(0);
  auto record = planted_record();
  const std::string evil = "<img src=x>[a](https://x)|`*_";
  record.token_bytes.assign(record.tokens.size(), evil);
  record.tokens.assign(record.tokens.size(), 500);
  record.origins[0].id = "- " + evil;
  file.add(record);
  const std::string text = summary_of(file);
  EXPECT_THAT(text, HasSubstr("\\<img\u2423src\\=x\\>\\[a\\](https\\://x)\\|\\`\\*\\_"));
  for (const char* markup : {" <", "(<", "|`", "](https://", "\n- - "}) EXPECT_THAT(text, Not(HasSubstr(markup)));
  EXPECT_THAT(text, HasSubstr("\\<b\\>\\*x\\*.scan.db"));
}

TEST(Summary, RefusesWhatTheFileKeepsTooLittleFor) {
  ReportOptions options;
  options.rule = Rule::kPaper;
  EXPECT_THROW(summary_of(planted_file(), options), Error);
}

TEST(Words, NumbersHaveThreeDigits) {
  EXPECT_EQ(in_digits(1234.4), "1,234");
  EXPECT_EQ(in_digits(99.94), "99.9");
  EXPECT_EQ(in_digits(9.99), "9.99");
  EXPECT_EQ(in_digits(0.1234), "0.123");
  EXPECT_EQ(in_digits(0.00012), "1.2e-4");
  EXPECT_EQ(in_digits(-3e-12), "-3.0e-12");
  EXPECT_EQ(in_digits(0), "0");
  EXPECT_EQ(in_digits({}), "\u2013");
  EXPECT_EQ(in_percent(0.4321), "43 %");
  EXPECT_EQ(in_percent(0.043), "4.3 %");
  EXPECT_EQ(counted(1, "sink"), "1 sink");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(layer_ranges({{0, 2}, {4, 4}, {7, 9}}), "layers 0\u20132, 4 and 7\u20139");
  EXPECT_EQ(layer_ranges({{3, 3}}), "layer 3");
  EXPECT_EQ(token_name(" a\n"), "\u2423a\u21b5");
  EXPECT_EQ(token_name(""), "\u2205");
}

}  // namespace
}  // namespace sinkscope
