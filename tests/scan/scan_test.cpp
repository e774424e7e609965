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

TEST_F(Scan, ATextThatTheInputHoldsTwiceIsNoneThatWasThere) {
  TokenSpool texts;
  for (const char* name : {"a", "b", "a again", "a once more"}) texts.append(sequence(name, fake_text(90, name[0] == 'a' ? 1 : 2)));
  const ScanSummary first = scan(model_, texts, results_, options_);
  EXPECT_EQ(first.sequences, 4);
  EXPECT_EQ(first.repeated, 2);
  EXPECT_EQ(first.already_there, 0);
  ASSERT_THAT(results_.documents(), SizeIs(2));
  EXPECT_THAT(results_.documents()[0].origins, SizeIs(3));
  const ScanSummary second = scan(model_, texts, results_, options_);
  EXPECT_EQ(second.repeated, 2);
  EXPECT_EQ(second.already_there, 2);
  EXPECT_EQ(second.tokens_run, 0);
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

// A pack of which a part is there is run as a whole: its figures depend on what runs together.
TEST_F(Scan, RunsAPackOfWhichOnlyAPartIsThere) {
  TokenSpool first, both;
  first.append(sequence("a", fake_text(90, 1)));
  both.append(sequence("again", fake_text(90, 1)));
  both.append(sequence("b", fake_text(90, 2)));
  scan(model_, first, results_, options_);
  const ScanSummary summary = scan(model_, both, results_, options_);
  EXPECT_EQ(summary.already_there, 0);
  EXPECT_EQ(summary.tokens_run, 180);
  ASSERT_THAT(results_.documents(), SizeIs(2));
  EXPECT_THAT(results_.documents()[0].origins, SizeIs(2));
}

TEST_F(Scan, MeasuresByTheOptionsThatItIsGiven) {
  TokenSpool texts;
  texts.append(sequence("a", fake_text(300, 1, {{50, '.'}})));
  scan(model_, texts, results_, options_);
  EXPECT_THAT(results_.documents()[0].figures.tokens, SizeIs(1));
  ResultList others;
  options_.measurement.min_distance = 30;
  options_.measurement.floor.norm_ratio = options_.measurement.floor.unaligned_far_boost = 1000;
  options_.thresholds.min_norm_ratio = 100;
  scan(model_, texts, others, options_);
  const ScannedDocument& document = others.documents()[0];
  EXPECT_EQ(document.figures.min_distance, 30);
  EXPECT_THAT(document.figures.tokens, SizeIs(0)) << "no token is so long";
  EXPECT_FALSE(document.judgement->detection.primary);
  EXPECT_EQ(document.judgement->thresholds.min_norm_ratio, 100);
}

TEST_F(Scan, LeavesWhatIsThereOutOfItsProgress) {
  TokenSpool first;
  first.append(sequence("a", fake_text(90, 0)));
  first.append(sequence("b", fake_text(90, 1)));
  scan(model_, first, results_, options_);
  std::vector<ScanProgress> told;
  options_.on_progress = [&](const ScanProgress& progress) { told.push_back(progress); };
  const ScanSummary summary = scan(model_, five_texts(), results_, options_);
  EXPECT_EQ(summary.sequences, 5);
  EXPECT_EQ(summary.already_there, 2);
  EXPECT_EQ(summary.tokens_run, 270);
  ASSERT_THAT(told, SizeIs(4 + 1 + 2 + 1));
  for (const ScanProgress& progress : told) {
    EXPECT_EQ(progress.documents_total, 3);
    EXPECT_EQ(progress.tokens_total, 270);
  }
  EXPECT_EQ(told.back().documents_done, 3);
  EXPECT_EQ(told.back().tokens_done, 270);
}

// 70 keys show evidence; 64 find a place beside the candidates.
TEST(ScanSummaries, AddUpTheKeysThatWereNotWatched) {
  FakeModelOptions small;
  small.n_layers = 4;
  small.d_model = 8;
  small.sinks = {{'.', {}, 1, 2, 16, true}, {std::nullopt, 0, 1, 2, 24, true}};
  FakeModel model(small);
  std::map<int, TokenId> marks;
  for (int i = 0; i < 70; ++i) marks[100 + 4 * i] = '.';  // norms are compared from 64 tokens on
  TokenSpool texts;
  texts.append(sequence("a", fake_text(380, 1, marks)));
  texts.append(sequence("b", fake_text(380, 2, marks)));
  ResultList results;
  EXPECT_EQ(scan(model, texts, results, options_for(model)).watch_overflow, 2 * 6);
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
  std::vector<std::int64_t> tokens;
  for (const ScanProgress& progress : told) tokens.push_back(progress.tokens_done);
  EXPECT_THAT(tokens, ElementsAre(0, 48, 96, 144, 180, 180, 228, 276, 324, 360, 360, 408, 450));
}

TEST_F(Scan, CountsSinksOfTheJudgement) {
  TokenSpool texts;
  texts.append(sequence("a", fake_text(300, 1, {{50, '.'}, {80, '.'}})));
  std::int64_t sinks = -1;
  options_.on_progress = [&](const ScanProgress& progress) { sinks = progress.sinks; };
  scan(model_, texts, results_, options_);
  EXPECT_EQ(sinks, 2);
}

}  // namespace
}  // namespace sinkscope
