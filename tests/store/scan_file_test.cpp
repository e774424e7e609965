#include "store/scan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "tests/store/samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::IsEmpty;

ScanFile open_sample(const std::string& path, const MeasurementOptions& options = {}) {
  return ScanFile::open_or_create(path, model_record(), options, program_run());
}

TEST(DocumentKey, IsTheHashOfIdsAndPromptLength) {
  // printf '\x01\0\0\0\x02\x01\0\0\x05\0\0\0' | sha256sum
  Sha256 sha;
  const unsigned char bytes[] = {1, 0, 0, 0, 2, 1, 0, 0, 5, 0, 0, 0};
  sha.update(std::as_bytes(std::span(bytes)));
  const std::vector<TokenId> tokens = {1, 258};
  EXPECT_EQ(document_key(tokens, 5), sha.hex());
  EXPECT_NE(document_key(tokens, 5), document_key(tokens, 4));
}

TEST(ScanFile, GivesBackWhatItWasGiven) {
  TemporaryFolder folder;
  const auto path = folder.file("a.scan.db");
  {
    auto file = open_sample(path);
    for (int i = 0; i < 3; ++i) file.add(document_record(i));
    file.add_skipped({"corpus.jsonl", 17, "not JSON"});
    file.add_skipped({"corpus.jsonl", 17, "not JSON"});
  }
  const auto file = ScanFile::open(path);
  EXPECT_EQ(file.n_documents(), 3);
  EXPECT_EQ(file.n_tokens(), 120);
  EXPECT_EQ(file.model().facts.name, "Tiny Test");
  EXPECT_EQ(file.model().facts.path, "");
  EXPECT_EQ(file.model().facts.n_kv_heads, std::vector<int>(5, 2));
  ASSERT_EQ(file.model().lacking.size(), 1U);
  EXPECT_EQ(file.model().lacking[0].why, "the block is parallel");
  ASSERT_EQ(file.program_runs().size(), 1U);
  EXPECT_EQ(file.program_runs()[0].cpu_features, "avx2");
  ASSERT_EQ(file.skipped().size(), 1U);
  EXPECT_EQ(file.skipped()[0].line, 17);
  int number = 0;
  file.for_each_document([&](const StoredDocument& document) {
    const auto record = document_record(number);
    EXPECT_EQ(document.ordinal, number);
    EXPECT_EQ(document.tokens, record.tokens);
    EXPECT_EQ(document.key, document_key(record.tokens, record.figures.prompt_tokens));
    EXPECT_TRUE(same(document.figures, record.figures));
    ASSERT_EQ(document.origins.size(), 1U);
    EXPECT_EQ(document.origins[0].id, record.origins[0].id);
    EXPECT_EQ(document.origins[0].line, number + 1);
    EXPECT_EQ(document.origins[0].chunk, std::nullopt);
    EXPECT_EQ(file.token_bytes(document.tokens[5]), record.token_bytes[5]);
    ++number;
  });
  EXPECT_EQ(number, 3);
  EXPECT_TRUE(same(file.document(2).figures, document_record(2).figures));
  expect_error(ErrorCode::kInput, "from 0 to 2, got 3", [&] { file.document(3); });
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST(ScanFile, AFinishedFileIsOneFile) {
  TemporaryFolder folder;
  {
    open_sample(folder.file("a.scan.db")).add(document_record(0));
  }
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("a.scan.db"));
}

TEST(ScanFile, EqualTextsAreStoredOnceWithAllOrigins) {
  auto file = ScanFile::in_memory(model_record(), {}, program_run());
  auto record = document_record(1);
  file.add(record);
  record.origins[0].line = 99;
  file.add(record);
  file.add(record);
  file.add_origin(document_key(record.tokens, record.figures.prompt_tokens), {"other.txt", "other.txt", {}, 2, 512});
  EXPECT_EQ(file.n_documents(), 1);
  const auto origins = file.document(0).origins;
  ASSERT_EQ(origins.size(), 3U);
  EXPECT_EQ(origins[0].line, 2);
  EXPECT_EQ(origins[1].line, 99);
  EXPECT_EQ(origins[2].chunk, 2);
  EXPECT_EQ(origins[2].document_offset, 512);
}

TEST(ScanFile, PromptLengthMakesAnotherDocument) {
  auto file = ScanFile::in_memory(model_record(), {}, program_run());
  auto record = document_record(1);
  file.add(record);
  record.figures.prompt_tokens = 0;
  EXPECT_FALSE(file.has(document_key(record.tokens, 0)));
  file.add(record);
  EXPECT_TRUE(file.has(document_key(record.tokens, 0)));
  EXPECT_EQ(file.n_documents(), 2);
}

TEST(ScanFile, APackIsStoredWholeOrNotAtAll) {
  auto file = ScanFile::in_memory(model_record(), {}, program_run());
  std::vector<ScannedDocument> pack = {document_record(1), document_record(2)};
  pack[1].token_bytes[0] = "another";  // token 1 stands for " t1" in the first
  expect_error(ErrorCode::kInput, "token 1 ", [&] { file.add(pack); });
  EXPECT_EQ(file.n_documents(), 0);
  pack[1] = document_record(2);
  file.add(pack);
  EXPECT_EQ(file.n_documents(), 2);
}

TEST(ScanFile, RefusesRecordsThatContradictThemselves) {
  auto file = ScanFile::in_memory(model_record(), {}, program_run());
  const auto refuses = [&](auto&& spoil) {
    auto record = document_record(1);
    spoil(record);
    error_message(ErrorCode::kInternal, [&] { file.add(record); });
  };
  refuses([](auto& record) { record.origins.clear(); });
  refuses([](auto& record) { record.tokens.pop_back(); });
  refuses([](auto& record) { record.figures = sequence_figures(1, 6, 40); });
  refuses([](auto& record) { record.profiles.push_back({"score", {5, 40}, std::vector<float>(200)}); });
  EXPECT_EQ(file.n_documents(), 0);
}

TEST(ScanFile, KeepsProfiles) {
  MeasurementOptions options;
  options.keep = Keep::kHeads;
  auto file = ScanFile::in_memory(model_record(), options, program_run());
  auto record = document_record(1);
  std::vector<float> boosts(800, std::nanf(""));  // of two heads with far boosts a million apart
  for (std::size_t v = 0; v < 80; ++v) boosts[v] = (v < 40 ? 300.0F : 3e-4F) * (1 + static_cast<float>(v) / 77);
  record.profiles.push_back({"hidden_norm", {5, 40}, std::vector<float>(200, 3.0F)});
  record.profiles.push_back({"sink_score_by_head", {5, 4, 40}, std::vector<float>(800, 0.125F)});
  record.profiles.push_back({"far_boost_by_head", {5, 4, 40}, boosts});
  record.profiles.push_back({"first_token_share", {5}, std::vector<float>(5, 0.25F), false});
  record.profiles.push_back({"first_token_share_by_head", {5, 4}, std::vector<float>(20, 0.75F), false});
  file.add(record);
  const auto shapes = file.profile_shapes(0);
  ASSERT_EQ(shapes.size(), 5U);
  EXPECT_THAT(shapes[3].shape, ElementsAre(5));
  EXPECT_THAT(shapes[4].shape, ElementsAre(5, 4));
  EXPECT_EQ(file.profile(0, "first_token_share").values, record.profiles[3].values);
  EXPECT_EQ(file.profile(0, "first_token_share_by_head").values, record.profiles[4].values);
  EXPECT_THAT(shapes[0].shape, ElementsAre(5, 40));
  EXPECT_EQ(shapes[1].name, "sink_score_by_head");
  EXPECT_EQ(shapes[2].name, "far_boost_by_head");
  EXPECT_THAT(shapes[2].shape, ElementsAre(5, 4, 40));
  EXPECT_EQ(file.profile(0, "sink_score_by_head").values, record.profiles[1].values);
  const auto back = file.profile(0, "far_boost_by_head").values;
  ASSERT_EQ(back.size(), boosts.size());
  for (std::size_t v = 0; v < boosts.size(); ++v) {
    EXPECT_EQ(std::isnan(back[v]), std::isnan(boosts[v]));
    if (v < 80) {
      EXPECT_NEAR(back[v] / boosts[v], 1, std::exp2(-11)) << "each head has a scale of its own";
    }
  }
  expect_error(ErrorCode::kInput, "--keep", [&] { file.profile(0, "nothing"); });
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST(ScanFile, GoesOnWithTheSameModelAndOptionsOnly) {
  TemporaryFolder folder;
  const auto path = folder.file("a.scan.db");
  {
    open_sample(path).add(document_record(0));
  }
  {
    auto again = open_sample(path);
    EXPECT_TRUE(again.has(document_key(document_record(0).tokens, 10)));
    again.add(document_record(1));
    EXPECT_EQ(again.program_runs().size(), 2U);
  }
  auto other = model_record();
  other.sha256 = std::string(64, 'b');
  expect_error(ErrorCode::kInput, "another model; expected Tiny Test (sha256 aaaaaaaaaaaa...)",
               [&] { ScanFile::open_or_create(path, other, {}, program_run()); });
  MeasurementOptions options;
  options.n_ubatch = 256;
  expect_error(ErrorCode::kInput, "expected n_ubatch = 512, got 256", [&] { open_sample(path, options); });
  EXPECT_EQ(ScanFile::open(path).n_documents(), 2);
}

TEST(ScanFile, ManyDocumentsStreamBy) {
  auto file = ScanFile::in_memory(model_record(30), {}, program_run());
  std::vector<ScannedDocument> pack;
  for (int i = 0; i < 200; ++i) pack.push_back(document_record(i, 30));
  file.add(pack);
  std::int64_t n = 0;
  file.for_each_document([&](const StoredDocument& document) { n += document.ordinal == n ? 1 : 0; });
  EXPECT_EQ(n, 200);
}

}  // namespace
}  // namespace sinkscope
