#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "sinks/detection.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

// Thirty layers; position `large` rises to 1000 in layer 4 and falls after layer 26.
SequenceFigures figures_with(int large) {
  SequenceFigures figures;
  figures.n_layers = 30;
  for (int t = 0; t < kPrimaryCandidates; ++t) {
    figures.first_positions.push_back(empty_profile(t, 30));
    TokenProfile& token = figures.first_positions.back();
    token.first_alignment.assign(3, LayerFigures(30, 0.0F));
    for (int l = 0; l < 30; ++l) {
      const bool in_span = l >= 4 && l <= 26;
      token.hidden_norm[static_cast<std::size_t>(l)] = t == large && in_span ? 1000 : 10;
    }
  }
  return figures;
}

void add_token(SequenceFigures& figures, int position, std::size_t with, int first, int last, float cosine) {
  TokenProfile token = empty_profile(position, 30);
  token.first_alignment.assign(3, LayerFigures(30, 0.0F));
  for (int l = first; l <= last; ++l) token.first_alignment[with][static_cast<std::size_t>(l)] = cosine;
  figures.tokens.push_back(std::move(token));
}

TEST(PaperRule, LabelsByTheNumberOfFlaggedLayers) {
  SequenceFigures figures = figures_with(0);
  add_token(figures, 100, 0, 5, 8, 0.95F);    // 4 layers
  add_token(figures, 101, 0, 5, 9, -0.95F);   // 5, of either sign
  add_token(figures, 102, 0, 5, 18, 0.95F);   // 14
  add_token(figures, 103, 0, 5, 19, 0.95F);   // 15 = 30 - 15
  add_token(figures, 104, 0, 0, 3, 0.95F);    // before the span
  add_token(figures, 105, 0, 10, 20, 0.9F);   // not above 0.9
  add_token(figures, 106, 0, 20, 29, 0.95F);  // 20 .. 26 lie in the span
  const PaperDetection detection = detect_by_paper(figures, {});
  EXPECT_EQ(detection.primary, 0);
  EXPECT_EQ(detection.span_first, 4);
  EXPECT_EQ(detection.span_last, 26);
  std::vector<std::string> found;
  for (const PaperRun& run : detection.runs) {
    found.push_back(std::to_string(run.position) + " " + std::to_string(run.first_layer) + "-" +
                    std::to_string(run.last_layer) + " " + std::to_string(run.layers_flagged) + " " + run.label);
  }
  EXPECT_THAT(found, testing::ElementsAre("100 5-8 4 noise", "101 5-9 5 secondary", "102 5-18 14 secondary",
                                          "103 5-19 15 bos_sink", "106 20-26 7 secondary"));
}

TEST(PaperRule, SeeksThePrimaryAmongTwoOrThreePositions) {
  SequenceFigures figures = figures_with(2);
  add_token(figures, 100, 2, 5, 18, 0.95F);
  EXPECT_EQ(detect_by_paper(figures, {3}).primary, 2);
  EXPECT_EQ(detect_by_paper(figures, {3}).runs.size(), 1U);
  EXPECT_EQ(detect_by_paper(figures, {2}).primary, 0);
  EXPECT_THROW(detect_by_paper(figures, {4}), Error);
}

TEST(PaperRule, RefusesFiguresKeptForTheOtherRule) {
  SequenceFigures figures = figures_with(0);
  figures.tokens.push_back(empty_profile(100, 30));
  expect_error(ErrorCode::kUsage, "--rule paper", [&] { detect_by_paper(figures, {}); });
}

}  // namespace
}  // namespace sinkscope
