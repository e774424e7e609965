#include "tests/support/fake_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>

#include "measure/pack_meter.h"
#include "sinks/detection.h"
#include "tests/support/expect_error.h"
#include "tests/support/invariant_observer.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Examined {
  SequenceMeasurement measurement;
  SequenceFigures figures;
  Detection detection;
};

std::vector<Examined> examine(FakeModel& model, const Pack& pack) {
  PackMeter meter(model.facts(), pack, {});
  model.run(pack, meter, {});
  std::vector<Examined> all;
  for (SequenceMeasurement& measurement : meter.take()) {
    Examined one{std::move(measurement), {}, {}};
    one.figures = reduce(one.measurement, 0, {});
    one.detection = detect_by_evidence(one.figures, {});
    all.push_back(std::move(one));
  }
  return all;
}

Detection detected(FakeModel& model, const std::vector<TokenId>& text) {
  return std::move(examine(model, {{text}}).front().detection);
}

// What was dictated and found, as (position, l_start, l_end).
using Found = std::tuple<int, int, int>;

std::vector<Found> found(const Detection& detection, SinkKind kind) {
  std::vector<Found> sinks;
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == kind) sinks.emplace_back(run.position, run.l_start, run.l_end);
  }
  return sinks;
}

FakeModelOptions with_sinks(std::vector<DictatedSink> sinks) {
  FakeModelOptions options;
  options.sinks.insert(options.sinks.end(), sinks.begin(), sinks.end());
  return options;
}

TEST(FakeModel, HasAPrimaryAndNoOtherSink) {
  FakeModel model;
  const Detection detection = detected(model, fake_text(300, 1));
  ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
  EXPECT_EQ(detection.primary->position, 0);
  EXPECT_EQ(detection.primary->birth_layer, 1);
  EXPECT_THAT(detection.primary->active_layers, ElementsAre(LayerInterval(1, 10)));
  for (const SinkKind kind : {SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned}) {
    EXPECT_THAT(found(detection, kind), IsEmpty()) << name_of(kind);
  }
}

TEST(FakeModel, WithoutSinksHasNone) {
  FakeModelOptions options;
  options.sinks.clear();
  FakeModel model(options);
  const Detection detection = detected(model, fake_text(300, 1));
  EXPECT_FALSE(detection.primary);
  EXPECT_THAT(detection.runs, IsEmpty());
}

TEST(FakeModel, MakesJustTheSinksThatWereDictated) {
  FakeModel model(with_sinks(
      {{'.', {}, 5, 8, 16, true}, {'!', {}, 4, 6, 12, true}, {{}, 150, 1, 9, 20, true}, {'#', {}, 3, 7, 18, false}}));
  const auto text = fake_text(360, 2, {{20, '.'}, {90, '#'}, {111, '!'}, {140, '.'}, {200, '!'}});
  const Detection detection = detected(model, text);
  ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
  EXPECT_THAT(found(detection, SinkKind::kSecondary),
              ElementsAre(Found(20, 5, 8), Found(111, 4, 6), Found(140, 5, 8), Found(200, 4, 6)));
  EXPECT_THAT(found(detection, SinkKind::kPrimaryLike), ElementsAre(Found(150, 1, 9)));
  EXPECT_THAT(found(detection, SinkKind::kUnaligned), ElementsAre(Found(90, 3, 7)));
}

// A model in which one token is the primary wherever it stands.
FakeModel with_primary(TokenId token) {
  FakeModelOptions options;
  options.sinks = {{token, {}, 1, 10, 24, true}};
  return FakeModel(options);
}

std::vector<TokenId> letters(int n_tokens, unsigned seed) {
  std::vector<TokenId> text = fake_text(n_tokens + 1, seed);
  text.erase(text.begin());
  return text;
}

std::vector<TokenId> joined(std::initializer_list<std::vector<TokenId>> parts) {
  std::vector<TokenId> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(FakeModel, ARepeatedWordIsOneSinkTogether) {
  FakeModel model = with_primary('W');
  const Detection detection = detected(model, joined({std::vector<TokenId>(60, 'W'), letters(300, 6)}));
  ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
  EXPECT_EQ(detection.primary->position, 0);
  ASSERT_EQ(detection.groups.size(), 1U);
  const SinkGroup& group = detection.groups[0];
  ASSERT_EQ(group.members.size(), 60U);
  EXPECT_EQ(group.members.back(), 59);
  EXPECT_EQ(group.kind, SinkKind::kPrimary);
  EXPECT_EQ(group.verdict, Verdict::kSink);
  EXPECT_EQ(LayerInterval(group.l_start, group.l_end), LayerInterval(1, 10));
  EXPECT_GT(*group.mass_mean, 0.5);
  EXPECT_EQ(detection.n_sinks(), 0);
}

TEST(FakeModel, WithoutAnyOtherTokenHasNothingToCompareWith) {
  FakeModel model = with_primary('W');
  EXPECT_THAT(detected(model, std::vector<TokenId>(300, 'W')).no_primary_reason, testing::HasSubstr("repeats"));
}

TEST(FakeModel, ThePrimaryIsFoundWhereItStands) {
  FakeModel model = with_primary(kFakeBos);
  const std::vector<TokenId> bos{kFakeBos};
  const auto text = letters(250, 7);
  const auto position = [&](const std::vector<TokenId>& tokens) {
    const Detection detection = detected(model, tokens);
    return detection.primary ? detection.primary->position : -1;
  };
  EXPECT_EQ(position(joined({bos, text})), 0);
  EXPECT_EQ(position(joined({std::vector<TokenId>(32, '_'), bos, text})), 32) << "behind padding";
  EXPECT_EQ(position(joined({letters(100, 8), bos, text})), 100) << "in packed text";
  EXPECT_EQ(position(text), -1);
}

TEST(FakeModel, StatesHaveTheNormAndDirectionThatWereDictated) {
  FakeModel model(with_sinks({{'.', {}, 5, 8, 16, true}}));
  const Examined examined = std::move(examine(model, {{fake_text(200, 3, {{60, '.'}})}}).front());
  const SequenceMeasurement& m = examined.measurement;
  for (std::size_t l = 0; l < 12; ++l) {
    const bool is_sink = l >= 5 && l <= 8;
    EXPECT_EQ(std::abs(m.hidden_norm(l, 60) - 16) < 0.5, is_sink) << l << " " << m.hidden_norm(l, 60);
    EXPECT_EQ(m.alignment(l, 0, 60) > 0.98, is_sink) << l << " " << m.alignment(l, 0, 60);
    EXPECT_LT(m.hidden_norm(l, 61), 3) << l;
  }
  // The MLP makes it, along the axis, and its values are small.
  EXPECT_NEAR(m.mlp_write_norm(5, 60), 16, 1);
  const TokenProfile& token = examined.figures.tokens.at(0);
  EXPECT_EQ(token.position, 60);
  EXPECT_LT(*token.value_norm_ratio[6], 0.5);
}

TEST(FakeModel, PacksAndMicroBatchesChangeNothing) {
  const auto dictated = with_sinks({{'.', {}, 5, 8, 16, true}});
  const auto text = fake_text(150, 4, {{50, '.'}}), other = fake_text(170, 5, {{20, '.'}});
  FakeModelOptions small = dictated;
  small.n_ubatch = 7;
  FakeModel model(dictated), of_seven(small);
  const auto alone = examine(model, {{text}}), together = examine(of_seven, {{other, text}});
  const auto &a = alone[0].measurement, &b = together[1].measurement;
  for (std::size_t l = 0; l < 12; ++l) {
    for (std::size_t t = 0; t < 150; ++t) {
      ASSERT_EQ(a.hidden_norm(l, t), b.hidden_norm(l, t)) << l << " " << t;
      for (std::size_t h = 0; h < 2; ++h) {
        ASSERT_NEAR(a.attention_sum(l, h, t), b.attention_sum(l, h, t), 1e-4) << l << " " << t;
      }
    }
  }
}

TEST(FakeModel, KeepsTheInvariantsOfNetworks) {
  for (const bool parallel : {false, true}) {
    FakeModelOptions options = with_sinks({{'.', {}, 5, 8, 16, true}});
    options.parallel_blocks = parallel;
    FakeModel model(options);
    InvariantObserver observer(model.facts());
    model.run({{fake_text(100, 6, {{50, '.'}})}}, observer, {});
    EXPECT_LT(observer.worst_mass_error, 1e-5);
    EXPECT_LT(observer.worst_write_error, 1e-6);
    EXPECT_EQ(observer.attentions, 12 * 3);
    EXPECT_EQ(observer.micro_batches, 3);
    EXPECT_EQ(observer.states[ProbePoint::kMidResidual], parallel ? 0 : 12 * 3);
    EXPECT_EQ(model.lacking().size(), parallel ? 12U : 0U);
    const Detection detection = detected(model, fake_text(300, 6, {{50, '.'}}));
    EXPECT_THAT(found(detection, SinkKind::kSecondary), ElementsAre(Found(50, 5, 8))) << parallel;
  }
}

TEST(FakeModel, SinksTakeMassFromThePrimary) {
  FakeModel model(with_sinks({{'.', {}, 5, 8, 24, true}}));
  const auto text = fake_text(300, 7);
  auto dotted = text;
  for (int t = 30; t < 130; t += 10) dotted[static_cast<std::size_t>(t)] = '.';
  const auto share = [&](const std::vector<TokenId>& tokens, std::size_t block) {
    return examine(model, {{tokens}}).front().measurement.attention_sum(block, 0, 0);
  };
  EXPECT_LT(share(dotted, 7), 0.5F * share(text, 7));
  EXPECT_GT(share(dotted, 5), 0.9F * share(text, 5));  // it reads what layer 4 left
}

TEST(FakeModel, SaysWhatItIsTold) {
  FakeModelOptions options = with_sinks({{'.', {}, 5, 8, 16, true}});
  options.continuation = {'a', '.', 'b'};
  FakeModel model(options);
  const auto prompt = fake_text(100, 8);
  InvariantObserver observer(model.facts());
  std::vector<TokenId> told;
  GenerateOptions generate;
  generate.on_token = [&](TokenId token) { told.push_back(token); };
  const Generation all = model.generate(prompt, observer, generate);
  EXPECT_THAT(all.tokens, ElementsAre('a', '.', 'b'));
  EXPECT_EQ(told, all.tokens);
  EXPECT_TRUE(all.ended);
  EXPECT_EQ(observer.micro_batches, 3 + 1 + 3);  // 99 tokens of the prompt, its last, and each that was drawn
  generate.max_tokens = 2;
  const Generation two = model.generate(prompt, observer, generate);
  EXPECT_THAT(two.tokens, ElementsAre('a', '.'));
  EXPECT_FALSE(two.ended);
}

// A text that was generated and the same text given whole show the same states.
TEST(FakeModel, GeneratesWhatItWouldRead) {
  FakeModelOptions options = with_sinks({{'.', {}, 5, 8, 16, true}});
  options.continuation.assign(60, 'x');
  options.continuation[10] = '.';
  FakeModel model(options);
  auto text = fake_text(100, 9);
  Pack pack{{text}};
  pack.sequences[0].resize(160);
  PackMeter meter(model.facts(), pack, {});
  model.generate(text, meter, {});
  const auto generated = meter.take();
  text.insert(text.end(), options.continuation.begin(), options.continuation.end());
  const auto read = examine(model, {{text}});
  for (std::size_t t = 0; t < 160; ++t) {
    ASSERT_EQ(generated[0].hidden_norm(6, t), read[0].measurement.hidden_norm(6, t)) << t;
  }
}

TEST(FakeModel, RefusesWhatAModelRefuses) {
  FakeModelOptions options;
  options.max_tokens = 100;
  options.max_sequences = 2;
  FakeModel model(options);
  Observer nobody;
  const auto text = fake_text(50, 1);
  expect_error(ErrorCode::kInput, "too long", [&] { model.run({{fake_text(101, 1)}}, nobody, {}); });
  expect_error(ErrorCode::kInput, "too many", [&] { model.run({{text, text, text}}, nobody, {}); });
  expect_error(ErrorCode::kInput, "out of range", [&] { model.run({{{0, 258}}}, nobody, {}); });
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { model.run({{text}}, nobody, {.min_distance = 64, .should_stop = [] { return true; }, .edits = {}}); });
  expect_error(ErrorCode::kUsage, "a sink", [] { FakeModel(with_sinks({{'.', {}, 5, 12, 16, true}})); });
}

TEST(FakeModel, TokensAreBytes) {
  const FakeModel model;
  EXPECT_THAT(model.vocabulary().tokenize("a<s>", true), ElementsAre('a', kFakeBos));
  EXPECT_THAT(model.vocabulary().tokenize("<s>\xFF", false), ElementsAre('<', 's', '>', 255));
  EXPECT_EQ(model.vocabulary().token_bytes(255), "\xFF");
  EXPECT_EQ(model.vocabulary().token_bytes(kFakeEos), "</s>");
}

}  // namespace
}  // namespace sinkscope
