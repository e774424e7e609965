// What explain keeps in a results file: there and back, resumed, merged, damaged.
#include "store/explained_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "store/bytes.h"
#include "store/explanation_blob.h"
#include "store/merge.h"
#include "store/scan_file.h"
#include "store/sqlite.h"
#include "tests/store/explained_samples.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kLayers = 5;

TEST(ExplanationBlob, GoesThereAndBack) {
  for (const int n_runs : {0, 1, 3}) {
    const auto bytes = encode_explanation(sequence_explanation(1, kLayers, n_runs));
    const SequenceExplanation read = decode_explanation(bytes, kLayers, "test");
    EXPECT_EQ(encode_explanation(read), bytes);
    ASSERT_EQ(read.runs.size(), static_cast<std::size_t>(n_runs));
  }
  const SequenceExplanation read = decode_explanation(encode_explanation(sequence_explanation(1)), kLayers, "test");
  EXPECT_EQ(read.neurons_lacking, "no \xFF gate");
  const RunExplanation& run = read.runs[0];
  EXPECT_EQ(run.run.verdict, Verdict::kSink);
  EXPECT_EQ(run.controls.positions, (std::vector<int>{20, 21, 30}));
  EXPECT_EQ(run.neurons->list[1].expert, 5);
  EXPECT_FALSE(run.neurons->list[1].down_cos);
  EXPECT_EQ(run.edits[0].axis.run, (LayerInterval{2, 3}));
  EXPECT_TRUE(run.edits[1].placebo);
  EXPECT_FALSE(run.edits[1].rest);
  EXPECT_EQ(run.end.cause, EndCause::kOutgrown);
  EXPECT_FALSE(run.mlp_cos[0]);
  EXPECT_EQ(run.control_mlp(2, 4), 0.125F);
  EXPECT_TRUE(read.runs[1].cannot_be_edited);
}

TEST(MapBlob, GoesThereAndBack) {
  const auto bytes = encode_map(layer_map(3));
  const LayerMap read = decode_map(bytes, kLayers, "test");
  EXPECT_EQ(encode_map(read), bytes);
  EXPECT_EQ(read.path.half_at, 0.4);
  EXPECT_EQ(read.decision.mlp_write.auc, 0.9);
  EXPECT_FALSE(read.decision.state.auc);
}

TEST(ExplanationBlob, EveryChangedByteIsSeen) {
  auto bytes = encode_explanation(sequence_explanation(1, kLayers, 1));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] ^= std::byte{0x10};
    expect_error(ErrorCode::kInput, "test is damaged", [&] { decode_explanation(bytes, kLayers, "test"); });
    bytes[i] ^= std::byte{0x10};
  }
}

// Bytes whose checksum fits, but which were never written: an error, or something that can be written again.
TEST(ExplanationBlob, HostileBytesAreRefused) {
  const auto sound = encode_explanation(sequence_explanation(1, kLayers, 1));
  const auto with_checksum = [](std::vector<std::byte> bytes) {
    bytes.resize(bytes.size() - 4);
    ByteWriter checksum;
    checksum.write(crc32(bytes));
    bytes.insert(bytes.end(), checksum.bytes().begin(), checksum.bytes().end());
    return bytes;
  };
  int refused = 0;
  for (std::size_t i = 0; i + 4 < sound.size(); ++i) {
    for (const auto change : {std::byte{0xFF}, std::byte{0x01}}) {
      auto bytes = sound;
      bytes[i] ^= change;
      bytes = with_checksum(std::move(bytes));
      try {
        EXPECT_EQ(encode_explanation(decode_explanation(bytes, kLayers, "test")), bytes) << i;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInput) << i;
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 200);
  for (const std::size_t length : {0UL, 3UL, 4UL, 9UL, sound.size() / 2}) {
    auto bytes = sound;
    bytes.resize(length);
    expect_error(ErrorCode::kInput, "damaged", [&] { decode_explanation(bytes, kLayers, "test"); });
  }
}

TEST(ExplanationBlob, ListsThatContradictEachOtherAreRefused) {
  const auto refused = [](const char* why, const auto& change) {
    SequenceExplanation one = sequence_explanation(1, kLayers, 1);
    change(one);
    expect_error(ErrorCode::kInput, why, [&] { decode_explanation(encode_explanation(one), kLayers, "test"); });
  };
  refused("another number of layers", [](auto& one) { one.sees_all.pop_back(); });
  refused("another number of layers", [](auto& one) { one.runs[0].mlp_axis.pop_back(); });
  refused("outside the text", [](auto& one) { one.runs[0].run.position = 40; });
  refused("not of this model", [](auto& one) { one.runs[0].run.l_end = 5; });
  refused("not of this model", [](auto& one) { one.runs[0].l_peak = -1; });
  refused("outside the text", [](auto& one) { one.runs[0].controls.positions.back() = 40; });
  refused("contradict", [](auto& one) { one.runs[0].controls.positions.pop_back(); });
  refused("contradict", [](auto& one) { one.runs[0].peak->excess.mlp.pop_back(); });
  refused("contradict", [](auto& one) { one.runs[0].start->largest.clear(); });
  refused("finite", [](auto& one) { one.runs[0].mlp_axis[2] = std::numeric_limits<float>::quiet_NaN(); });
  LayerMap map = layer_map(5);
  expect_error(ErrorCode::kInput, "not of this model", [&] { decode_map(encode_map(map), kLayers, "test"); });
  map = layer_map(1);
  map.directions[0].cos.pop_back();
  expect_error(ErrorCode::kInput, "other scales", [&] { decode_map(encode_map(map), kLayers, "test"); });
}

class Rows : public testing::Test {
 protected:
  ScanFile make(const std::string& name, const std::vector<int>& documents) {
    ScanFile file = ScanFile::open_or_create(folder_.file(name), model_record(), {}, program_run());
    for (const int number : documents) file.add(document_record(number));
    return file;
  }
  // One that explain has been through.
  void explained(const std::string& name, const std::vector<int>& documents, const std::vector<LayerMap>& maps,
                 const ExplainRequest& request = {}) {
    const ScanFile file = make(name, documents);
    ExplainedRows rows(file);
    rows.begin(request);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      SequenceExplanation one = sequence_explanation(static_cast<unsigned>(documents[i]));
      one.ordinal = static_cast<std::int64_t>(i);
      rows.add(one);
    }
    rows.set_maps(maps);
  }
  void run_sql(const std::string& name, const char* sql) {
    Database(folder_.file(name), SQLITE_OPEN_READWRITE, name).execute(sql);
  }
  std::vector<std::byte> row(const ScanFile& file, std::int64_t ordinal) {
    return encode_explanation(*ExplainedRows(file).find(ordinal));
  }

  TemporaryFolder folder_;
};

TEST_F(Rows, StayInTheFile) {
  explained("a.db", {0, 1}, {layer_map(2), layer_map(3)});
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  const ExplainedRows rows(file);
  EXPECT_FALSE(first_explain_difference(*rows.request(), {}));
  EXPECT_EQ(rows.n_sequences(), 2);
  EXPECT_EQ(rows.find(1)->ordinal, 1);
  EXPECT_EQ(row(file, 1), encode_explanation(sequence_explanation(1)));
  EXPECT_FALSE(rows.find(2));
  ASSERT_EQ(rows.maps().size(), 2U);
  EXPECT_EQ(rows.maps()[1].layer, 3);
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST_F(Rows, AFileThatWasNotExplainedHasNone) {
  const ScanFile file = make("a.db", {0});
  EXPECT_FALSE(ExplainedRows(file).request());
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST_F(Rows, ANewSequenceMakesMapsForgotten) {
  explained("a.db", {0}, {layer_map(2)});
  const ScanFile file = make("a.db", {1});
  ExplainedRows rows(file);
  EXPECT_EQ(rows.maps().size(), 1U);
  SequenceExplanation edited = *rows.find(0);
  edited.runs[0].edits.clear();
  rows.replace(edited);  // edits change no map
  EXPECT_EQ(rows.maps().size(), 1U);
  EXPECT_TRUE(rows.find(0)->runs[0].edits.empty());
  rows.add(sequence_explanation(1));
  EXPECT_TRUE(rows.maps().empty());
}

TEST_F(Rows, OtherOptionsMeasureAgain) {
  explained("a.db", {0}, {layer_map(2)});
  const ScanFile file = make("a.db", {});
  ExplainedRows rows(file);
  ExplainRequest more;
  more.options.edit_sinks = 50;
  more.layers = {4};
  EXPECT_FALSE(rows.begin(more));
  EXPECT_EQ(rows.n_sequences(), 1);
  EXPECT_EQ(rows.request()->layers, std::vector<int>{4});
  ExplainRequest other;
  other.options.seed = 2;
  EXPECT_EQ(rows.begin(other)->name, "seed");
  EXPECT_EQ(rows.n_sequences(), 0);
  EXPECT_TRUE(rows.maps().empty());
  EXPECT_EQ(rows.request()->options.seed, 2U);
}

TEST_F(Rows, VerifyNamesWhatIsDamaged) {
  explained("a.db", {0, 1}, {layer_map(2)});
  run_sql("a.db", "UPDATE explanations SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE document = 1");
  run_sql("a.db", "UPDATE maps SET data = x'00'");
  run_sql("a.db", "DELETE FROM explain_options WHERE name = 'seed'");
  EXPECT_THAT(ScanFile::open(folder_.file("a.db")).verify(),
              ElementsAre(HasSubstr("expected seed, got none"), HasSubstr("document 1: its explanation is damaged"),
                          HasSubstr("map 1 is damaged")));
}

TEST_F(Rows, ARowOfAnotherDocumentIsRefused) {
  explained("a.db", {0}, {});
  run_sql("a.db", "UPDATE documents SET n_tokens = 41");
  const ScanFile file = ScanFile::open(folder_.file("a.db"));
  expect_error(ErrorCode::kInput, "of another document", [&] { ExplainedRows(file).find(0); });
}

TEST_F(Rows, MergeTakesThemAlong) {
  explained("a.db", {0, 2}, {layer_map(2)});
  explained("b.db", {1}, {layer_map(3)});
  make("c.db", {3});
  const auto path = [&](const char* name) { return folder_.file(name); };
  const std::vector<std::string> all = {path("a.db"), path("b.db"), path("c.db")},
                                 backwards = {all.rbegin(), all.rend()};
  merge_results(all, path("abc.db"), program_run());
  merge_results(backwards, path("cba.db"), program_run());
  merge_results(std::vector{path("a.db"), path("c.db")}, path("ac.db"), program_run());
  for (const char* name : {"abc.db", "cba.db"}) {
    const ScanFile merged = ScanFile::open(path(name));
    const ExplainedRows rows(merged);
    EXPECT_EQ(rows.n_sequences(), 3);
    for (const unsigned number : {0U, 1U, 2U}) {
      EXPECT_EQ(row(merged, number), encode_explanation(sequence_explanation(number))) << number;
    }
    EXPECT_FALSE(rows.find(3));
    EXPECT_TRUE(rows.maps().empty());  // no map is of all their sinks
    EXPECT_THAT(merged.verify(), IsEmpty());
  }
  const ScanFile one_explained = ScanFile::open(path("ac.db"));
  EXPECT_EQ(ExplainedRows(one_explained).maps().size(), 1U);
}

TEST_F(Rows, MergeKeepsTheFullerOfTwo) {
  explained("a.db", {0}, {layer_map(2)});
  explained("b.db", {0}, {layer_map(2)});
  {
    const ScanFile file = make("a.db", {});
    SequenceExplanation bare = sequence_explanation(0);
    bare.runs[0].edits.clear();
    ExplainedRows(file).replace(bare);
  }
  const std::string a = folder_.file("a.db"), b = folder_.file("b.db");
  merge_results(std::vector{a, b}, folder_.file("ab.db"), program_run());
  merge_results(std::vector{b, a}, folder_.file("ba.db"), program_run());
  for (const char* name : {"ab.db", "ba.db"}) {
    const ScanFile merged = ScanFile::open(folder_.file(name));
    EXPECT_EQ(row(merged, 0), encode_explanation(sequence_explanation(0)));
    EXPECT_EQ(ExplainedRows(merged).maps().size(), 1U);  // the same in both
  }
}

TEST_F(Rows, MergeRefusesOtherOptions) {
  ExplainRequest other;
  other.kinds = {SinkKind::kSecondary};
  explained("a.db", {0}, {});
  explained("b.db", {1}, {}, other);
  const std::vector<std::string> both = {folder_.file("a.db"), folder_.file("b.db")};
  expect_error(ErrorCode::kInput, "explained with other options",
               [&] { merge_results(both, folder_.file("ab.db"), program_run()); });
}

}  // namespace
}  // namespace sinkscope
