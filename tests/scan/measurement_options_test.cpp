#include "scan/measurement_options.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(MeasurementOptionsNames, GoThereAndBack) {
  MeasurementOptions options;
  options.min_distance = 32;
  options.bos = "of\"f\n";
  options.special = true;
  options.chunk = 512;
  options.floor.alignment = 0.65F;
  options.floor.any_norm_both_signs = true;
  options.keep = Keep::kHeads;
  const auto named = named_options(options);
  EXPECT_EQ(named_options(options_from_names(named)), named);
  EXPECT_EQ(options_from_names(named).deployment, Deployment{});
  EXPECT_EQ(options_from_names(named).floor.alignment, 0.65F);
  expect_error(ErrorCode::kInput, "chat", [&] { options_from_names(std::span(named).first(3)); });
}

TEST(MeasurementOptionsNames, SettingsAreNamedWhereTheyAreAskedFor) {
  MeasurementOptions options;
  Deployment& deployment = options.deployment;
  deployment.cache_type_k = "q8_0";
  deployment.cache_rotation = false;
  deployment.rope_scaling = "yarn";
  deployment.rope_freq_base = 1e6F;
  deployment.yarn_orig_ctx = 4096;
  deployment.override_kv = {"a.b=bool:true", "c=str:\"x\""};
  deployment.lora = {{"here.gguf", "abc", 0.5F}, {"there.gguf", "def", 1}};
  const auto named = named_options(options);
  const MeasurementOptions read = options_from_names(named);
  EXPECT_EQ(read.deployment, deployment);
  EXPECT_EQ(read.deployment.lora[0].path, "") << "a path is no part of what is measured";
  EXPECT_EQ(named_options(read), named);
  EXPECT_EQ(std::ranges::count(named, "yarn_ext_factor", &NamedOption::first), 0);
  EXPECT_EQ(settings_in_words(Deployment{}), "");
  EXPECT_EQ(settings_in_words(deployment),
            "cache_type_k=\"q8_0\", cache_rotation=false, rope_scaling=\"yarn\", rope_freq_base=1000000, "
            "yarn_orig_ctx=4096, override_kv=[\"a.b=bool:true\",\"c=str:\\\"x\\\"\"], "
            "lora=[{\"sha256\":\"abc\",\"scale\":0.5},{\"sha256\":\"def\",\"scale\":1}]");
  MeasurementOptions other = options;
  other.deployment.lora[1].scale = 2;
  ASSERT_EQ(option_differences(options, other).size(), 1U);
  EXPECT_EQ(option_differences(options, other)[0].name, "lora");
}

// Without edits the stored options are what they were before there were any.
TEST(MeasurementOptionsNames, EditsAreNamedWhereThereAreSome) {
  MeasurementOptions plain, edited;
  edited.edits = "hide keys 3 of sequence 0 in blocks 1- from distance 1";
  EXPECT_EQ(named_options(plain).back().first, "paper_positions");
  EXPECT_EQ(named_options(edited).back().first, "edits");
  EXPECT_EQ(options_from_names(named_options(edited)).edits, edited.edits);
  EXPECT_EQ(options_from_names(named_options(plain)).edits, "");
  EXPECT_TRUE(option_differences(edited, edited).empty());
  for (const auto& [a, b] : {std::pair(plain, edited), std::pair(edited, plain)}) {
    ASSERT_EQ(option_differences(a, b).size(), 1U);
    EXPECT_EQ(option_differences(a, b)[0].name, "edits");
  }
}

TEST(MeasurementOptionsNames, SayWhichOptionLacksAndWhichIsOfTheWrongKind) {
  auto named = named_options({});
  EXPECT_EQ(named.front(), NamedOption("min_distance", "64"));
  named.front().second = "\"far\"";
  expect_error(ErrorCode::kInput, "measurement option min_distance: got '\"far\"', of the wrong kind",
               [&] { options_from_names(named); });
  expect_error(ErrorCode::kInput, "measurement options: expected min_distance, got none",
               [&] { options_from_names(std::span(named).subspan(1)); });
}

TEST(MeasurementOptionsNames, EachOptionThatDiffersIsNamedWithBothValues) {
  MeasurementOptions expected, got;
  got.min_distance = 32;
  got.paper_positions = 3;
  const auto differences = option_differences(expected, got);
  ASSERT_EQ(differences.size(), 2U);
  EXPECT_EQ(differences[0].name, "min_distance");
  EXPECT_EQ(differences[0].expected, "64");
  EXPECT_EQ(differences[0].got, "32");
  EXPECT_EQ(differences[1].name, "paper_positions");
}

TEST(KeepNames, GoThereAndBack) {
  EXPECT_EQ(keep_from_name("runs"), Keep::kRuns);
  EXPECT_EQ(keep_from_name("profiles"), Keep::kProfiles);
  EXPECT_EQ(keep_from_name("heads"), Keep::kHeads);
  EXPECT_EQ(name_of(Keep::kRuns), "runs");
  EXPECT_EQ(name_of(Keep::kProfiles), "profiles");
  EXPECT_EQ(name_of(Keep::kHeads), "heads");
  expect_error(ErrorCode::kUsage, "--keep: expected runs, profiles or heads; got 'all'", [] { keep_from_name("all"); });
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
  EXPECT_NE(far_distance(64, 1).note.find("window of 1 tokens have 0 queries"), std::string::npos);
  EXPECT_NE(far_distance(64, 64).note.find("they take no part in verdicts"), std::string::npos);
}

}  // namespace
}  // namespace sinkscope
