// What ablate and protect keep in a results file: there and back, resumed, merged, damaged.
#include "store/effect_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "store/ablation_blob.h"
#include "store/ablation_rows.h"
#include "store/bytes.h"
#include "store/merge.h"
#include "store/scan_file.h"
#include "store/sqlite.h"
#include "tests/store/ablated_samples.h"
#include "tests/store/samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AblationBlob, GoesThereAndBack) {
  const auto bytes = encode_ablation(ablation());
  const SequenceAblation read = decode_ablation(bytes, kBlocks, "test");
  EXPECT_EQ(encode_ablation(read), bytes);
  EXPECT_EQ(read.removed[0].kind, SinkKind::kSecondary);
  EXPECT_FALSE(read.removed[1].kind);
  EXPECT_EQ(read.placebo.draws[0][1].position, 27);
  EXPECT_EQ(read.edited.blocks[3]->replaced_mass, 0.5);
  EXPECT_FALSE(read.edited.blocks[2]->replaced_mass);
  EXPECT_FALSE(read.edited.blocks[0]);
  EXPECT_EQ(read.edited.tokens->by_distance[5].last, std::nullopt);
  EXPECT_EQ(read.edited.downstream->n, 12);
  EXPECT_EQ(read.edited.downstream->layers[4].cosine, 0.9375);
  EXPECT_EQ(read.base[3].figures->logit, 2);
}

TEST(AblationBlob, EveryChangedByteIsSeen) {
  auto bytes = encode_ablation(ablation());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    expect_error(ErrorCode::kInput, "test is damaged", [&] { decode_ablation(bytes, kBlocks, "test"); });
    bytes[i] ^= std::byte{0x10};
  }
}

// Bytes whose checksum fits, but which were never written: an error, or something that can be written again.
TEST(AblationBlob, HostileBytesAreRefused) {
  const auto sound = encode_ablation(ablation());
  int refused = 0;
  for (std::size_t i = 0; i + 4 < sound.size(); ++i) {
    auto bytes = sound;
    bytes[i] ^= std::byte{0xFF};
    bytes.resize(bytes.size() - 4);
    ByteWriter checksum;
    checksum.write(crc32(bytes));
    bytes.insert(bytes.end(), checksum.bytes().begin(), checksum.bytes().end());
    try {
      EXPECT_EQ(encode_ablation(decode_ablation(bytes, kBlocks, "test")), bytes) << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput) << i;
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

TEST(AblationBlob, ListsThatContradictEachOtherAreRefused) {
  const auto refused = [](const char* why, const auto& change) {
    SequenceAblation one = ablation();
    change(one);
    expect_error(ErrorCode::kInput, why, [&] { decode_ablation(encode_ablation(one), kBlocks, "test"); });
  };
  refused("another model", [](auto& one) { one.edited.blocks.pop_back(); });
  refused("another model", [](auto& one) { one.base.pop_back(); });
  refused("no unedited figures", [](auto& one) { one.base[3].figures.reset(); });
  refused("nothing was removed", [](auto& one) { one.removed.clear(); });
  refused("not in the text", [](auto& one) { one.removed[0].position = kDocumentTokens; });
  refused("not in the text", [](auto& one) { one.placebo.draws[0][1].l_end = 5; });
  refused("other tokens", [](auto& one) { one.placebo.draws[0].pop_back(); });
  refused("a draw has no run", [](auto& one) { one.placebo_runs.clear(); });
  refused("others not", [](auto& one) { one.placebo_runs[0].tokens.reset(), one.placebo_runs[0].downstream.reset(); });
  refused("losses and later states", [](auto& one) { one.edited.downstream.reset(); });
  refused("later states are of another model", [](auto& one) { one.edited.downstream->layers.pop_back(); });
  refused("other distances", [](auto& one) { one.edited.tokens->by_distance.pop_back(); });
  refused("finite", [](auto& one) { one.base[2].figures->score = std::numeric_limits<double>::quiet_NaN(); });
}

class EffectRowsTest : public testing::Test {
 protected:
  ScanFile make(const std::string& name, const std::vector<int>& documents) {
    ScanFile file = ScanFile::open_or_create(folder_.file(name), model_record(), {}, program_run());
    for (const int number : documents) file.add(document_record(number));
    return file;
  }
  void run_sql(const std::string& name, const char* sql) {
    Database(folder_.file(name), SQLITE_OPEN_READWRITE, name).execute(sql);
  }

  TemporaryFolder folder_;
  const SequenceAblation one_ = ablation(1), two_ = ablation(2);
};

TEST_F(EffectRowsTest, StayInTheFile) {
  {
    const ScanFile file = make("a.db", {0, 1});
    AblationRows rows(file);
    EXPECT_FALSE(rows.find("knockout", 0)) << "no table yet";
    EXPECT_THAT(rows.specifications(), IsEmpty());
    rows.add(0, {{"knockout", &one_}, {"unwrite", &two_}});
    rows.add(1, {{"knockout", &two_}});
  }
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  const AblationRows rows(file);
  EXPECT_THAT(rows.specifications(), ElementsAre("knockout", "unwrite"));
  EXPECT_EQ(encode_ablation(*rows.find("unwrite", 0)), encode_ablation(two_));
  EXPECT_EQ(rows.find("knockout", 1)->ordinal, 1);
  EXPECT_FALSE(rows.find("unwrite", 1));
  EXPECT_FALSE(rows.find("knockout", 2));
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST_F(EffectRowsTest, AllOfADocumentsEditsOrNone) {
  const ScanFile file = make("a.db", {0});
  AblationRows rows(file);
  rows.add(0, {{"knockout", &one_}});
  EXPECT_THROW(rows.add(0, {{"unwrite", &one_}, {"knockout", &one_}}), Error);
  EXPECT_FALSE(rows.find("unwrite", 0));
}

TEST_F(EffectRowsTest, VerifyNamesWhatIsDamaged) {
  {
    const ScanFile file = make("a.db", {0, 1});
    AblationRows(file).add(0, {{"knockout", &one_}});
    AblationRows(file).add(1, {{"knockout", &one_}});
  }
  run_sql("a.db", "UPDATE edit_effects SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE document = 1");
  run_sql("a.db", "UPDATE edits SET specification = 'another'");
  EXPECT_THAT(ScanFile::open(folder_.file("a.db")).verify(),
              ElementsAre(HasSubstr("edit 1: its key is not that of its specification"),
                          HasSubstr("document 1: an edit's effects is damaged")));
  run_sql("a.db", "UPDATE documents SET n_tokens = 41");
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  expect_error(ErrorCode::kInput, "of another document", [&] { AblationRows(file).find("knockout", 0); });
}

TEST_F(EffectRowsTest, MergeTakesThemAlong) {
  {
    const ScanFile a = make("a.db", {0, 2}), b = make("b.db", {0, 1});
    AblationRows(a).add(0, {{"knockout", &one_}});
    AblationRows(a).add(1, {{"unwrite", &two_}});
    AblationRows(b).add(0, {{"knockout", &two_}});
    AblationRows(b).add(1, {{"knockout", &one_}});
  }
  make("c.db", {3});
  const auto path = [&](const char* name) { return folder_.file(name); };
  const std::vector<std::string> all = {path("a.db"), path("b.db"), path("c.db")},
                                 backwards = {all.rbegin(), all.rend()};
  merge_results(all, path("abc.db"), program_run());
  merge_results(backwards, path("cba.db"), program_run());
  const auto first = std::min(encode_ablation(one_), encode_ablation(two_));
  for (const char* name : {"abc.db", "cba.db"}) {
    const ScanFile merged = ScanFile::open(path(name));
    const AblationRows rows(merged);
    EXPECT_EQ(encode_ablation(*rows.find("knockout", 0)), first) << "of two the first as bytes";
    EXPECT_EQ(encode_ablation(*rows.find("knockout", 1)), encode_ablation(one_));
    EXPECT_EQ(encode_ablation(*rows.find("unwrite", 2)), encode_ablation(two_));
    EXPECT_FALSE(rows.find("knockout", 3));
    EXPECT_THAT(merged.verify(), IsEmpty());
  }
}

}  // namespace
}  // namespace sinkscope
