#include "scan/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/hide_keys.h"
#include "scan/measurement_options.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Sequence sequence(const std::string& file, std::vector<TokenId> tokens, int prompt_tokens = 0) {
  Sequence result;
  result.place = {file, 0, ""};
  result.tokens = std::move(tokens);
  result.prompt_tokens = prompt_tokens;
  result.bos_tokens = 1;
  return result;
}

FakeModelOptions two_together() {
  FakeModelOptions options;
  options.sinks.push_back({'.', {}, 5, 8, 16, true});
  options.max_sequences = 2;
  return options;
}

ScanOptions options_for(const Model& model) {
  ScanOptions options;
  options.measurement.n_ubatch = model.n_ubatch();
  options.measurement.parallel = model.max_sequences();
  return options;
}

// Five texts of 90 tokens: packs of two, and one alone. The third has a sink.
TokenSpool five_texts() {
  TokenSpool spool;
  for (unsigned i = 0; i < 5; ++i) {
    spool.append(sequence(std::string(1, static_cast<char>('a' + i)),
                          i == 2 ? fake_text(90, i, {{12, '.'}}) : fake_text(90, i)));
  }
  return spool;
}

class Scan : public testing::Test {
 protected:
  FakeModel model_{two_together()};
  ScanOptions options_ = options_for(model_);
  ResultList results_;
};

TEST_F(Scan, HandsOnJudgedDocuments) {
  const Sequence text = sequence("text.txt", fake_text(300, 1, {{50, '.'}}), 20);
  TokenSpool spool;
  spool.append(text);
  options_.measurement.keep = Keep::kProfiles;
  const ScanSummary summary = scan(model_, spool, results_, options_);
  EXPECT_EQ(summary.sequences, 1);
  EXPECT_EQ(summary.already_there, 0);
  EXPECT_EQ(summary.tokens_run, 300);
  ASSERT_THAT(results_.documents(), SizeIs(1));
  const ScannedDocument& document = results_.documents()[0];
  EXPECT_EQ(document.tokens, text.tokens);
  EXPECT_EQ(document.token_bytes[0], "<s>");
  EXPECT_EQ(document.token_bytes[50], ".");
  EXPECT_THAT(document.origins, ElementsAre(origin_of(text)));
  EXPECT_EQ(document.figures.prompt_tokens, 20);
  EXPECT_FALSE(document.profiles.empty());
  ASSERT_TRUE(document.judgement);
  EXPECT_EQ(document.judgement->thresholds, options_.thresholds);
  const Detection again = detect_by_evidence(document.figures, options_.thresholds);
  ASSERT_TRUE(document.judgement->detection.primary);
  EXPECT_EQ(document.judgement->detection.primary->position, again.primary->position);
  ASSERT_EQ(document.judgement->detection.runs.size(), again.runs.size());
  EXPECT_EQ(document.judgement->detection.runs.at(0).position, 50);
  EXPECT_EQ(document.judgement->detection.runs.at(0).verdict, Verdict::kSink);
}

TEST_F(Scan, OfAnEditedRunSaysSoInItsOptions) {
  TokenSpool text;
  text.append(sequence("text.txt", fake_text(300, 1, {{50, '.'}})));
  HideKeys hide(HiddenKeys{.positions = {50}, .first_layer = 1});
  options_.edits = {&hide};
  expect_error(ErrorCode::kInternal, "edits", [&] { scan(model_, text, results_, options_); });
  EXPECT_THAT(results_.documents(), SizeIs(0));
  options_.measurement.edits = description_of(options_.edits);
  scan(model_, text, results_, options_);
  ASSERT_THAT(results_.documents(), SizeIs(1));
  // The sink is hidden: its state stays, and no query sees it, so nothing is measured of its attention.
  const Detection& detection = results_.documents()[0].judgement->detection;
  EXPECT_EQ(detection.runs.at(0).position, 50);
  EXPECT_EQ(detection.runs.at(0).verdict, Verdict::kUnscored);
}

TEST_F(Scan, GoesOnWhereItWasStopped) {
  const TokenSpool texts = five_texts();
  int micro_batches = 0;
  options_.should_stop = [&] { return ++micro_batches == 6; };  // 180 tokens of 48: four, and two of the next pack
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { scan(model_, texts, results_, options_); });
  EXPECT_THAT(results_.documents(), SizeIs(2));

  options_.should_stop = {};
  const ScanSummary summary = scan(model_, texts, results_, options_);
  EXPECT_EQ(summary.already_there, 2);
  EXPECT_EQ(summary.tokens_run, 3 * 90);
  ResultList at_once;
  scan(model_, texts, at_once, options_);
  ASSERT_THAT(results_.documents(), SizeIs(5));
  for (std::size_t i = 0; i < 5; ++i) {
    const ScannedDocument &a = results_.documents()[i], &b = at_once.documents()[i];
    EXPECT_EQ(a.tokens, b.tokens) << i;
    EXPECT_EQ(a.origins, b.origins) << i;
    EXPECT_EQ(a.figures.ordinary_norm, b.figures.ordinary_norm) << i;
  }
}

TEST_F(Scan, ATextThatIsThereGetsItsOriginOnly) {
  TokenSpool first, second;
  first.append(sequence("a", fake_text(90, 1)));
  second.append(sequence("again", fake_text(90, 1)));
  scan(model_, first, results_, options_);
  const ScanSummary summary = scan(model_, second, results_, options_);
  EXPECT_EQ(summary.already_there, 1);
  EXPECT_EQ(summary.tokens_run, 0);
  ASSERT_THAT(results_.documents(), SizeIs(1));
  EXPECT_THAT(results_.documents()[0].origins, SizeIs(2));
  EXPECT_EQ(results_.documents()[0].origins[1].file, "again");
}

TEST_F(Scan, TellsHowFarItIs) {
  std::vector<ScanProgress> told;
  options_.on_progress = [&](const ScanProgress& progress) { told.push_back(progress); };
  scan(model_, five_texts(), results_, options_);
  ASSERT_THAT(told, SizeIs(4 + 1 + 4 + 1 + 2 + 1));  // each micro-batch, each pack
  std::int64_t before = 0;
  for (const ScanProgress& progress : told) {
    EXPECT_EQ(progress.documents_total, 5);
    EXPECT_EQ(progress.tokens_total, 450);
    EXPECT_GE(progress.tokens_done, before);
    before = progress.tokens_done;
  }
  EXPECT_EQ(told.back().documents_done, 5);
  EXPECT_EQ(told.back().tokens_done, 450);
}

TEST_F(Scan, CountsSinksOfTheJudgement) {
  TokenSpool texts;
  texts.append(sequence("a", fake_text(300, 1, {{50, '.'}, {80, '.'}})));
  std::int64_t sinks = -1;
  options_.on_progress = [&](const ScanProgress& progress) { sinks = progress.sinks; };
  scan(model_, texts, results_, options_);
  EXPECT_EQ(sinks, 2);
}

TEST(FarDistance, IsWhatAWindowAllows) {
  const auto of = [](int asked, int window) { return far_distance(asked, window).min_distance; };
  EXPECT_EQ(of(64, 0), 64);
  EXPECT_EQ(of(64, 512), 64);
  EXPECT_EQ(of(64, 128), 64) << "128 - 64 queries are enough";
  EXPECT_EQ(of(64, 127), 63);
  EXPECT_EQ(of(100, 127), 63);
  EXPECT_EQ(of(10, 127), 10);
  EXPECT_EQ(of(64, 65), 1);
  EXPECT_EQ(of(64, 64), 64) << "no distance is small enough";
  EXPECT_EQ(far_distance(64, 128).note, "");
  EXPECT_EQ(
      far_distance(64, 127).note,
      "blocks with the sliding window of 127 tokens have 63 queries at least 64 positions behind a key, where a far "
      "score needs 64: queries from 63 positions on are far");
  EXPECT_NE(far_distance(64, 64).note.find("have 0 queries"), std::string::npos);
  EXPECT_NE(far_distance(64, 64).note.find("they take no part in verdicts"), std::string::npos);
}

}  // namespace
}  // namespace sinkscope
