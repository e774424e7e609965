// Heads and detectors in a results file: there and back, resumed, merged, damaged, shown.
#include "store/detector_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "store/ablation_rows.h"
#include "store/detector_blob.h"
#include "store/head_reach_blob.h"
#include "store/head_reach_rows.h"
#include "store/merge.h"
#include "store/protected_file.h"
#include "store/protection_rows.h"
#include "store/scan_file.h"
#include "store/sqlite.h"
#include "tests/store/detector_samples.h"
#include "tests/store/protection_samples.h"
#include "tests/store/samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kReachTokens = 420;
const DetectorFile kFile{2, 5, 64};

TEST(DetectorBlob, GoesThereAndBack) {
  const KeptDetector detector = kept_detector(kFile);
  const auto bytes = encode_detector(detector);
  const KeptDetector read = decode_detector(bytes, kFile, "test");
  EXPECT_EQ(encode_detector(read), bytes);
  EXPECT_EQ(read.trained.detector.axis, detector.trained.detector.axis);
  EXPECT_EQ(read.trained.judges.size(), kDetectorParts);
  EXPECT_EQ(read.caches[0].cache, detector.caches[0].cache);
  EXPECT_EQ(read.caches[0].sequences[1].kl, std::nullopt);
}

TEST(DetectorBlob, EveryChangedByteIsSeen) {
  auto bytes = encode_detector(kept_detector(kFile));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    expect_error(ErrorCode::kInput, "test is damaged", [&] { decode_detector(bytes, kFile, "test"); });
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(DetectorBlob, WhatCannotBeIsRefused) {
  const auto refused = [](const char* why, const auto& change) {
    KeptDetector detector = kept_detector(kFile);
    change(detector);
    expect_error(ErrorCode::kInput, why, [&] { decode_detector(encode_detector(detector), kFile, "test"); });
  };
  refused("another model", [](auto& d) { d.trained.detector.layer = 5; });
  refused("another model", [](auto& d) { d.trained.judges[1].axis.pop_back(); });
  refused("other parts", [](auto& d) { d.trained.judges.pop_back(); });
  refused("other documents", [](auto& d) { d.trained.n_documents = 3; });
  refused("judged by nobody", [](auto& d) { d.trained.recall.reset(); });
  refused("from 0 to 1", [](auto& d) { d.trained.recall = 1.5; });
  refused("in no order", [](auto& d) { std::swap(d.caches[0].sequences[0], d.caches[0].sequences[1]); });
  refused("in no order", [](auto& d) { d.caches[0].sequences[1].ordinal = 2; });
  refused("one of KL and loss", [](auto& d) { d.caches[0].sequences[0].kl.reset(); });
  refused("finite", [](auto& d) { d.trained.detector.ordinary_norm = std::numeric_limits<float>::infinity(); });
}

TEST(ReachBlob, GoesThereAndBackAndIsChecked) {
  const HeadReachRequest request;
  const SequenceReach reach = sequence_reach(request, kReachTokens, 5);
  auto bytes = encode_reach(reach);
  const SequenceReach read = decode_reach(bytes, request, kReachTokens, 5, "test");
  EXPECT_EQ(read.n_queries, 100);
  EXPECT_EQ(encode_reach(read), bytes);
  expect_error(ErrorCode::kInput, "another model", [&] { decode_reach(bytes, request, kReachTokens, 6, "test"); });
  expect_error(ErrorCode::kInput, "another document", [&] { decode_reach(bytes, request, kReachTokens + 1, 5, "test"); });
  expect_error(ErrorCode::kInput, "other sizes", [&] { decode_reach(bytes, {4, 256, {}, {}, {}}, kReachTokens, 5, "test"); });
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    expect_error(ErrorCode::kInput, "test is damaged", [&] { decode_reach(bytes, request, kReachTokens, 5, "test"); });
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(Specifications, OfHeadsAndDetectors) {
  const HeadReachRequest sizes{4, 100, {}, {}, {}};
  const std::string heads = reach_specification(sizes);
  EXPECT_TRUE(is_reach(heads));
  EXPECT_EQ(request_of_reach(heads).sink_size, 4);
  EXPECT_EQ(reach_specification(request_of_reach(heads)), heads);
  EXPECT_FALSE(is_protection(heads));
  EXPECT_FALSE(is_reach(protection_specification({}, cache_form_from("kivi2"))));
  EXPECT_FALSE(is_reach(edit_specification({}, {})));
  for (const char* other : {"", "[]", "{}", "{\"sink_size\":-1,\"recent_size\":3}", "{\"sink_size\":\"x\",\"recent_size\":3}"}) {
    expect_error(ErrorCode::kInput, "expected the specification of heads", [&] { request_of_reach(other); });
  }
  ProtectRequest request;
  const std::vector<std::string> keys = {"a", "b"}, others = {"a", "c"};
  const std::string one = detector_specification(request, keys);
  EXPECT_NE(one, detector_specification(request, others));
  EXPECT_EQ(shared_detector(one), shared_detector(request));
  EXPECT_EQ(shared_detector(one), shared_detector(detector_specification(request, others)));
  request.seed = 2;
  EXPECT_NE(shared_detector(one), shared_detector(request));
  expect_error(ErrorCode::kInput, "expected the specification of a detector", [&] { shared_detector("{}"); });
}

class DetectorRowsTest : public testing::Test {
 protected:
  ScanFile make(const std::string& name, const std::vector<int>& documents) {
    ScanFile file = ScanFile::open_or_create(folder_.file(name), model_record(), {}, program_run());
    for (const int number : documents) file.add(document_record(number, 5, kReachTokens));
    return file;
  }
  KeptDetector detector_for(const ScanFile& file) const {
    return kept_detector({file.n_documents(), file.model().facts.n_layers, file.model().facts.d_model});
  }
  void run_sql(const std::string& name, const char* sql) {
    Database(folder_.file(name), SQLITE_OPEN_READWRITE, name).execute(sql);
  }

  TemporaryFolder folder_;
  const std::vector<std::string> keys_ = {"a", "b"};
};

TEST_F(DetectorRowsTest, StayInTheFileAndAreShown) {
  const std::string specification = detector_specification({}, keys_);
  {
    const ScanFile file = make("a.db", {0, 1});
    DetectorRows rows(file);
    EXPECT_FALSE(rows.find(specification)) << "no table yet";
    KeptDetector first = detector_for(file);
    first.caches.clear();
    rows.put(specification, first);
    EXPECT_TRUE(rows.find(specification)->caches.empty());
    rows.put(specification, detector_for(file));
    EXPECT_THAT(rows.specifications(), ElementsAre(specification));
  }
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  EXPECT_EQ(encode_detector(*DetectorRows(file).find(specification)), encode_detector(detector_for(file)));
  EXPECT_THAT(file.verify(), IsEmpty());
  EXPECT_FALSE(protected_of(file)) << "no cache was measured";
}

TEST_F(DetectorRowsTest, TheOneOfTheCommandIsShown) {
  const ScanFile file = make("a.db", {0, 1});
  const CacheForm bits = cache_form_from("kivi2"), window = cache_form_from("window:20");
  const CacheEffect effect = cache_effect(bits, kReachTokens), of_window = cache_effect(window, kReachTokens);
  ProtectRequest request;
  ProtectionRows(file).add(0, {{protection_specification(request, window), &of_window}, {protection_specification(request, bits), &effect}});
  EXPECT_FALSE(protected_of(file)->detector);
  DetectorRows rows(file);
  rows.put(detector_specification(request, keys_), detector_for(file));
  request.seed = 2;
  rows.put(detector_specification(request, keys_), detector_for(file));
  const auto detector = protected_of(file)->detector;
  ASSERT_TRUE(detector);
  ASSERT_EQ(detector->caches.size(), 1U) << "of the other cache it says nothing";
  EXPECT_EQ(detector->caches[0].cache, bits);
  EXPECT_EQ(detector->caches[0].n_documents, 1) << "in the other there is no room";
  EXPECT_EQ(detector->caches[0].kl, 0.25);
}

TEST_F(DetectorRowsTest, VerifyNamesWhatIsDamaged) {
  {
    const ScanFile file = make("a.db", {0, 1});
    DetectorRows(file).put(detector_specification({}, keys_), detector_for(file));
  }
  run_sql("a.db", "UPDATE detectors SET data = CAST(x'00' || substr(data, 2) AS BLOB)");
  EXPECT_THAT(ScanFile::open(folder_.file("a.db")).verify(), ElementsAre(HasSubstr("detector 1 is damaged")));
  run_sql("a.db", "UPDATE detectors SET specification = '{}'");
  EXPECT_THAT(ScanFile::open(folder_.file("a.db")).verify(),
              ElementsAre(HasSubstr("its key is not that"), HasSubstr("the specification of a detector")));
}

TEST_F(DetectorRowsTest, MergeTakesHeadsAlongAndLeavesDetectors) {
  const HeadReachRequest request;
  const std::string heads = reach_specification(request);
  {
    const ScanFile a = make("a.db", {0}), b = make("b.db", {1});
    HeadReachRows(a).add(heads, 0, sequence_reach(request, kReachTokens, 5));
    HeadReachRows(b).add(heads, 0, sequence_reach(request, kReachTokens, 5, 2));
    EXPECT_THAT(AblationRows(a).specifications(), IsEmpty());
    EXPECT_THAT(ProtectionRows(a).specifications(), IsEmpty());
    DetectorRows(a).put(detector_specification({}, keys_), kept_detector({1, 5, a.model().facts.d_model}));
  }
  const auto path = [&](const char* name) { return folder_.file(name); };
  merge_results(std::vector{path("a.db"), path("b.db")}, path("ab.db"), program_run());
  const ScanFile merged = ScanFile::open(path("ab.db"));
  EXPECT_EQ(encode_reach(*HeadReachRows(merged).find(heads, 1)), encode_reach(sequence_reach(request, kReachTokens, 5, 2)));
  EXPECT_THAT(DetectorRows(merged).specifications(), IsEmpty()) << "it is of other documents";
  EXPECT_THAT(merged.verify(), IsEmpty());
  run_sql("b.db", "UPDATE edit_effects SET data = CAST(x'00' || substr(data, 2) AS BLOB)");
  EXPECT_THAT(ScanFile::open(path("b.db")).verify(), ElementsAre(HasSubstr("document 0: an edit's effects is damaged")));
}

}  // namespace
}  // namespace sinkscope
