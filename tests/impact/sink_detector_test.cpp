// Detectors of a model in plain C++ whose sinks are dictated: what is true is known.
#include "impact/sink_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "impact/detected_cache.h"
#include "impact/protection_store.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 220;
constexpr int kStart = 4, kEnd = 8;  // layers of the planted sinks

class SinkDetectorTest : public testing::Test {
 protected:
  SinkDetectorTest() : model_(options()) {}

  static FakeModelOptions options() {
    FakeModelOptions options;
    options.n_layers = 10;
    options.sinks = {{std::nullopt, 0, 1, 9, 24, true}, {'#', std::nullopt, kStart, kEnd, 20, true}};
    return options;
  }

  static std::vector<int> sinks_of(std::int64_t ordinal) {
    const int i = static_cast<int>(ordinal);
    return {20 + i, 35 + 2 * i};
  }

  // late  also one too near the end for a verdict
  SequenceToAblate sequence(std::int64_t ordinal, bool late = false) {
    std::map<int, TokenId> placed;
    if (late) placed[kTokens - 20] = '#';
    for (const int position : sinks_of(ordinal)) placed[position] = '#';
    SequenceToAblate one;
    one.ordinal = ordinal;
    one.key = std::to_string(ordinal);
    one.unit = "text " + std::to_string(ordinal);
    one.tokens = fake_text(kTokens, static_cast<unsigned>(ordinal) + 1, placed);
    one.detection = examine(model_, {{one.tokens}}, {}).front().detection;
    return one;
  }

  std::vector<int> named_by(const SinkDetector& detector, const SequenceToAblate& one) {
    NamedPositions named(detector);
    model_.run({{one.tokens}}, named, {});
    return named.positions();
  }

  FakeModel model_;
};

TEST_F(SinkDetectorTest, NamesAllPlantedSinksAndNothingElse) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(sequence(i));
  const auto load = [&](std::int64_t i) { return all[static_cast<std::size_t>(i)]; };
  const TrainedDetector trained = train_detector(model_, 8, load, {});
  EXPECT_EQ(trained.n_documents, 8);
  EXPECT_EQ(trained.n_sinks, 16);
  EXPECT_EQ(trained.n_found, 16);
  EXPECT_EQ(trained.n_false, 0);
  EXPECT_EQ(trained.recall, 1.0);
  EXPECT_EQ(trained.precision, 1.0);
  ASSERT_EQ(trained.judges.size(), kDetectorParts);
  EXPECT_GE(trained.detector.layer, kStart);
  EXPECT_LE(trained.detector.layer, kEnd);

  // The axis is the one that the model was told, to within what ordinary parts of the primary's state add.
  double cosine = 0, length = 0;
  for (std::size_t d = 0; d < trained.detector.axis.size(); ++d) {
    cosine += static_cast<double>(trained.detector.axis[d]) * static_cast<double>(model_.axis()[d]);
    length += std::pow(static_cast<double>(trained.detector.axis[d]), 2);
  }
  EXPECT_NEAR(length, 1, 1e-6);
  EXPECT_GT(cosine, 0.98);

  // On a text that it has not seen; the primary is named with them.
  const SequenceToAblate fresh = sequence(12);
  EXPECT_EQ(named_by(trained.detector, fresh), (std::vector<int>{0, 32, 59}));

  // Wrong axes name nothing, in the same layer and under the same thresholds.
  SinkDetector wrong = trained.detector;
  for (float& x : wrong.axis) x = -x;
  EXPECT_TRUE(named_by(wrong, fresh).empty());
  wrong.axis = model_.other_axis();
  EXPECT_TRUE(named_by(wrong, fresh).empty());
  // Before the sinks' state begins nothing but the primary is there to be named.
  wrong = trained.detector;
  wrong.layer = kStart - 1;
  EXPECT_EQ(named_by(wrong, fresh), std::vector<int>{0});

  // A cache that keeps what is named keeps the set "primary + sinks".
  ProtectRequest request;
  request.caches = {cache_form_from("window:100")};
  request.n_draws = 1;
  KeptDetector kept{trained, {}};
  int n_added = 0;
  measure_detected(model_, 2, load, request, kept, [&] { ++n_added; });
  EXPECT_EQ(n_added, 2);
  const auto detected =
      detected_caches(kept, request.caches, [&](std::int64_t i) { return all[static_cast<std::size_t>(i)].unit; });
  ASSERT_EQ(detected.size(), 1U);
  EXPECT_EQ(detected[0].n_documents, 2);
  EXPECT_EQ(detected[0].n_kept, 3.0);
  ProtectionsInMemory store;
  double kl = 0;
  for (const SequenceProtection& one : protect(model_, 2, load, request, store)) {
    kl += *one.caches[0].sets[static_cast<std::size_t>(KeptSet::kSinks)].kl / 2;
  }
  EXPECT_NEAR(*detected[0].kl, kl, 1e-9);
}

// Chunks of a document are one: of 3 and 4 kept tokens, and 3 of another document.
TEST_F(SinkDetectorTest, CachesAreMeansOverChunksAndDocuments) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 4; ++i) all.push_back(sequence(i, i == 1));
  all[1].unit = all[0].unit;
  all[3].tokens.resize(100);  // too short for the window
  TrainedDetector trained;
  SinkDetector detector;
  detector.layer = kStart;
  detector.axis = model_.axis();
  detector.ordinary_norm = 1;
  detector.min_norm_ratio = 8;
  detector.min_cosine = 0.5;
  trained.judges.assign(kDetectorParts, detector);
  for (const SequenceToAblate& one : all) trained.part_of[one.unit] = 0;
  ProtectRequest request;
  request.caches = {cache_form_from("window:100"), cache_form_from("window:3")};
  std::vector<std::int64_t> told;
  request.on_progress = [&](std::int64_t done, std::int64_t, const std::string&) { told.push_back(done); };
  const auto load = [&](std::int64_t i) { return all[static_cast<std::size_t>(i)]; };
  const auto measured = [&] {
    KeptDetector kept{trained, {}};
    measure_detected(model_, 4, load, request, kept, [] {});
    return detected_caches(kept, request.caches, [&](std::int64_t i) { return all[static_cast<std::size_t>(i)].unit; });
  };
  const std::vector<DetectedCache> detected = measured();
  EXPECT_EQ(told, (std::vector<std::int64_t>{0, 1, 2, 3}));
  ASSERT_EQ(detected.size(), 2U);
  EXPECT_EQ(detected[0].n_documents, 2);
  EXPECT_EQ(detected[0].n_kept, (3.5 + 3) / 2);
  EXPECT_EQ(detected[1].n_documents, 0) << "three are kept: no room";
  EXPECT_FALSE(detected[1].kl);
  request.max_documents = 1;
  EXPECT_EQ(measured()[0].n_kept, 3);
}

TEST_F(SinkDetectorTest, WhatHasNoVerdictIsNoMistake) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(sequence(i, true));
  const TrainedDetector trained =
      train_detector(model_, 8, [&](std::int64_t i) { return all[static_cast<std::size_t>(i)]; }, {});
  EXPECT_EQ(trained.n_sinks, 16);
  EXPECT_EQ(trained.n_false, 0);
  EXPECT_EQ(named_by(trained.detector, all[0]), (std::vector<int>{0, 20, 35, kTokens - 20}));
}

TEST_F(SinkDetectorTest, OfFewDocumentsItSaysNothingOfItself) {
  const auto load = [&](std::int64_t i) { return sequence(i % 2); };
  ProtectRequest request;
  request.caches = {cache_form_from("window:100")};
  request.max_documents = 3;
  DetectorsInMemory store;
  const MeasuredDetector measured = measure_detector(model_, 8, load, request, store);
  EXPECT_TRUE(measured.caches.empty()) << "nobody judged";
  const TrainedDetector& trained = measured.trained;
  EXPECT_EQ(trained.n_documents, 2) << "two sequences are chunks of one document";
  EXPECT_EQ(trained.reason, "not enough: 2 documents, 8 needed");
  EXPECT_FALSE(trained.recall);
  EXPECT_FALSE(trained.precision);
  EXPECT_TRUE(trained.judges.empty());
  EXPECT_GE(trained.detector.layer, kStart);
}

// Counts what it hands out and takes; a run that is stopped leaves what was put.
class CountingStore final : public DetectorStore {
 public:
  std::optional<KeptDetector> find(const std::string& specification) const override {
    auto found = kept_.find(specification);
    if (found) found->trained.part_of.clear();  // as a file gives it back
    return found;
  }
  void put(const std::string& specification, const KeptDetector& detector) override {
    ++n_put;
    kept_.put(specification, detector);
  }
  int n_put = 0;

 private:
  DetectorsInMemory kept_;
};

TEST_F(SinkDetectorTest, WhatIsStoredIsNotMeasuredAgain) {
  std::vector<SequenceToAblate> all;
  for (int i = 0; i < 8; ++i) all.push_back(sequence(i));
  const auto load = [&](std::int64_t i) { return all[static_cast<std::size_t>(i)]; };
  ProtectRequest request;
  request.caches = {cache_form_from("window:100")};
  DetectorsInMemory undisturbed;
  const MeasuredDetector expected = measure_detector(model_, 8, load, request, undisturbed);
  ASSERT_EQ(expected.caches.size(), 1U);

  CountingStore store;
  int n_told = 0;
  request.on_progress = [&](std::int64_t done, std::int64_t, const std::string& what) {
    ++n_told;
    if (done == 3 && what == "what the detector names: sequences") throw Error(ErrorCode::kInterrupted, "stopped");
  };
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { measure_detector(model_, 8, load, request, store); });
  EXPECT_EQ(store.n_put, 1 + 3) << "the detector, and three sequences";
  EXPECT_EQ(n_told, 16 + 4);
  request.on_progress = {};
  const MeasuredDetector resumed = measure_detector(model_, 8, load, request, store);
  EXPECT_EQ(store.n_put, 1 + 8) << "five sequences more, and no detector";
  EXPECT_EQ(resumed.caches[0].kl, expected.caches[0].kl) << "bit for bit";
  EXPECT_EQ(resumed.caches[0].n_documents, 8);
  EXPECT_EQ(resumed.trained.recall, 1.0);
  EXPECT_EQ(resumed.trained.part_of, expected.trained.part_of);
  EXPECT_EQ(measure_detector(model_, 8, load, request, store).caches[0].kl, expected.caches[0].kl);
  EXPECT_EQ(store.n_put, 9);
  // One more cache is measured alone.
  request.caches.push_back(cache_form_from("window:120"));
  EXPECT_EQ(measure_detector(model_, 8, load, request, store).caches.size(), 2U);
  EXPECT_EQ(store.n_put, 9 + 8);
}

TEST_F(SinkDetectorTest, RefusesTextsWithoutSinks) {
  const auto load = [&](std::int64_t) {
    SequenceToAblate one = sequence(0);
    one.detection.runs.clear();
    return one;
  };
  expect_error(ErrorCode::kInput, "expected a sequence with sinks beside the primary", [&] { train_detector(model_, 1, load, {}); });
  const auto without = [&](std::int64_t i) {
    SequenceToAblate one = sequence(i);
    one.detection.primary.reset();
    return one;
  };
  expect_error(ErrorCode::kInput, "expected a sequence with a primary", [&] { train_detector(model_, 1, without, {}); });
}

}  // namespace
}  // namespace sinkscope
