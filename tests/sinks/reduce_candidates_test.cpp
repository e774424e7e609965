// Which candidate figures are of, and what is told beside it.
#include <gtest/gtest.h>

#include "sinks/figures.h"
#include "tests/sinks/plain_measurement.h"

namespace sinkscope {
namespace {

// Candidates of a text that begins with padding lie behind it: the third is at position 34.
TEST(Reduce, ComparesChannelsWithThoseOfTheCandidatesPosition) {
  SequenceMeasurement m = plain_measurement(200);
  m.roles.candidates = {0, 32, 34, 35, 36, 37, 38, 39};
  m.hidden_norm(0, 34) = 40;
  m.channel_median.resize(2);
  m.channels.resize(2);
  m.channels[0] = {{2, {{1, 2, 3}, {1, 1, 1}}}, {34, {{4, 9, 2}, {-50, 20, 10}}}, {50, {{9, 7, 4}, {30, -8, 5}}}};
  m.hidden_norm(0, 50) = 9;
  m.alignment.at(0, 2, 50) = 1;
  const SequenceFigures figures = reduce(m, 0, {});
  ASSERT_EQ(figures.candidate, 34);
  ASSERT_EQ(figures.tokens.back().position, 50);
  EXPECT_EQ(figures.tokens.back().massive_overlap[0], 2);
}

TEST(Reduce, MeasuresLogitGapsFrom64QueriesOn) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(0, 3) = 40;
  m.watched = {2, 5};
  m.logit_gap_sum = Cube<double>(2, 2, kPrimaryCandidates);
  m.logit_gap_queries = Cube<std::int32_t>(2, 2, kPrimaryCandidates);
  for (std::size_t l = 0; l < 2; ++l) {
    m.logit_gap_sum(l, 1, 3) = -32;
    m.logit_gap_queries(l, 1, 3) = l == 0 ? 64 : 63;
  }
  const SequenceFigures figures = reduce(m, 0, {});
  EXPECT_EQ(figures.first_positions[5].logit_gap[0], -0.5F);
  EXPECT_FALSE(figures.first_positions[5].logit_gap[1]);
  EXPECT_FALSE(figures.first_positions[4].logit_gap[0]) << "not watched";
}

// States that differ by a twentieth at most are one: the first of them counts; padding counts a quarter.
TEST(Reduce, ChoosesTheFirstOfCandidatesThatAreAlike) {
  SequenceMeasurement m = plain_measurement(200);
  for (std::size_t l = 0; l < 2; ++l) {
    m.hidden_norm(l, 2) = 37;
    m.hidden_norm(l, 4) = 39;
    m.hidden_norm(l, 6) = 40;
  }
  EXPECT_EQ(reduce(m, 0, {}).candidate, 4) << "37 lacks more than a twentieth of 40";
  m.roles.is_padding[6] = 1;
  EXPECT_EQ(reduce(m, 0, {}).candidate, 4);
  for (std::size_t l = 0; l < 2; ++l) m.hidden_norm(l, 6) = 200;
  EXPECT_EQ(reduce(m, 0, {}).candidate, 6) << "a quarter of it is more than they have";
}

}  // namespace
}  // namespace sinkscope
