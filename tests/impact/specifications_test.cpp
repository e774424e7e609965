// What decides the figures of an edit or a cache, as text and back.
#include <gtest/gtest.h>

#include "impact/ablation_store.h"
#include "base/statistics/document_draws.h"
#include "impact/protection_store.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(EditSpecification, GoesThereAndBack) {
  AblateRequest request;
  request.selection = SinkSelection::kUnaligned;
  request.n_draws = 3;
  request.seed = 17;
  request.loss = false;
  request.thresholds.min_far_boost = 7;
  request.thresholds.censor_layers = 1;
  for (const auto& [word, layers] : {std::pair("knockout", EditedLayers::kRun), {"evict:12", EditedLayers::kRun},
                                     {"unwrite", EditedLayers::kFirst}, {"scale:0.5", EditedLayers::kRun},
                                     {"clip:50", EditedLayers::kRun}, {"clip:50", EditedLayers::kFirst}}) {
    const EditHow how = edit_how_from(word, layers);
    const AblateRequest read = request_of_specification(edit_specification(request, how));
    ASSERT_EQ(read.edits.size(), 1U);
    EXPECT_EQ(read.edits[0], how) << word;
    EXPECT_EQ(read.selection, SinkSelection::kUnaligned);
    EXPECT_FALSE(read.named);
    EXPECT_EQ(read.n_draws, 3);
    EXPECT_EQ(read.seed, 17U);
    EXPECT_FALSE(read.loss);
    EXPECT_EQ(read.thresholds, request.thresholds);
  }
  expect_error(ErrorCode::kInput, "expected the specification of an edit", [] { request_of_specification("{}"); });
}

TEST(EditSpecification, OfNamedSinksIsOfTheirPlacesAndPlacebos) {
  AblateRequest request;
  const auto with = [&](std::vector<RemovedToken> sinks, std::vector<std::vector<RemovedToken>> placebo) {
    request.named = std::map<std::string, NamedSinks>{{"aa", {std::move(sinks), std::move(placebo)}}};
    return edit_specification(request, {});
  };
  const std::string plain = with({{4, 1, 2, {}}}, {});
  EXPECT_EQ(with({{4, 1, 2, {}}}, {}), plain);
  EXPECT_NE(with({{5, 1, 2, {}}}, {}), plain);
  EXPECT_NE(with({{4, 0, 2, {}}}, {}), plain);
  EXPECT_NE(with({{4, 1, 3, {}}}, {}), plain);
  EXPECT_NE(with({{4, 1, 2, {}}}, {{{7, 1, 2, {}}}}), plain);
  EXPECT_TRUE(request_of_specification(plain).named);
}

TEST(EditSpecification, IsSharedByWaysOfRemoving) {
  AblateRequest request, other;
  other.seed = 2;
  const auto shared = [](const AblateRequest& of, const char* how) {
    return shared_specification(edit_specification(of, edit_how_from(how)));
  };
  EXPECT_EQ(shared(request, "knockout"), shared(request, "clip:3"));
  EXPECT_NE(shared(request, "knockout"), shared(other, "knockout"));
}

TEST(ProtectionSpecification, GoesThereAndBack) {
  ProtectRequest request;
  request.n_draws = 2;
  request.seed = 5;
  request.thresholds.min_layers = 3;
  const std::string text = protection_specification(request, cache_form_from("q4_0:plain"));
  const ProtectRequest read = request_of_protection(text);
  ASSERT_EQ(read.caches.size(), 1U);
  EXPECT_EQ(read.caches[0], cache_form_from("q4_0:plain"));
  EXPECT_EQ(read.n_draws, 2);
  EXPECT_EQ(read.seed, 5U);
  EXPECT_EQ(read.thresholds, request.thresholds);
  EXPECT_TRUE(is_protection(text));
  EXPECT_FALSE(is_protection(edit_specification({}, {})));
  EXPECT_FALSE(is_protection("[]"));
  EXPECT_EQ(shared_protection(text), shared_protection(protection_specification(request, cache_form_from("window:9"))));
  request.seed = 6;
  EXPECT_NE(shared_protection(text), shared_protection(protection_specification(request, cache_form_from("window:9"))));
  for (const std::string& other : {std::string("{}"), edit_specification({}, {}), std::string(R"({"cache": "q3"})")}) {
    expect_error(ErrorCode::kInput, "expected the specification of a cache", [&] { request_of_protection(other); });
  }
}

TEST(DocumentStream, IsTheKeysFirstSixteenDigits) {
  EXPECT_EQ(stream_of_document("00000000000000ff99"), 255U);
  EXPECT_EQ(stream_of_document("1f"), 31U);
  EXPECT_EQ(stream_of_document("8000000000000000"), std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace sinkscope
