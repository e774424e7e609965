#include "scan/growing_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

using ::testing::SizeIs;

// Says 300 letters, the eleventh of them a sink.
FakeModel that_writes_a_sink() {
  FakeModelOptions options;
  options.sinks.push_back({'.', {}, 5, 8, 16, true});
  options.continuation = fake_text(301, 9, {{11, '.'}});
  options.continuation.erase(options.continuation.begin());
  return FakeModel(options);
}

TEST(GrowText, TellsOfASinkOnceAndWhetherItHeld) {
  FakeModel model = that_writes_a_sink();
  GrowOptions options;
  std::vector<ProvisionalSink> told;
  options.on_sink = [&](std::span<const TokenId> tokens, const ProvisionalSink& sink) {
    EXPECT_EQ(tokens[static_cast<std::size_t>(sink.run.position)], '.');
    told.push_back(sink);
  };
  const GrownText text = grow_text(model, fake_text(60, 1), options);
  EXPECT_EQ(text.generation.tokens, model.options().continuation);
  EXPECT_TRUE(text.generation.ended);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].run.position, 70);
  EXPECT_EQ(told[0].run.l_start, 5);
  // 64 far queries, each 64 positions later or more: from 198 tokens on. Looks are at 60, 124, 188 and 252 tokens.
  EXPECT_EQ(told[0].n_tokens, 252);
  EXPECT_EQ(text.sinks.shown, 1);
  EXPECT_EQ(text.sinks.held, 1);
}

TEST(GrowText, TellsHowManyTokensThereAre) {
  FakeModel model = that_writes_a_sink();
  GrowOptions options;
  options.generate.max_tokens = 5;
  std::vector<int> told;
  options.on_progress = [&](int n_generated, const ProvisionalCounts&) { told.push_back(n_generated); };
  const GrownText text = grow_text(model, fake_text(60, 1), options);
  EXPECT_THAT(text.generation.tokens, SizeIs(5));
  EXPECT_FALSE(text.generation.ended);
  // 59 tokens of the prompt in two micro-batches, its last token, the tokens that are run, the end.
  EXPECT_THAT(told, ::testing::ElementsAre(0, 0, 0, 1, 2, 3, 4, 5));
}

// Two sinks are told of; one token is given a state for a single layer, which is none.
TEST(GrowText, TellsOfSinksOnly) {
  FakeModelOptions made;
  made.sinks.push_back({'.', {}, 5, 8, 16, true});
  made.sinks.push_back({'!', {}, 5, 5, 16, true});
  made.continuation = fake_text(301, 9, {{11, '.'}, {21, '!'}, {31, '.'}});
  made.continuation.erase(made.continuation.begin());
  FakeModel model(made);
  std::vector<int> positions;
  std::vector<ProvisionalCounts> counted;
  GrowOptions options;
  options.on_sink = [&](std::span<const TokenId>, const ProvisionalSink& sink) {
    positions.push_back(sink.run.position);
  };
  options.on_progress = [&](int, const ProvisionalCounts& counts) { counted.push_back(counts); };
  const GrownText text = grow_text(model, fake_text(60, 1), options);
  EXPECT_THAT(positions, ::testing::ElementsAre(70, 90));
  EXPECT_EQ(text.sinks.shown, 2);
  EXPECT_EQ(text.sinks.held, 2);
  EXPECT_EQ(counted.front().shown, 0);
  EXPECT_EQ(counted.back().held, 2);
}

TEST(GrowText, StopsWhereItIsTold) {
  FakeModel model = that_writes_a_sink();
  GrowOptions options;
  options.generate.run.should_stop = [] { return true; };
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { grow_text(model, fake_text(60, 1), options); });
}

TEST(GrowText, LooksSeldomWhereLooksCostMuch) {
  EXPECT_EQ(tokens_between_looks(100), 64);
  EXPECT_EQ(tokens_between_looks(1023), 64);
  EXPECT_EQ(tokens_between_looks(1040), 65);
  EXPECT_EQ(tokens_between_looks(16000), 1000);
}

}  // namespace
}  // namespace sinkscope
