#include "report/text/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/display_text.h"
#include "tests/report/planted.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::HasSubstr;
using testing::Not;

std::string show(const ScanFile& file, const TerminalStyle& style = {}, const ReportOptions& options = {}) {
  std::ostringstream out;
  write_terminal(file, options, style, out);
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(ClipToken, CutsBetweenCharactersWhatIsNoWord) {
  EXPECT_EQ(clip_token("\n\xff"), "\n\xff");
  EXPECT_EQ(clip_token(std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_EQ(clip_token(std::string(1 << 20, 'a')), std::string(200, 'a') + "\u2026");
  EXPECT_EQ(clip_token(std::string(199, 'a') + "\u4f60" + "b"), std::string(199, 'a') + "\u2026");
}

TEST(Displayable, LeavesNothingThatATerminalWouldObey) {
  EXPECT_EQ(displayable("a b"), "a b");
  EXPECT_EQ(displayable("a\nb\tc"), "a\u21b5b\u21e5c");
  EXPECT_EQ(displayable("\x1b[31m\x07\x7f"), "\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(displayable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(displayable("\xc2\x9b"), "\\u009b");  // C1: some terminals take it for ESC [
  EXPECT_EQ(displayable("\u202eabc\u200b"), "\\u202eabc\\u200b");
  EXPECT_EQ(displayable("\xe4\xbd"), "\\xe4\\xbd");
  EXPECT_EQ(displayable("\u4f60\u00e9"), "\u4f60\u00e9");
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      std::string text = "??";
      text[0] = static_cast<char>(a);
      text[1] = static_cast<char>(b);
      for (const char c : displayable(text)) ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7F);
    }
  }
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("\u4f60\u597d"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\U0001f600"), 2);
  EXPECT_EQ(display_width("\u00ab\u2026\u00bb"), 3);
  EXPECT_EQ(display_width("\x1b[1;31mred\x1b[0m"), 3);
}

TEST(Clip, CutsByColumnsAndSaysSo) {
  EXPECT_EQ(clip_end("abcdef", 6), "abcdef");
  EXPECT_EQ(clip_end("abcdef", 4), "abc\u2026");
  EXPECT_EQ(clip_start("abcdef", 4), "\u2026def");
  EXPECT_EQ(clip_end("\u4f60\u597d\u4f60", 4), "\u4f60\u2026");  // a wide character is not cut in half
  EXPECT_EQ(clip_start("ae\u0301b", 2), "\u2026b");
  EXPECT_EQ(clip_end("abc", 0), "");
  EXPECT_EQ(clip_start("abc", 0), "");
  for (int columns = 0; columns < 12; ++columns) {
    EXPECT_LE(display_width(clip_end("a\u4f60e\u0301\U0001f600b\u597d", columns)), columns);
    EXPECT_LE(display_width(clip_start("a\u4f60e\u0301\U0001f600b\u597d", columns)), columns);
  }
}

TEST(Wrapped, BreaksBetweenWords) {
  EXPECT_EQ(wrapped("- ", "one two three", 9), "- one two\n  three\n");
  EXPECT_EQ(wrapped("", "a-word-that-is-too-long b", 5), "a-word-that-is-too-long\nb\n");
  EXPECT_EQ(wrapped("> ", "", 5), "> \n");
}

TEST(Terminal, ShowsThePlantedSinks) {
  EXPECT_EQ(show(planted_file()),
            R"(Tiny Test
llama 1M F32, 12 layers, 4 heads (2 for keys and values), width 64, sha256 aaaaaaaaaaaa
not measured: residual between attention and MLP in layer 2, the block is parallel

essay-0.txt: 400 tokens, 20 of them prompt
  first tokens  <s>│ w1│ w2│ w3│ w4│ w5│ w6│ w7
  primary       0 «<s>», born at layer 1, active in layers 1-10
                norm ratio 50.0 (up to 50.0), score 0.400 (up to 0.400), far boost 80.0 (up to 80.0)

  2 sinks: 1 secondary, 1 primary_like
                                                           state  attn.  align-   norm           far
  position  token in its place       kind          layers   life   life    ment  ratio  score  boost
       100  … w48 w49«\x1b[31m"…» …  secondary        5-8     4+      4   0.970   20.0  0.150   30.0
       150  … w48 w49«\x1b[31m"…» …  primary_like    2-10     9+      9   0.970   35.0  0.200   40.0
  state life: layers in which its state lasts; attn. life: blocks in a row that draw on it
  + ends with the primary or the network: might have lasted longer
  attention     in blocks 3–11 the sinks take 8–14 % of all attention, the primary 16 %
  other runs: 1 aligned_only (far boost under 5 or far z under 3 in too many of the blocks that read
              them; median boosts up to 4.00, single blocks up to 4.00), 1 transient (one layer
              only)
)");
}

TEST(Terminal, NoLineIsWiderThanTheTerminal) {
  auto file = planted_file(2);
  for (const int width : {60, 70, 80, 100, 120, 160}) {
    TerminalStyle style;
    style.width = width;
    for (const auto& line : lines_of(show(file, style))) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
}

TEST(Terminal, ColoursOnlyOnRequestAndNeverFromTheText) {
  TerminalStyle style;
  EXPECT_THAT(show(planted_file(), style), Not(HasSubstr("\x1b")));
  style.colour = true;
  const auto coloured = show(planted_file(), style);
  EXPECT_THAT(coloured, HasSubstr("\x1b[1;35msecondary\x1b[0m"));
  EXPECT_THAT(coloured, Not(HasSubstr("\x1b[31m")));
  // Colours take no columns: without them it is the same text.
  std::string plain;
  for (std::size_t at = 0; at < coloured.size(); ++at) {
    if (coloured[at] == '\x1b') {
      at = coloured.find('m', at);
    } else {
      plain += coloured[at];
    }
  }
  style.colour = false;
  EXPECT_EQ(plain, show(planted_file(), style));
}

TEST(Terminal, NoTerminalMeansNoColoursAndAFixedWidth) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto style = TerminalStyle::of(ends[1]);
  close(ends[0]);
  close(ends[1]);
  EXPECT_FALSE(style.colour);
  EXPECT_EQ(style.width, 100);
}

TEST(Terminal, CutTablesAndListsSayHowToSeeAll) {
  TerminalStyle style;
  style.max_rows = 1;
  style.max_documents = 2;
  const auto text = show(planted_file(5), style);
  EXPECT_THAT(text, HasSubstr("... and 1 more; `show --all` lists every one"));
  EXPECT_THAT(text, HasSubstr("... and 3 more documents"));
  EXPECT_THAT(text, HasSubstr("Together: 5 documents, 2000 tokens"));
  EXPECT_THAT(text, HasSubstr("10 sinks: 5 secondary, 5 primary_like, in 5 of 5 documents"));
  EXPECT_THAT(text, HasSubstr("3.68 secondary sinks per 1000 eligible tokens"));
  style.max_rows = style.max_documents = 0;
  EXPECT_THAT(show(planted_file(5), style), Not(HasSubstr("... and")));
}

TEST(Terminal, SaysWhyNothingWasFound) {
  ReportOptions options;
  options.thresholds.min_far_boost = 60;
  EXPECT_THAT(show(planted_file(), {}, options),
              HasSubstr("No sinks beside the primary among the 272 tokens that could be judged.\n"
                        "  Nearest to one: position"));

  auto record = planted_record();
  record.figures.candidate.reset();
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  file.add(record);
  EXPECT_THAT(show(file), HasSubstr("no primary: "));

  auto short_text = planted_record();
  short_text.figures.n_tokens = 100;
  short_text.figures.prompt_tokens = 0;
  short_text.figures.tokens.clear();
  short_text.tokens.resize(100);
  short_text.token_bytes.resize(100);
  auto another = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  another.add(short_text);
  EXPECT_THAT(show(another), HasSubstr("so give 128 tokens or more"));
}

TEST(Terminal, ChunksNameTheirPlaceInTheDocument) {
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  auto record = planted_record();
  record.origins[0].chunk = 2;
  record.origins[0].document_offset = 800;
  file.add(record);
  TerminalStyle style;
  style.width = 120;
  const auto text = show(file, style);
  EXPECT_THAT(text, HasSubstr("essay-0.txt, chunk 2 from position 800: 400 tokens"));
  EXPECT_THAT(text, HasSubstr("document"));
  EXPECT_THAT(text, HasSubstr(" 900  "));
}

TEST(Terminal, ShowsThePapersRule) {
  MeasurementOptions measurement;
  measurement.floor.any_norm_both_signs = true;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), measurement, program_run());
  file.add(planted_record());
  ReportOptions options;
  options.rule = Rule::kPaper;
  const auto text = show(file, {}, options);
  EXPECT_THAT(text, HasSubstr("by the paper's rule"));
  EXPECT_THAT(text, HasSubstr("4 tokens flagged: "));
}

TEST(Terminal, AnEmptyFileSaysSo) {
  EXPECT_THAT(show(ScanFile::in_memory(model_record(), {}, program_run())), HasSubstr("nothing was stored yet"));
}

}  // namespace
}  // namespace sinkscope
