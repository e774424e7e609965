#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "report/figure/figures.h"
#include "report/figure/png.h"
#include "report/figure/quantities.h"
#include "report/figure/raster.h"
#include "report/figure/svg.h"
#include "tests/report/page/unpacked.h"
#include "tests/report/planted.h"
#include "tests/support/sanitized.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string figure_of(const ScanFile& file, FigureOptions options) {
  std::ostringstream out;
  write_figure({"x.scan.db", &file}, options, out);
  return out.str();
}

FigureOptions named(const std::string& figure, const std::string& quantity = "") {
  FigureOptions options;
  options.figure = figure;
  options.quantity = quantity;
  return options;
}

std::size_t count(const std::string& text, const std::string& pattern) {
  const std::regex wanted(pattern);
  return static_cast<std::size_t>(std::distance(std::sregex_iterator(text.begin(), text.end(), wanted), {}));
}

TEST(Figure, LivesStandAtTheirLayers) {
  // width 1100: 12 layers over [168, 1086], so layer 5 begins at 168 + 5 x 76.5 = 550.5; a bar leaves 1 on each side.
  const std::string svg = figure_of(planted_file(), named("lives"));
  EXPECT_THAT(svg, HasSubstr("<rect x=\"551.5\" y=\"34\" width=\"304\" height=\"12\" rx=\"3\" fill=\"#c84c00\">"
                             "<title>\u201c"));
  EXPECT_THAT(svg, HasSubstr("secondary: layers 5\u20138, norm ratio 20.0, far boost 30.0; ends with"));
  EXPECT_EQ(count(svg, "might have lasted longer"), 2U);  // both end within two layers of the primary
}

TEST(Figure, LevelsCountAllDocuments) {
  const std::string svg = figure_of(planted_file(3), named("levels"));
  EXPECT_THAT(svg, HasSubstr("<title>First layer 5, lasting 4 layers: 3 sinks, 3 of them to the primary"));
  EXPECT_THAT(svg, HasSubstr("<title>First layer 2, lasting 9 layers: 3 sinks, 3 of them to the primary"));
}

TEST(Figure, HeadsAreColouredOnOneScaleForAllTokens) {
  // The largest far boost of any head is the primary's: 80 x 4 / 2.5.
  const ScanFile file = planted_file(1, Keep::kHeads);
  FigureOptions options = named("heads", "far_boost");
  const std::string first_sink = figure_of(file, options);
  EXPECT_THAT(first_sink, HasSubstr(" at 100, layer 6, head 3: far boost 48.0\u00d7</title>"));
  EXPECT_THAT(first_sink, HasSubstr(" at 100, layer 6, head 0: far boost 12.0\u00d7</title>"));
  EXPECT_THAT(first_sink, HasSubstr(" at 100, layer 0, head 3: far boost not measured</title>"));
  EXPECT_EQ(count(first_sink, ", head \\d: far boost"), 12U * 4U);
  options.token = 0;
  const std::string primary = figure_of(file, options);
  EXPECT_THAT(primary,
              HasSubstr("fill=\"#1d143e\"><title>\u201c&lt;s&gt;\u201d at 0, layer 2, head 3: far boost 128\u00d7"));
  for (const std::string& svg : {first_sink, primary}) {
    for (const char* label : {">0.500</text>", ">128</text>"}) EXPECT_THAT(svg, HasSubstr(label));
  }
  // Unless another is asked for, scores are shown.
  EXPECT_THAT(figure_of(file, named("heads")), HasSubstr("layer 6, head 3: sink score 0.240</title>"));
}

TEST(Figure, ScalesGoFromTheFloorToTheLargest) {
  const auto scale = [](const char* quantity, std::vector<float> values) {
    return scale_of(values, quantity_of(named("map", quantity), map_quantities()));
  };
  const auto is = [](float low, float high) {
    return testing::AllOf(testing::Field(&Scale::low, low), testing::Field(&Scale::high, high));
  };
  EXPECT_THAT(scale("far_boost", {0.2F, std::nanf(""), 0, 128}), is(0.5F, 128));
  EXPECT_THAT(scale("far_boost", {2, 128}), is(2, 128));
  EXPECT_THAT(scale("far_boost", {0.125F, 0.25F}), is(0.25F, 0.25F)) << "nothing of interest";
  EXPECT_THAT(scale("key_norm", {1e-3F, 1e6F}), is(1, 1e6F)) << "six decades at most";
  EXPECT_THAT(scale("alignment", {0.5F}), is(-1, 1));
}

TEST(Figure, MapsArePicturesOfTheirCodes) {
  FigureOptions options = named("map", "norm_ratio");
  options.width = 462;  // 400 x 220 pixels within the axes: one a token, 18 or 19 a layer
  const std::string svg = figure_of(planted_file(1, Keep::kProfiles), options);
  std::smatch found;
  ASSERT_TRUE(std::regex_search(svg, found, std::regex("data:image/png;base64,([^\"]*)\"")));
  const std::string png = from_base64(found[1].str());
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t b = 0; b < 4; ++b) value = value << 8U | static_cast<unsigned char>(png[at + b]);
    return value;
  };
  EXPECT_EQ(word(16), 400U);
  EXPECT_EQ(word(20), 220U);
}

TEST(Figure, PngHoldsItsPixels) {
  const std::array<std::uint8_t, 6> codes = {1, 2, 3, 255, 0, 7};
  const std::string png = png_of(codes, 3, colour_ramp(false, false, 1));
  const std::size_t data = png.find("IDAT");
  ASSERT_NE(data, std::string::npos);
  std::array<Bytef, 8> rows{};
  uLongf size = rows.size();
  ASSERT_EQ(
      uncompress(rows.data(), &size, reinterpret_cast<const Bytef*>(png.data() + data + 4), png.size() - data - 4),
      Z_OK);
  EXPECT_THAT(rows, ElementsAre(0, 1, 2, 3, 0, 255, 0, 7));
  EXPECT_THROW(png_of(codes, 4, colour_ramp(false, false, 1)), Error);
  EXPECT_THROW(png_of({}, 3, colour_ramp(false, false, 1)), Error);
}

TEST(Figure, AxesGoWhereTheyAreTold) {
  const Axis linear = linear_axis(0, 10, 100, 200);
  EXPECT_DOUBLE_EQ(linear.at(5), 150);
  EXPECT_THAT(linear.ticks, ElementsAre(0, 2, 4, 6, 8, 10));
  const Axis logarithmic = logarithmic_axis(1, 100, 0, 10);
  EXPECT_DOUBLE_EQ(logarithmic.at(10), 5);
  EXPECT_THAT(logarithmic.ticks, ElementsAre(1, 3, 10, 30, 100));
  EXPECT_THAT(layer_ticks(30, 10), ElementsAre(0, 5, 10, 15, 20, 25));
}

TEST(Figure, TextsOfDocumentsAreNoMarkup) {
  auto file = planted_file(0);
  auto record = planted_record();
  const std::string evil = "</text><script>alert(1)</script>";
  record.token_bytes.assign(record.tokens.size(), evil);
  record.tokens.assign(record.tokens.size(), 500);
  file.add(record);
  for (const char* figure : {"lives", "rows"}) {
    const std::string svg = figure_of(file, named(figure));
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
    EXPECT_THAT(svg, HasSubstr("&lt;/tex"));
  }
}

TEST(Figure, ColoursAreThePages) {
  std::ifstream style(SINKSCOPE_WEB "/src/style.css"), colours(SINKSCOPE_WEB "/src/draw/colour.ts");
  const std::string css(std::istreambuf_iterator<char>(style), {}), code(std::istreambuf_iterator<char>(colours), {});
  for (const bool dark : {false, true}) {
    const Theme& theme = theme_of(dark);
    for (const auto colour : {theme.surface, theme.ink, theme.muted, theme.line}) EXPECT_THAT(css, HasSubstr(colour));
    for (const auto colour : theme.kinds) EXPECT_THAT(css, HasSubstr(colour));
    for (const bool cosine : {false, true}) {
      // With colours from code 0 on, stop 2 of 8 lies at code 63.75 and stops 0 and 8 at the ends.
      const Ramp ramp = colour_ramp(cosine, dark, 0);
      for (const std::size_t end : {0U, 255U}) {
        const auto& [r, g, b] = ramp[end];
        EXPECT_THAT(code,
                    HasSubstr("[" + std::to_string(r) + ", " + std::to_string(g) + ", " + std::to_string(b) + "]"));
      }
    }
  }
}

TEST(Figure, AttentionStacksUpToOne) {
  const std::string svg = figure_of(planted_file(), named("attention"));
  for (const char* name : {"primary", "primary-like", "secondary", "all other tokens"}) EXPECT_THAT(svg, HasSubstr(name));
  EXPECT_THAT(svg, Not(HasSubstr("unaligned"))) << "a kind that takes nothing is not in the legend";
  std::size_t n_bands = 0;
  for (std::size_t at = svg.find("fill-opacity"); at != std::string::npos; at = svg.find("fill-opacity", at + 1)) ++n_bands;
  EXPECT_EQ(n_bands, 4U);
}

TEST(Figure, WritesAndStrengthAreDrawnFromAScanAlone) {
  const std::string writes = figure_of(planted_file(), named("writes"));
  for (const char* name : {"Norm of what the MLP adds", "Its cosine with the primary", "secondary"}) {
    EXPECT_THAT(writes, HasSubstr(name));
  }
  const std::string strength = figure_of(planted_file(3), named("strength"));
  EXPECT_EQ(count(strength, "rx=\"3.5\""), 12U) << "two sinks in each of three documents, in two panels";
}

TEST(Figure, IsAPngByTheMachinesLibrsvg) {
  if (kSanitized) GTEST_SKIP() << "fontconfig keeps what it has read";
  const ScanFile file = planted_file();
  FigureOptions options = named("lives");
  options.width = 400;
  std::ostringstream out;
  try {
    write_figure_png({"x.scan.db", &file}, options, 2, out);
  } catch (const Error& error) {
    ASSERT_EQ(error.code(), ErrorCode::kUsage);
    ASSERT_THAT(error.what(), HasSubstr("expected librsvg 2.52 or newer"));
    GTEST_SKIP() << "no librsvg here";
  }
  const std::string png = out.str();
  EXPECT_TRUE(is_png_of_svg(png));
  EXPECT_FALSE(is_png_of_svg(png.substr(0, 33) + png.substr(33 + 12 + 18)));  // without the text that names its maker
  EXPECT_EQ(png.substr(12, 8), std::string("IHDR\0\0\x03\x20", 8)) << "800 pixels for a width of 400";
}

TEST(Figure, LearnedLogitsAreABandOfTheirOwn) {
  EXPECT_THAT(figure_of(planted_file(), named("attention")), Not(HasSubstr("learned")));
  ScannedDocument record = planted_record();
  record.figures.learned_share.assign(kPlantedLayers, 0.25F);
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  file.add(record);
  const std::string svg = figure_of(file, named("attention"));
  EXPECT_THAT(svg, HasSubstr("learned sink logits, no token"));
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.5\""));
}

TEST(Figure, SaysWhatLacks) {
  const auto says = [](const ScanFile& file, const FigureOptions& options) -> std::string {
    try {
      figure_of(file, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const ScanFile runs = planted_file();
  EXPECT_THAT(says(runs, named("map")), HasSubstr("--keep profiles"));
  EXPECT_THAT(says(runs, named("norms", "key_norm")), HasSubstr("--keep profiles"));
  EXPECT_THAT(says(runs, named("heads")), HasSubstr("sink_score by head"));
  EXPECT_THAT(says(planted_file(1, Keep::kProfiles), named("heads", "far_boost")), HasSubstr("--keep heads"));
  EXPECT_THAT(says(runs, named("heads", "key_norm")), HasSubstr("of heads expected one of sink_score, far_boost, eviction_cost, got"));
  EXPECT_THAT(says(runs, named("map", "taste")), HasSubstr("far_boost, sink_score"));
  EXPECT_THAT(says(runs, named("norms", "far_boost")), HasSubstr("hidden_norm, key_norm or value_norm"));
  EXPECT_THAT(says(runs, named("pie")), HasSubstr("lives, map, rows, heads, norms, attention, levels"));
  EXPECT_THAT(says(planted_file(0), named("levels")), HasSubstr("levels: expected sinks beside the primary, got none"));
  FigureOptions missing = named("lives");
  missing.document = 7;
  EXPECT_THAT(says(runs, missing), Not(testing::IsEmpty()));
  FigureOptions paper = named("lives");
  paper.report.rule = Rule::kPaper;
  EXPECT_THAT(says(runs, paper), HasSubstr("--rule paper: expected a file that keeps tokens of any norm"));
}

}  // namespace
}  // namespace sinkscope
