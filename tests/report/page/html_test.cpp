#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <regex>
#include <sstream>

#include "base/error.h"
#include "report/page/bundle.h"
#include "report/page/page.h"
#include "report/quantise.h"
#include "tests/report/page/unpacked.h"
#include "tests/report/planted.h"
#include "tests/support/file_bytes.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string html_of(const ScanFile& file, const HtmlOptions& options = {}) {
  const NamedScan scan{"<b>&\"x.scan.db", &file};
  std::ostringstream out;
  write_html(std::span(&scan, 1), options, out);
  return out.str();
}

UnpackedBlock block_of(const std::string& html, const std::string& id) {
  const std::string opening = "<script type=\"application/octet-stream\" id=\"" + id + "\">";
  const std::size_t at = html.find(opening);
  if (at == std::string::npos) throw std::runtime_error("no block " + id);
  const std::size_t begin = at + opening.size();
  return unpacked(html.substr(begin, html.find('<', begin) - begin));
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Html, HoldsWhatTheRuleFound) {
  const std::string html = html_of(planted_file(2));
  const auto index = block_of(html, "index").json.at("head");
  EXPECT_EQ(index.at("schema"), "sinkscope.report/1");
  const auto& scan = index.at("scans").at(0);
  EXPECT_EQ(scan.at("file"), "<b>&\"x.scan.db");
  EXPECT_EQ(scan.at("documents").size(), 2U);
  const auto& sinks = scan.at("scan").at("sequences").at(0).at("sinks");
  ASSERT_EQ(sinks.size(), 2U);
  EXPECT_EQ(sinks.at(0).at("position"), 100);
  EXPECT_EQ(scan.at("levels").at("files").at(0).at("sinks").at("count"), 4);
}

TEST(Html, RowsAreTheFiguresOfThePrimaryAndTheSinks) {
  const std::string html = html_of(planted_file());
  const auto block = block_of(html, "block-0-0");
  EXPECT_THAT(block.json.at("head").at("rows").get<std::vector<int>>(), testing::IsSupersetOf({0, 100, 150}));
  const auto rows = block.json.at("head").at("rows").get<std::vector<std::size_t>>();
  const auto row = static_cast<std::size_t>(std::ranges::find(rows, 100U) - rows.begin());
  const auto boosts = block.array<float>("row.far_boost");
  const auto ratios = block.array<float>("row.norm_ratio");
  EXPECT_FLOAT_EQ(ratios.at(row * kPlantedLayers + 5), 20.0F);
  EXPECT_FLOAT_EQ(ratios.at(row * kPlantedLayers + 4), 1.0F);
  EXPECT_FLOAT_EQ(boosts.at(row * kPlantedLayers + 6), 30.0F);
  EXPECT_TRUE(std::isnan(block.array<float>("row.logit_gap").at(row * kPlantedLayers)));
}

TEST(Html, QuantitiesByHeadAreThoseOfTheRows) {
  const auto block = block_of(html_of(planted_file(1, Keep::kHeads)), "block-0-0");
  const auto rows = block.json.at("head").at("rows").get<std::vector<std::size_t>>();
  const auto row = static_cast<std::size_t>(std::ranges::find(rows, 100U) - rows.begin());
  EXPECT_EQ(block.json.at("arrays").at("heads.far_boost").at("shape"),
            nlohmann::json({rows.size(), kPlantedLayers, 4}));
  for (const std::string name : {"sink_score", "far_boost"}) {
    const auto heads = block.array<float>("heads." + name);
    const auto means = block.array<float>("row." + name);
    for (std::size_t layer = 0; layer < kPlantedLayers; ++layer) {
      for (std::size_t head = 0; head < 4; ++head) {
        const float value = heads.at((row * kPlantedLayers + layer) * 4 + head);
        const float share = static_cast<float>(head + 1) / 2.5F;
        // As the results file keeps them.
        if (layer == 0) {
          EXPECT_TRUE(std::isnan(value));
        } else {
          EXPECT_NEAR(value / (means.at(row * kPlantedLayers + layer) * share), 1, std::exp2(-11));
        }
      }
    }
  }
  EXPECT_FALSE(
      block_of(html_of(planted_file(1, Keep::kProfiles)), "block-0-0").json.at("arrays").contains("heads.far_boost"));
}

TEST(Html, AQuantityByHeadOfWhichNothingWasMeasuredIsLeftOut) {
  auto file = planted_file(0, Keep::kHeads);
  auto record = planted_record();
  record.profiles.push_back(planted_by_head("sink_score_by_head", &TokenProfile::score));
  record.profiles.push_back(planted_by_head("far_boost_by_head", &TokenProfile::far_boost));
  std::ranges::fill(record.profiles.back().values, std::nanf(""));
  file.add(record);
  const auto arrays = block_of(html_of(file), "block-0-0").json.at("arrays");
  EXPECT_TRUE(arrays.contains("heads.sink_score"));
  EXPECT_FALSE(arrays.contains("heads.far_boost"));
}

TEST(Html, MapsComeWithDetailAndWithinTheirError) {
  HtmlOptions options;
  options.detail_documents = 1;
  const std::string html = html_of(planted_file(2, Keep::kProfiles), options);
  const auto detailed = block_of(html, "block-0-0"), plain = block_of(html, "block-0-1");
  EXPECT_TRUE(detailed.json.at("arrays").contains("map.norm_ratio"));
  EXPECT_FALSE(plain.json.at("arrays").contains("map.norm_ratio"));
  const auto& entry = detailed.json.at("arrays").at("map.norm_ratio").at("scale");
  const Scale scale{entry.at("logarithmic"), entry.at("low"), entry.at("high")};
  const auto codes = detailed.array<std::uint8_t>("map.norm_ratio");
  EXPECT_EQ(codes.at(3), 0);  // NaN in the planted profile
  // hidden_norm 500.5 over the ordinary 10.
  EXPECT_NEAR(scale.value(codes.at(500)) / 50.05, 1, std::pow(scale.high / scale.low, 1.0 / 508) - 1 + 1e-3);
  // The lower quantile of layer 0 over 400 tokens 0.5 ... 399.5, but for those with rows and the one not measured.
  const auto quantiles = plain.array<float>("quantiles.hidden_norm");
  EXPECT_NEAR(quantiles.at(2 * kPlantedLayers), 200, 3);
}

TEST(Html, EveryTextIsDataOnly) {
  auto file = planted_file();
  auto record = planted_record(5);
  const std::string evil = "</script><script>alert(1)</script><!--<script>";
  for (std::string& bytes : record.token_bytes) bytes = evil;
  for (std::size_t t = 0; t < record.tokens.size(); ++t) record.tokens[t] = 500;
  record.origins[0].id = evil;
  file.add(record);
  const std::string html = html_of(file);
  EXPECT_EQ(count(html, "alert(1)"), 0U);
  // The two blocks, the index, and the one script that runs.
  EXPECT_EQ(count(html, "<script"), 4U);
  EXPECT_EQ(count(html, "</script"), 4U);
  EXPECT_EQ(block_of(html, "block-0-1").json.at("head").at("texts"), nlohmann::json::array({evil}));
}

TEST(Html, PolicyAllowsNothingFromElsewhere) {
  const std::string html = html_of(planted_file());
  std::smatch policy;
  ASSERT_TRUE(std::regex_search(html, policy, std::regex("Content-Security-Policy\" content=\"([^\"]*)\"")));
  EXPECT_THAT(policy[1].str(), testing::StartsWith("default-src 'none'; script-src 'sha256-"));
  EXPECT_THAT(policy[1].str(), Not(HasSubstr("unsafe")));
  EXPECT_THAT(policy[1].str(), Not(HasSubstr("http")));
  EXPECT_EQ(count(html, " src="), 0U);
  EXPECT_EQ(count(html, "<link"), 0U);
}

TEST(Html, TheBundleIsTheOneOfTheSourceTree) {
  EXPECT_TRUE(bundle_script() == bytes_of_file(SINKSCOPE_WEB "/dist/report.js"));
  EXPECT_TRUE(bundle_style() == bytes_of_file(SINKSCOPE_WEB "/dist/report.css"));
  // An end tag within would end the element that holds it.
  EXPECT_EQ(bundle_script().find("</script"), std::string_view::npos);
  EXPECT_EQ(bundle_script().find("<!--"), std::string_view::npos);
  EXPECT_EQ(bundle_style().find("</style"), std::string_view::npos);
}

TEST(Html, EqualResultsGiveEqualBytes) { EXPECT_EQ(html_of(planted_file(2)), html_of(planted_file(2))); }

TEST(Html, RefusesWhatTheFileKeepsTooLittleFor) {
  HtmlOptions options;
  options.report.rule = Rule::kPaper;
  EXPECT_THROW(html_of(planted_file(), options), Error);
  options = {};
  options.report.thresholds.min_alignment = 0.1F;
  EXPECT_THROW(html_of(planted_file(), options), Error);
}

}  // namespace
}  // namespace sinkscope
