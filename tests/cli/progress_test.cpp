#include "cli/progress.h"

#include <gtest/gtest.h>

#include "cli/one_line.h"

namespace sinkscope {
namespace {

// Messages hold names of files and what models say.
TEST(OneLine, LeavesNothingThatATerminalWouldObey) {
  EXPECT_EQ(one_line("a\tb\r\nc \n"), "a b  c");
  EXPECT_EQ(one_line("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(one_line("\xc2\x9b"
                     "2J \u202egnp.exe"),
            "\\u009b2J \\u202egnp.exe");
  EXPECT_EQ(one_line("\xff \u00e9"), "\\xff \u00e9");
  EXPECT_EQ(one_line(one_line("\x1b")), one_line("\x1b"));
}

TEST(ProgressLine, SaysHowFarHowFastAndHowLong) {
  ScanProgress progress;
  progress.documents_done = 3;
  progress.documents_total = 12;
  progress.tokens_done = 5000;
  progress.tokens_total = 20000;
  progress.sinks = 1;
  EXPECT_EQ(progress_line(progress, 10.0, 120),
            "[########......................]  3/12 documents  5000/20.0k tokens  500 tokens/s  0:30 left  1 sink");
}

TEST(ProgressLine, OneDocumentIsNotCounted) {
  ScanProgress progress;
  progress.documents_total = 1;
  progress.tokens_done = 100;
  progress.tokens_total = 100;
  EXPECT_EQ(progress_line(progress, 0.1, 44), "[################]  100/100 tokens  0 sinks");
}

TEST(ProgressLine, OfGeneration) {
  GenerationProgress progress;
  progress.texts_done = 2;
  progress.texts_total = 8;
  progress.texts_done_here = 2;
  progress.tokens_done = 800;
  progress.sinks = 3;
  EXPECT_EQ(progress_line(progress, 10.0, 72), "2/8 texts  800 tokens  80 tokens/s  0:30 left  3 provisional sinks");
  progress.texts_done_here = 0;
  progress.most_tokens_left = 4000;
  EXPECT_EQ(progress_line(progress, 10.0, 80),
            "2/8 texts  800 tokens  80 tokens/s  at most 0:50 left  3 provisional sinks");
}

TEST(ProgressLine, NeverWiderThanTheTerminalAndFineWithoutTokens) {
  ScanProgress progress;
  progress.tokens_total = 1'000'000'000;
  progress.tokens_done = 1;
  for (int columns = 0; columns < 150; ++columns) {
    EXPECT_LE(progress_line(progress, 5.0, columns).size(), static_cast<std::size_t>(std::max(0, columns - 1)));
  }
  EXPECT_EQ(progress_line(ScanProgress{}, 0.0, 10), "0/0 token");
}

}  // namespace
}  // namespace sinkscope
