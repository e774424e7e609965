#include "measure/massive_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "tests/support/fake_network.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;

TEST(TopChannels, AreThoseWithTheLargestMagnitudesOfBothSigns) {
  const TopChannels top = top_channels(std::vector<float>{1, -7, 0, 5, -6, 5});
  EXPECT_THAT(top.channel, ElementsAre(1, 4, 3)) << "of equal ones the lower index";
  EXPECT_THAT(top.value, ElementsAre(-7, -6, 5));
  EXPECT_THAT(top_channels(std::vector<float>{0, 2}).channel, ElementsAre(1, 0, -1));
}

TEST(TopChannels, AreTheFirstThreeOfASort) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const std::size_t width : {3U, 17U, 576U}) {
    std::vector<float> vector(width);
    for (float& x : vector) x = normal(random);
    std::vector<std::int32_t> order(width);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater<>(),
                             [&](std::int32_t i) { return std::fabs(vector[static_cast<std::size_t>(i)]); });
    const TopChannels top = top_channels(vector);
    EXPECT_THAT(top.channel, ElementsAre(order[0], order[1], order[2]));
    EXPECT_EQ(top.value[2], vector[static_cast<std::size_t>(order[2])]);
  }
}

TEST(TopChannels, CountWhatTwoShare) {
  const TopChannels a{{4, 9, 2}, {}}, b{{2, 4, 7}, {}}, none;
  EXPECT_EQ(shared_channels(a, b), 2);
  EXPECT_EQ(shared_channels(a, a), 3);
  EXPECT_EQ(shared_channels(none, none), 0);
}

TEST(MagnitudeMedian, IsWithinOnePercentOfTheSlowOne) {
  std::mt19937 random(2);
  for (const float scale : {1e-3F, 1.0F, 4000.0F}) {
    std::normal_distribution<float> normal(0, scale);
    MagnitudeMedian median;
    std::vector<float> all;
    for (int part = 0; part < 5; ++part) {
      std::vector<float> values(201);
      for (float& x : values) x = normal(random);
      median.add(values);
      for (const float x : values) all.push_back(std::fabs(x));
    }
    std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    ASSERT_TRUE(median.median());
    EXPECT_NEAR(*median.median() / all[all.size() / 2], 1, 0.008) << "half of 1/64";
  }
}

TEST(MagnitudeMedian, KnowsNothingOfNothingAndOfZeros) {
  MagnitudeMedian median;
  EXPECT_FALSE(median.median());
  median.add(std::vector<float>(10, 0.0F));
  EXPECT_FALSE(median.median());
  median.add(std::vector<float>{1, 2, 1e30F, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_NEAR(*median.median(), 1, 0.008) << "of 21 magnitudes the one at index 10";
}

// Bins are 1/64 of an octave: that of 1 ends at 1 + 1/64, that of 24 (between 16 and 32) at 24.25.
TEST(MagnitudeMedian, IsTheMiddleOfItsBin) {
  const auto of = [](std::vector<float> values) {
    MagnitudeMedian median;
    median.add(values);
    return *median.median();
  };
  EXPECT_EQ(of({1}), 1 + 1.0F / 128);
  EXPECT_EQ(of({-24}), 24.125F);
  EXPECT_EQ(of({1, 2, 24, 30}), 24.125F) << "at index 2 of 4";
  EXPECT_GT(of({1e30F}), 0.99F * (1 << 24)) << "in the last bin";
}

// By a slow pass over everything: which tokens are noted, what of them, and the median.
TEST(Measurement, NotesTheChannelsOfCandidatesAndOfLargeNorms) {
  const ModelFacts facts = fake_facts(2, 40, 1);
  std::vector<FakeSequence> sequences{{facts, 200, 3}, {facts, 90, 4}};
  for (const std::size_t t : {2U, 20U, 150U}) {
    for (float& x : sequences[0].block[1].row(t)) x *= 10;
  }
  for (const int n_ubatch : {7, 64, 512}) {
    const auto measured = FakeNetwork(facts, sequences).measure(n_ubatch);
    for (std::size_t s = 0; s < 2; ++s) {
      for (std::size_t l = 0; l < 2; ++l) {
        const auto& block = sequences[s].block[l];
        std::vector<float> magnitudes;
        for (std::size_t t = 0; t < block.rows(); ++t) {
          const TopChannels* top = measured[s].channels_of(l, t);
          const bool large = s == 0 && l == 1 && (t == 20 || t == 150);
          if (t < kPrimaryCandidates || large) {
            ASSERT_NE(top, nullptr) << t;
            EXPECT_EQ(top->channel, top_channels(block.row(t)).channel);
            EXPECT_EQ(top->value, top_channels(block.row(t)).value);
          } else if (t >= 64) {
            EXPECT_EQ(top, nullptr) << t << ": random norms are all ordinary";
          }
          if (t >= kPrimaryCandidates && t % 32 == 0 && !large) {
            for (const float x : block.row(t)) magnitudes.push_back(std::fabs(x));
          }
        }
        std::ranges::sort(magnitudes);
        ASSERT_TRUE(measured[s].channel_median[l]);
        EXPECT_NEAR(*measured[s].channel_median[l] / magnitudes[magnitudes.size() / 2], 1, 0.008);
      }
    }
  }
}

TEST(Measurement, LooksForNoChannelsUnlessAsked) {
  const ModelFacts facts = fake_facts(2, 40, 1);
  const std::vector<FakeSequence> sequences{{facts, 100, 5}};
  MeterOptions options;
  options.massive_channels = false;
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(64, options)[0];
  EXPECT_FALSE(m.channel_median[0]);
  EXPECT_EQ(m.channels_of(0, 50), nullptr);
}

}  // namespace
}  // namespace sinkscope
