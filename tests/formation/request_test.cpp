#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "formation/explain_request.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

ExplainRequest unusual() {
  ExplainRequest request;
  request.kinds = {SinkKind::kPrimaryLike};
  request.layers = {3, 22};
  request.thresholds.min_far_boost = 7.25F;
  request.options.min_excess = 1.75;
  request.options.edit_sinks = 40;
  request.options.seed = 0xFFFFFFFFFFFFFFFF;
  return request;
}

TEST(ExplainRequest, GoesThereAndBack) {
  const auto named = named_explain_options(unusual());
  const ExplainRequest read = explain_request_from_names(named);
  EXPECT_EQ(read.options, unusual().options);
  EXPECT_EQ(read.thresholds, unusual().thresholds);
  EXPECT_EQ(read.kinds, unusual().kinds);
  EXPECT_EQ(read.layers, unusual().layers);
  EXPECT_EQ(named_explain_options(read), named);
}

TEST(ExplainRequest, NamesWhatDiffers) {
  ExplainRequest other = unusual();
  EXPECT_FALSE(first_explain_difference(unusual(), other));
  other.options.edit_sinks = 8;  // more sinks are edited, more layers mapped: nothing that is there is wrong
  other.layers = {};
  EXPECT_FALSE(first_explain_difference(unusual(), other));
  other.options.seed = 2;
  EXPECT_EQ(first_explain_difference(unusual(), other)->name, "seed");
  other.thresholds.min_far_boost = 5;
  EXPECT_EQ(first_explain_difference(unusual(), other)->name, "min_far_boost");
  EXPECT_EQ(first_explain_difference(unusual(), other)->expected, "7.25");
  EXPECT_EQ(first_explain_difference(unusual(), other)->got, "5");
}

TEST(ExplainRequest, WhatIsStoredMayBeBroken) {
  auto named = named_explain_options(unusual());
  std::erase_if(named, [](const NamedOption& option) { return option.first == "n_controls"; });
  expect_error(ErrorCode::kInput, "expected n_controls, got none", [&] { explain_request_from_names(named); });
  named = named_explain_options(unusual());
  std::ranges::find(named, "n_controls", &NamedOption::first)->second = "\"many\"";
  expect_error(ErrorCode::kInput, "of the wrong kind", [&] { explain_request_from_names(named); });
  std::ranges::find(named, "n_controls", &NamedOption::first)->second = "{";
  expect_error(ErrorCode::kInput, "of the wrong kind", [&] { explain_request_from_names(named); });
}

}  // namespace
}  // namespace sinkscope
