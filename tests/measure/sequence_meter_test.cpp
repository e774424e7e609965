// What is looked at as a text streams by: evidence, channels, candidates that stand, learned mass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "measure/pack_meter.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_network.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// States of length 1 along one of the later axes, all alike in every layer; axis 0 is the primary's.
FakeSequence even(const ModelFacts& facts, int n_tokens) {
  FakeSequence s(facts, n_tokens, 1);
  for (auto& states : s.block) {
    for (std::size_t t = 0; t < states.rows(); ++t) {
      std::ranges::fill(states.row(t), 0.0F);
      states(t, 1 + t % 3) = 1;
    }
  }
  return s;
}

// A state of this length and cosine with axis 0.
void put(FakeSequence& s, std::size_t layer, std::size_t token, float length, float cosine) {
  const auto row = s.block[layer].row(token);
  std::ranges::fill(row, 0.0F);
  row[0] = length * cosine;
  row[4] = length * std::sqrt(1 - cosine * cosine);
}

TEST(Evidence, IsAlignmentWithALongCandidateInTwoLayersRunning) {
  const ModelFacts facts = fake_facts(6, 8, 1);
  std::vector<FakeSequence> sequences{even(facts, 200)};
  FakeSequence& s = sequences[0];
  for (std::size_t l = 0; l < 6; ++l) put(s, l, 2, 10, 1);
  for (const std::size_t l : {2U, 3U}) {
    put(s, l, 100, 1.5F, 1);    // just long enough
    put(s, l, 104, 1.49F, 1);   // not
    put(s, l, 108, 10, 0.71F);  // just aligned enough
    put(s, l, 112, 10, 0.69F);  // not
    put(s, l, 116, 10, -1);     // the other way
  }
  for (const std::size_t l : {1U, 3U}) put(s, l, 120, 10, 1);  // not in two layers running
  for (std::size_t l = 4; l < 6; ++l) put(s, l, 124, 10, 1);
  for (std::size_t l = 0; l < 2; ++l) put(s, l, 128, 10, 1);
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(200)[0];
  EXPECT_THAT(m.watched, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 100, 108, 124, 128));
}

// Tokens that look like a candidate of ordinary length are no evidence of a sink.
TEST(Evidence, IsNoAlignmentWithAShortCandidate) {
  const ModelFacts facts = fake_facts(3, 8, 1);
  std::vector<FakeSequence> sequences{even(facts, 200)};
  for (std::size_t l = 0; l < 3; ++l) {
    put(sequences[0], l, 2, 1.49F, 1);
    put(sequences[0], l, 100, 10, 1);
  }
  EXPECT_THAT(FakeNetwork(facts, sequences).measure(200)[0].watched, SizeIs(8));
}

TEST(Evidence, OfTheStrongestComesFirst) {
  const ModelFacts facts = fake_facts(3, 8, 1);
  std::vector<FakeSequence> sequences{even(facts, 400)};
  FakeSequence& s = sequences[0];
  for (std::size_t l = 0; l < 3; ++l) {
    put(s, l, 2, 50, 1);
    for (std::size_t i = 0; i < kWatchedKeys + 2; ++i) put(s, l, 20 + 4 * i, 10 + static_cast<float>(i), 1);
    put(s, l, 24, 10, 0.9F);  // weaker than the one before it, of the same length
  }
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(400)[0];
  EXPECT_EQ(m.n_watch_overflow, 2);
  EXPECT_EQ(m.watched[8], 28) << "the weakest two find no place";
}

TEST(Evidence, NeedsSixtyFourTokensToCompareWith) {
  const ModelFacts facts = fake_facts(3, 8, 1);
  std::vector<FakeSequence> sequences{even(facts, 70)};
  for (std::size_t l = 0; l < 3; ++l) {
    put(sequences[0], l, 2, 10, 1);
    put(sequences[0], l, 30, 10, 1);
  }
  EXPECT_THAT(FakeNetwork(facts, sequences).measure(63)[0].watched, SizeIs(8));
  EXPECT_THAT(FakeNetwork(facts, sequences).measure(64)[0].watched, SizeIs(9));
}

TEST(Channels, AreNotedOfNormsFromOneAndAHalfMediansOn) {
  const ModelFacts facts = fake_facts(1, 8, 1);
  std::vector<FakeSequence> sequences{even(facts, 100)};
  put(sequences[0], 0, 70, 1.5F, 1);
  put(sequences[0], 0, 74, 1.49F, 1);
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(100)[0];
  ASSERT_NE(m.channels_of(0, 70), nullptr);
  EXPECT_EQ(m.channels_of(0, 70)->channel[0], 0);
  EXPECT_EQ(m.channels_of(0, 70)->value[0], 1.5F);
  EXPECT_EQ(m.channels_of(0, 74), nullptr);
  EXPECT_NE(m.channels_of(0, 7), nullptr) << "a candidate";
  EXPECT_EQ(m.channels_of(1, 70), nullptr) << "no such layer";
  EXPECT_EQ(m.channels_of(0, 200), nullptr);
}

TEST(Figures, OfWhatNobodyWantsAreNone) {
  const ModelFacts facts = fake_facts(2, 8, 1);
  const std::vector<FakeSequence> sequences{even(facts, 100)};
  MeterOptions options;
  options.centred_alignment = options.massive_channels = false;
  FakeNetwork network(facts, sequences);
  network.as_figures = true;
  const SequenceMeasurement m = network.measure(64, options)[0];
  EXPECT_FALSE(m.has_centred);
  EXPECT_FALSE(m.channel_median[0]);
  EXPECT_EQ(m.channels_of(0, 50), nullptr);
  EXPECT_NEAR(m.hidden_norm(1, 50), 1, 1e-6);
}

// One candidate stands out from 256 tokens on; before, and in a text that ends there, all stand.
TEST(Candidates, AreGivenUpAfter256Tokens) {
  const ModelFacts facts = fake_facts(1, 8, 1);
  MeterOptions options;
  options.attention = false;
  const auto standing = [&](const ModelFacts& of, int n_tokens, int n_ubatch) {
    std::vector<FakeSequence> sequences{even(of, n_tokens)};
    put(sequences[0], 0, 2, 10, 1);
    return FakeNetwork(of, sequences).measure(n_ubatch, options)[0].standing;
  };
  EXPECT_THAT(standing(facts, 400, 256), ElementsAre(2));
  EXPECT_THAT(standing(facts, 400, 255), SizeIs(8)) << "255 are too few, and 510 are all";
  EXPECT_THAT(standing(facts, 256, 256), SizeIs(8));
  ModelFacts late = facts;
  late.bos = 300;  // tokens are their positions
  EXPECT_THAT(standing(late, 700, 300), ElementsAre(2)) << "after 600, as the last candidate comes behind 300";
}

// Rows of a pack of two and one tokens, whose heads' learned logits take what attention lacks.
struct LearnedSinks {
  static constexpr int kHeads = 2;
  FakeAttention attention{0, 0, 3, kHeads, {}, 64};
  LearnedSinks() {
    const std::vector<float> logits(2, 0.0F);
    const auto add = [&](int query, int first_key, std::vector<double> of_second_head) {
      std::vector<double> whole(of_second_head.size(), 1.0 / static_cast<double>(of_second_head.size()));
      attention.add_row(0, query, first_key, whole, logits);
      attention.add_row(1, query, first_key, of_second_head, logits);
    };
    add(0, 0, {0.5});
    add(1, 0, {0.25, 0.25});
    add(2, 2, {0.75});
    attention.learned_mass = {0, 0.5 + 0.5 + 0.25};
  }
};

TEST(LearnedMass, IsWhatASequencesQueriesDidNotGiveToItsKeys) {
  const LearnedSinks learned;
  PackMeter meter(fake_facts(1, 4, 2), {{{1, 2}, {3}}}, {});
  meter.on_attention(learned.attention.event());
  meter.on_micro_batch_end(0, 3);
  const auto measured = meter.take();
  EXPECT_EQ(measured[0].learned_mass(0, 0), 0);
  EXPECT_NEAR(measured[0].learned_mass(0, 1), 1, 1e-6);
  EXPECT_NEAR(measured[1].learned_mass(0, 1), 0.25, 1e-6);
}

TEST(PackMeter, RefusesAttentionOfAnotherShape) {
  const LearnedSinks learned;
  const AttentionEvent whole = learned.attention.event();
  const auto refused = [](const AttentionEvent& event) {
    PackMeter meter(fake_facts(1, 4, 2), {{{1, 2}, {3}, {4}}}, {});
    expect_error(ErrorCode::kInternal, "attention of another shape", [&] { meter.on_attention(event); });
  };
  const auto with = [&](auto member, auto value) {
    AttentionEvent event = whole;
    event.*member = value;
    return event;
  };
  refused(with(&AttentionEvent::layer, 1));
  refused(with(&AttentionEvent::layer, -1));
  refused(with(&AttentionEvent::n_heads, 3));
  refused(with(&AttentionEvent::n_heads, 1));
  refused(with(&AttentionEvent::n_keys, 4));
  const Matrix<float> wider(2, 4), longer(3, 3);
  refused(with(&AttentionEvent::sums, wider.view()));
  refused(with(&AttentionEvent::sums, longer.view()));
  const std::vector<double> one_head = {0};
  refused(with(&AttentionEvent::learned_mass, std::span<const double>(one_head)));
  AttentionEvent fewer = whole;
  fewer.visibility.queries = fewer.visibility.queries.first(2);
  refused(fewer);
}

TEST(PackMeter, RefusesAttentionThatIsNoNumber) {
  LearnedSinks learned;
  learned.attention.learned_mass[1] = std::nan("");
  PackMeter meter(fake_facts(1, 4, 2), {{{1, 2}, {3}}}, {});
  expect_error(ErrorCode::kModel, "block 0, head 1: expected finite attention",
               [&] { meter.on_attention(learned.attention.event()); });
}

TEST(PackMeter, RefusesStatesThatDoNotFitTheNetwork) {
  const ModelFacts facts = fake_facts(2, 4, 1);
  const Pack pack{{{1, 2, 3}}};
  const Matrix<float> rows(2, 4), wide(2, 5), many(4, 4);
  const auto refused = [&](const StateEvent& event, const std::string& what) {
    PackMeter meter(facts, pack, {});
    expect_error(ErrorCode::kInternal, what, [&] { meter.on_state(event); });
  };
  refused({ProbePoint::kBlockOutput, -1, 0, rows.view()}, "a layer that there is not");
  refused({ProbePoint::kBlockOutput, 2, 0, rows.view()}, "a layer that there is not");
  refused({ProbePoint::kBlockOutput, 0, 0, wide.view()}, "a state of another width");
  refused({ProbePoint::kBlockOutput, 0, 0, many.view()}, "expected tokens from 0 on, of 3, got 4 from 0 on");
  PackMeter meter(facts, pack, {});
  meter.on_state({ProbePoint::kEmbedding, -1, 0, rows.view()});
  const Matrix<float> one(1, 4);
  expect_error(ErrorCode::kInternal, "a micro-batch changed its tokens",
               [&] { meter.on_state({ProbePoint::kBlockOutput, 0, 0, one.view()}); });
  const std::vector<float> two(2), three(3);
  expect_error(ErrorCode::kInternal, "values for other tokens than keys", [&] { meter.on_key_value({0, 0, two, three}); });
}

TEST(PackMeter, WantsWhatItMeasures) {
  ModelFacts facts = fake_facts(3, 4, 1);
  facts.has_mid_residual = {true, false, false};
  facts.has_writes = {true, true, false};
  MeterOptions options;
  PackMeter meter(facts, {{{1}}}, options);
  const auto layers = [&](PackMeter& of, ProbePoint point) {
    std::vector<int> wanted;
    for (int layer = -1; layer <= 3; ++layer) {
      if (of.wants(point, layer)) wanted.push_back(layer);
    }
    return wanted;
  };
  EXPECT_THAT(layers(meter, ProbePoint::kEmbedding), ElementsAre(-1));
  EXPECT_THAT(layers(meter, ProbePoint::kMidResidual), ElementsAre(0));
  EXPECT_THAT(layers(meter, ProbePoint::kBlockOutput), ElementsAre(0, 1, 2));
  EXPECT_THAT(layers(meter, ProbePoint::kAttentionInput), ElementsAre(1, 2));
  EXPECT_THAT(layers(meter, ProbePoint::kAttentionWrite), ElementsAre(1));
  EXPECT_THAT(layers(meter, ProbePoint::kMlpWrite), ElementsAre(1));
  EXPECT_THAT(layers(meter, ProbePoint::kMlpInput), ElementsAre());
  EXPECT_THAT(layers(meter, ProbePoint::kCachedKeys), ElementsAre());
  EXPECT_TRUE(meter.wants_eviction_cost(0));
  options.attention = options.read_alignment = false;
  PackMeter less(facts, {{{1}}}, options);
  EXPECT_THAT(layers(less, ProbePoint::kAttentionInput), ElementsAre());
  EXPECT_FALSE(less.wants_eviction_cost(0)) << "with attention only";
  EXPECT_FALSE(less.wants_attention(0));
}

TEST(PackMeter, GivesItsResultOnce) {
  const ModelFacts facts = fake_facts(1, 4, 1);
  PackMeter meter(facts, {{{1}}}, {});
  meter.on_micro_batch_end(0, 1);
  EXPECT_THAT(meter.take(), SizeIs(1));
  expect_error(ErrorCode::kInternal, "a result that was taken before", [&] { meter.take(); });
}

}  // namespace
}  // namespace sinkscope
