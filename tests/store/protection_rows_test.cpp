// What protect keeps in a results file: there and back, resumed, merged, damaged, beside what ablate keeps.
#include "store/protection_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "store/ablated_file.h"
#include "store/ablation_rows.h"
#include "store/bytes.h"
#include "store/merge.h"
#include "store/protected_file.h"
#include "store/protection_blob.h"
#include "store/scan_file.h"
#include "store/sqlite.h"
#include "tests/store/protection_samples.h"
#include "tests/store/samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kCachedTokens = 100;
const CacheForm kBits{CacheKind::kKivi2, 0, true};
const CacheForm kWindow{CacheKind::kWindow, 20, true};

std::string specification_of(const CacheForm& cache, std::uint64_t seed = 1) {
  ProtectRequest request;
  request.seed = seed;
  return protection_specification(request, cache);
}

TEST(ProtectionSpecification, GoesThereAndBack) {
  ProtectRequest request;
  request.n_draws = 4;
  request.seed = 7;
  request.thresholds.min_norm_ratio = 3.5;
  const std::string specification = protection_specification(request, kWindow);
  EXPECT_TRUE(is_protection(specification));
  const ProtectRequest read = request_of_protection(specification);
  EXPECT_THAT(read.caches, ElementsAre(kWindow));
  EXPECT_EQ(protection_specification(read, kWindow), specification);
  EXPECT_NE(specification_of(kWindow), specification_of(kBits));
  EXPECT_EQ(shared_protection(specification_of(kWindow)), shared_protection(specification_of(kBits)));
  EXPECT_NE(shared_protection(specification_of(kBits, 1)), shared_protection(specification_of(kBits, 2)));
  EXPECT_FALSE(is_protection(edit_specification({}, {})));
  for (const char* other : {"", "[]", "{}", "{\"cache\":3}", "{\"cache\":\"q5_0\",\"draws\":1,\"seed\":1}"}) {
    expect_error(ErrorCode::kInput, "expected the specification of a cache", [&] { request_of_protection(other); });
  }
}

TEST(ProtectionBlob, GoesThereAndBack) {
  const CacheEffect effect = cache_effect(kBits, kCachedTokens);
  const auto bytes = encode_protection(effect);
  const CacheEffect read = decode_protection(bytes, kBits, kCachedTokens, "test");
  EXPECT_EQ(encode_protection(read), bytes);
  EXPECT_EQ(read.cache, kBits);
  EXPECT_EQ(read.n, 99);
  EXPECT_EQ(read.sets[1].kl, effect.sets[1].kl);
  EXPECT_EQ(read.sets.back().loss, std::nullopt);
}

TEST(ProtectionBlob, EveryChangedByteIsSeen) {
  auto bytes = encode_protection(cache_effect(kBits, kCachedTokens));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    expect_error(ErrorCode::kInput, "test is damaged",
                 [&] { decode_protection(bytes, kBits, kCachedTokens, "test"); });
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(ProtectionBlob, WhatCannotBeIsRefused) {
  const auto refused = [](const char* why, const auto& change) {
    CacheEffect effect = cache_effect(kWindow, kCachedTokens);
    change(effect);
    expect_error(ErrorCode::kInput, why,
                 [&] { decode_protection(encode_protection(effect), kWindow, kCachedTokens, "test"); });
  };
  EXPECT_EQ(cache_effect(kWindow, kCachedTokens).n, 79);
  refused("another document or cache", [](auto& effect) { effect.n = 99; });
  refused("other sets", [](auto& effect) { effect.sets.pop_back(); });
  refused("other sets", [](auto& effect) { std::swap(effect.sets[0], effect.sets[1]); });
  refused("larger than the text", [](auto& effect) { effect.sets[1].n_kept = kCachedTokens + 1; });
  refused("larger than the text", [](auto& effect) { effect.sets[1].n_kept = -1; });
  refused("one of KL and loss", [](auto& effect) { effect.sets[1].loss.reset(); });
  refused("finite", [](auto& effect) { effect.sets[1].kl = std::numeric_limits<double>::infinity(); });
}

class ProtectionRowsTest : public testing::Test {
 protected:
  ScanFile make(const std::string& name, const std::vector<int>& documents) {
    ScanFile file = ScanFile::open_or_create(folder_.file(name), model_record(), {}, program_run());
    for (const int number : documents) file.add(document_record(number, 5, kCachedTokens));
    return file;
  }
  void run_sql(const std::string& name, const char* sql) {
    Database(folder_.file(name), SQLITE_OPEN_READWRITE, name).execute(sql);
  }

  TemporaryFolder folder_;
  const CacheEffect one_ = cache_effect(kBits, kCachedTokens, 1), two_ = cache_effect(kBits, kCachedTokens, 2),
                    window_ = cache_effect(kWindow, kCachedTokens, 3);
  const std::string bits_ = specification_of(kBits), windows_ = specification_of(kWindow);
};

TEST_F(ProtectionRowsTest, StayInTheFile) {
  {
    const ScanFile file = make("a.db", {0, 1});
    ProtectionRows rows(file);
    EXPECT_FALSE(rows.find(bits_, 0)) << "no table yet";
    EXPECT_FALSE(protected_of(file));
    rows.add(0, {{bits_, &one_}, {windows_, &window_}});
    rows.add(1, {{bits_, &two_}});
    EXPECT_THROW(rows.add(1, {{windows_, &window_}, {bits_, &one_}}), Error);
    EXPECT_FALSE(rows.find(windows_, 1)) << "all or none";
  }
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  const ProtectionRows rows(file);
  EXPECT_THAT(rows.specifications(), ElementsAre(bits_, windows_));
  EXPECT_EQ(encode_protection(*rows.find(windows_, 0)), encode_protection(window_));
  EXPECT_THAT(file.verify(), IsEmpty());

  const auto found = protected_of(file);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->request.caches, ElementsAre(kBits, kWindow));
  ASSERT_EQ(found->sequences.size(), 2U);
  EXPECT_EQ(found->sequences[1].ordinal, 1);
  EXPECT_EQ(found->sequences[1].tokens.size(), static_cast<std::size_t>(kCachedTokens));
  EXPECT_EQ(found->sequences[1].caches[0].sets[1].kl, two_.sets[1].kl);
  EXPECT_EQ(found->sequences[1].caches[1].n, 0) << "not measured";
}

// A file may hold both, either first.
TEST_F(ProtectionRowsTest, AreNotTakenForAblations) {
  const std::string knockout = edit_specification({}, {});
  for (const bool protection_first : {true, false}) {
    const std::string name = protection_first ? "p.db" : "a.db";
    const ScanFile file = make(name, {0});
    const auto add_protection = [&] { ProtectionRows(file).add(0, {{bits_, &one_}}); };
    if (protection_first) add_protection();
    EXPECT_FALSE(ablated_of(file)) << "nothing was taken away";
    EffectRows(file).add(0, {{knockout, std::vector<std::byte>(30)}});
    if (!protection_first) {
      EXPECT_FALSE(protected_of(file));
      add_protection();
    }
    EXPECT_THAT(ProtectionRows(file).specifications(), ElementsAre(bits_));
    EXPECT_THAT(AblationRows(file).specifications(), ElementsAre(knockout));
    EXPECT_EQ(protected_of(file)->sequences.size(), 1U);
    EXPECT_THAT(file.verify(), ElementsAre(HasSubstr("document 0: an edit's effects is damaged")))
        << "what was put in for an ablation is none";
  }
}

TEST_F(ProtectionRowsTest, TheLastOfSeveralCommandsIsShown) {
  const ScanFile file = make("a.db", {0});
  ProtectionRows(file).add(0, {{specification_of(kBits, 2), &one_}});
  ProtectionRows(file).add(0, {{windows_, &window_}, {bits_, &two_}});
  const auto found = protected_of(file);
  EXPECT_EQ(found->request.seed, 1U);
  EXPECT_THAT(found->request.caches, ElementsAre(kWindow, kBits));
}

TEST_F(ProtectionRowsTest, VerifyNamesWhatIsDamaged) {
  {
    const ScanFile file = make("a.db", {0, 1});
    ProtectionRows(file).add(0, {{bits_, &one_}});
    ProtectionRows(file).add(1, {{bits_, &one_}});
  }
  run_sql("a.db", "UPDATE edit_effects SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE document = 1");
  EXPECT_THAT(ScanFile::open(folder_.file("a.db")).verify(),
              ElementsAre(HasSubstr("document 1: an edit's effects is damaged")));
}

TEST_F(ProtectionRowsTest, MergeTakesThemAlong) {
  {
    const ScanFile a = make("a.db", {0, 2}), b = make("b.db", {0, 1});
    ProtectionRows(a).add(0, {{bits_, &one_}});
    ProtectionRows(a).add(1, {{windows_, &window_}});
    ProtectionRows(b).add(0, {{bits_, &two_}});
    ProtectionRows(b).add(1, {{bits_, &one_}});
  }
  const auto path = [&](const char* name) { return folder_.file(name); };
  merge_results(std::vector{path("a.db"), path("b.db")}, path("ab.db"), program_run());
  merge_results(std::vector{path("b.db"), path("a.db")}, path("ba.db"), program_run());
  for (const char* name : {"ab.db", "ba.db"}) {
    const ScanFile merged = ScanFile::open(path(name));
    const ProtectionRows rows(merged);
    EXPECT_EQ(encode_protection(*rows.find(bits_, 0)), std::min(encode_protection(one_), encode_protection(two_)))
        << "of two the first as bytes";
    EXPECT_EQ(encode_protection(*rows.find(bits_, 1)), encode_protection(one_));
    EXPECT_EQ(encode_protection(*rows.find(windows_, 2)), encode_protection(window_));
    EXPECT_THAT(merged.verify(), IsEmpty());
  }
  run_sql("b.db", "UPDATE edit_effects SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE document = 1");
  expect_error(ErrorCode::kInput, "an edit's effects is damaged",
               [&] { merge_results(std::vector{path("a.db"), path("b.db")}, path("c.db"), program_run()); });
}

}  // namespace
}  // namespace sinkscope
