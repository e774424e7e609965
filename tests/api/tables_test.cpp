// What data frames and notebooks are made of: tables, Arrow streams, masks, JSON, pages; losses and captures.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "api/sinkscope.h"
#include "plant/tiny/tiny.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

constexpr char kMark = '#';

std::string text_of(int n_bytes, int step) {
  std::string text;
  for (int i = 0; i < n_bytes; ++i) text += static_cast<char>('a' + (i * step + i / 7) % 26);
  text[static_cast<std::size_t>(n_bytes) / 3] = kMark;
  return text;
}

class TablesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder() = testing::TempDir() + "tables_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder());
    TinyOptions tiny;
    tiny.sinks = {{.layer = 2, .byte = static_cast<std::uint8_t>(kMark)}};
    write_tiny_model(tiny, folder() + "/tiny.gguf");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder()); }
  static std::string& folder() {
    static std::string path;
    return path;
  }
  static Scanner scanner() {
    LoadOptions load;
    load.path = folder() + "/tiny.gguf";
    load.n_ubatch = 128;
    load.runtime.n_threads = 2;
    return Scanner(load);
  }
  static std::vector<ScannedText> scanned() {
    const Scanner scan = scanner();
    return {scan.scan(text_of(300, 3), "a"), scan.scan(text_of(300, 5), "b")};
  }
};

template <typename Values>
const Values& column(const DataTable& table, const std::string& name) {
  return std::get<Values>(std::ranges::find(table.columns(), name, &DataColumn::name)->values);
}

TEST_F(TablesTest, ARowASinkThePrimaryAmongThem) {
  const std::vector<ScannedText> texts = scanned();
  const RunTable table = table_of(texts);
  ASSERT_EQ(table.n_rows(), 4U);
  EXPECT_EQ(column<DataColumn::Texts>(table, "id"), (DataColumn::Texts{"a", "a", "b", "b"}));
  EXPECT_EQ(column<DataColumn::Texts>(table, "kind"), (DataColumn::Texts{"primary", "primary_like", "primary", "primary_like"}));
  EXPECT_EQ(column<DataColumn::Integers>(table, "position"), (DataColumn::Integers{0, 101, 0, 101}));
  EXPECT_EQ(column<DataColumn::Texts>(table, "text")[1], std::string(1, kMark));
  const sinkscope::Run sink = texts[0].sinks().back();
  EXPECT_EQ(column<DataColumn::Numbers>(table, "far_boost_max")[1], sink.far_boost_max);
  EXPECT_EQ(column<DataColumn::Numbers>(table, "far_boost_max")[0], texts[0].primary()->far_boost_max);
  EXPECT_EQ(column<DataColumn::Integers>(table, "massive_channel_1")[1], sink.massive.channel_1);
  EXPECT_GT(table_of(texts, TableRows::kAllRuns).n_rows(), 3U);
}

TEST_F(TablesTest, OfAResultsFileTheSameRows) {
  const std::vector<ScannedText> texts = scanned();
  const std::string path = folder() + "/rows.scan.db";
  save(path, texts);
  const RunTable from_file = Results(path).table(), from_memory = table_of(texts);
  ASSERT_EQ(from_file.columns().size(), from_memory.columns().size());
  for (std::size_t i = 0; i < from_file.columns().size(); ++i) {
    EXPECT_EQ(from_file.columns()[i].values, from_memory.columns()[i].values) << from_file.columns()[i].name;
    EXPECT_EQ(from_file.columns()[i].is_measured, from_memory.columns()[i].is_measured);
  }
  Thresholds strict;
  strict.min_far_boost = 1e6F;
  const RunTable judged = Results(path).table(strict);
  for (const std::string& kind : column<DataColumn::Texts>(judged, "kind")) EXPECT_EQ(kind, "unaligned");
}

TEST_F(TablesTest, AnArrowStreamOutlivesItsTable) {
  ArrowArrayStream stream;
  export_arrow(std::make_shared<const RunTable>(table_of(scanned())), &stream);
  ArrowSchema schema;
  ArrowArray batch, end;
  ASSERT_EQ(stream.get_schema(&stream, &schema), 0);
  ASSERT_EQ(stream.get_next(&stream, &batch), 0);
  ASSERT_EQ(stream.get_next(&stream, &end), 0);
  EXPECT_EQ(end.release, nullptr) << "one batch";
  stream.release(&stream);
  ASSERT_EQ(schema.n_children, batch.n_children);
  EXPECT_EQ(batch.length, 4);
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    // A consumer may move a child out and release it by itself.
    ArrowArray child = *batch.children[i];
    batch.children[i]->release = nullptr;
    const std::string name = schema.children[i]->name;
    if (name == "position") {
      EXPECT_STREQ(schema.children[i]->format, "l");
      EXPECT_EQ(static_cast<const std::int64_t*>(child.buffers[1])[3], 101);
      EXPECT_EQ(child.null_count, 0);
    } else if (name == "attention_lifetime") {
      EXPECT_EQ(child.null_count, 2) << "not of primaries";
      EXPECT_EQ(static_cast<const std::uint8_t*>(child.buffers[0])[0], 0b1010);
    } else if (name == "kind") {
      const auto* offsets = static_cast<const std::int32_t*>(child.buffers[1]);
      const auto* bytes = static_cast<const char*>(child.buffers[2]);
      EXPECT_EQ(std::string(bytes + offsets[1], bytes + offsets[2]), "primary_like");
    }
    child.release(&child);
  }
  schema.release(&schema);
  batch.release(&batch);
}

TEST_F(TablesTest, Masks) {
  const ScannedText text = scanned()[0];
  const auto ones = [&](const char* what) {
    std::vector<int> positions;
    const std::vector<std::uint8_t> mask = text.mask(what);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) positions.push_back(static_cast<int>(i));
    }
    return positions;
  };
  EXPECT_EQ(ones("sinks"), (std::vector{0, 101}));
  EXPECT_EQ(ones("primary"), (std::vector{0}));
  EXPECT_EQ(ones("primary_like"), (std::vector{101}));
  EXPECT_TRUE(ones("secondary").empty());
  EXPECT_EQ(ones("eligible").size(), 173U) << "after the primary, with 64 far queries: 301 - 64 - 63 - 1";
  expect_error(ErrorCode::kUsage, "eligible", [&] { text.mask("none"); });
}

TEST_F(TablesTest, JsonAndPageInMemory) {
  const std::vector<ScannedText> texts = scanned();
  const std::string json = scan_json(texts);
  EXPECT_NE(json.find("\"sinkscope.scan/4\""), std::string::npos);
  const std::string primary = primary_json(texts[1]);
  EXPECT_NE(json.find(primary.substr(0, primary.rfind('}') + 1)), std::string::npos) << "the same object";
  EXPECT_TRUE(report_page(texts, 1 << 20).starts_with("<!doctype html>"));
  EXPECT_LT(report_page(texts, 0).size(), report_page(texts, 1 << 20).size()) << "without maps";
  const std::vector<ScannedText> unlike = {texts[0], texts[1].under(thresholds_from({{{"min_far_boost", 6}}}))};
  expect_error(ErrorCode::kUsage, "same thresholds", [&] { scan_json(unlike); });
  EXPECT_NE(levels_json(texts, {}, {}).find("sinkscope.levels/"), std::string::npos);
}

TEST_F(TablesTest, ThresholdsByName) {
  const std::vector<std::pair<std::string, double>> changes = {{"min_layers", 3}, {"min_alignment", 0.5}};
  const Thresholds thresholds = thresholds_from(changes);
  EXPECT_EQ(thresholds.min_layers, 3);
  EXPECT_EQ(thresholds.min_alignment, 0.5F);
  EXPECT_EQ(thresholds.min_far_boost, Thresholds().min_far_boost);
  expect_error(ErrorCode::kUsage, "whole number", [] { thresholds_from({{{"min_layers", 2.5}}}); });
  expect_error(ErrorCode::kUsage, "from -1 to 1", [] { thresholds_from({{{"min_alignment", NAN}}}); });
  expect_error(ErrorCode::kUsage, "min_alignment", [] { thresholds_from({{{"alignment", 0}}}); });
}

TEST_F(TablesTest, ScansUnderEdits) {
  const Scanner scan = scanner();
  std::vector<Document> documents(2);
  documents[0].body = text_of(300, 3);
  documents[1].body = text_of(200, 5);
  HideKeys hide(HiddenKeys{.positions = {0}, .first_layer = 4});
  Edit* edits[] = {&hide};
  const std::vector<ScannedText> plain = scan.scan_all(documents), edited = scan.scan_all(documents, edits);
  ASSERT_EQ(edited.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(edited[i].measured_by().edits, hide.description());
    EXPECT_EQ(edited[i].array("sink_score").at(3, 0), plain[i].array("sink_score").at(3, 0));
    EXPECT_FALSE(std::isnan(plain[i].array("far_boost").at(4, 0)));
    EXPECT_TRUE(std::isnan(edited[i].array("far_boost").at(4, 0))) << "no query sees it";
  }
  EXPECT_EQ(scan.scan_all(documents)[0].measured_by().edits, "");
}

TEST_F(TablesTest, LossesAndCaptures) {
  const Scanner scan = scanner();
  Document document;
  document.body = text_of(300, 3);
  const std::vector<TokenId> tokens = scan.tokens_of(document);
  ASSERT_EQ(tokens.size(), 301U);
  const ArrayView loss = scan.loss(tokens);
  ASSERT_EQ(loss.shape, (std::vector<std::size_t>{301}));
  EXPECT_TRUE(std::isnan(loss.values[300]));
  // The probabilities of all tokens that may come third sum to 1.
  double sum = 0;
  for (TokenId next = 0; next < kTinyVocab; ++next) {
    sum += std::exp(-double{scan.loss(std::vector<TokenId>{kTinyBos, 'a', next}).values[1]});
  }
  EXPECT_NEAR(sum, 1, 1e-3);
  // Blocks that nobody watches lie between: their sums are not looked at.
  const Captured captured[] = {{"embedding", -1}, {"block_output", 5}, {"attention_sums", 5}, {"value_norm", 2}, {"block_output", 5}};
  const std::vector<ArrayView> arrays = scan.capture(tokens, captured);
  ASSERT_EQ(arrays.size(), 5U);
  EXPECT_EQ(arrays[0].shape, (std::vector<std::size_t>{301, 64}));
  EXPECT_EQ(arrays[3].shape, (std::vector<std::size_t>{301}));
  EXPECT_EQ(arrays[1].values.data(), arrays[4].values.data());
  const ScannedText text = scan.scan_tokens(tokens);
  for (const int token : {0, 7, 300}) {
    double squares = 0;
    for (int i = 0; i < 64; ++i) squares += std::pow(double{arrays[1].at(token, i)}, 2);
    const double norm = double{text.array("hidden_norm").at(5, token)};
    EXPECT_NEAR(std::sqrt(squares), norm, 1e-4 * norm);
  }
  double total = 0;
  for (int key = 0; key < 301; ++key) total += double{arrays[2].at(1, key)};
  EXPECT_NEAR(total, 301, 0.05) << "each query gives 1";
  for (const Captured& wrong : {Captured{"block_output", 8}, Captured{"embedding", 0}, Captured{"pattern", 0}}) {
    expect_error(ErrorCode::kUsage, "capture", [&] { scan.capture(tokens, std::span(&wrong, 1)); });
  }
}

TEST(Names, OfErrorsKindsAndBytes) {
  EXPECT_EQ(name_of(ErrorCode::kInterrupted), "interrupted");
  EXPECT_EQ(sink_kind_from_name("unaligned"), SinkKind::kUnaligned);
  EXPECT_EQ(utf8_text("a\xff\xc3\xa9\xc3"), "a\uFFFD\u00e9\uFFFD");
}

}  // namespace
}  // namespace sinkscope
