#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "report/data/csv.h"
#include "report/data/output_file.h"
#include "report/data/safetensors.h"
#include "tests/report/planted.h"
#include "tests/support/file_bytes.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::ordered_json;

// A reader of RFC 4180 that is as plain as the format.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& cell = rows.back().back();
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      rows.back().emplace_back();
    } else if (c == '\r') {
      EXPECT_EQ(text.at(++i), '\n');
      rows.push_back({""});
    } else {
      cell += c;
    }
  }
  rows.pop_back();
  return rows;
}

std::map<std::string, std::string> named(const std::vector<std::string>& head, const std::vector<std::string>& row) {
  EXPECT_EQ(head.size(), row.size());
  std::map<std::string, std::string> cells;
  for (std::size_t i = 0; i < std::min(head.size(), row.size()); ++i) cells[head[i]] = row[i];
  return cells;
}

TEST(Csv, HasOneRowARunWhateverItsVerdict) {
  std::ostringstream out;
  write_csv(planted_file(), {}, out);
  const auto rows = parse_csv(out.str());
  ASSERT_EQ(rows.size(), 6U);
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(rows[i].size(), rows[0].size()) << i;
  auto cells = named(rows[0], rows[1]);
  EXPECT_EQ(cells["kind"], "primary");
  EXPECT_EQ(cells["l_start"], "1");
  EXPECT_EQ(cells["l_end"], "10");
  EXPECT_EQ(cells["lifetime"], "10");
  EXPECT_EQ(cells["norm_ratio_median"], "50");
  EXPECT_EQ(cells["value_norm_ratio"], "0.25");
  EXPECT_EQ(cells["margin"], "");
  cells = named(rows[0], rows[2]);
  EXPECT_EQ(cells["position"], "100");
  EXPECT_EQ(cells["kind"], "secondary");
  EXPECT_EQ(cells["far_boost_median"], "30");
  EXPECT_EQ(named(rows[0], rows[4])["verdict"], "aligned_only");
  EXPECT_EQ(named(rows[0], rows[5])["verdict"], "transient");
}

TEST(Csv, UntrustedTextStaysInItsCellAndIsNoFormula) {
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), {}, program_run());
  auto record = planted_record();
  record.origins[0].id = "=cmd|' /C calc'!A0";
  file.add(record);
  std::ostringstream out;
  write_csv(file, {}, out);
  const auto rows = parse_csv(out.str());
  ASSERT_EQ(rows.size(), 6U);
  auto cells = named(rows[0], rows[3]);
  EXPECT_EQ(Json::parse(cells["text"]).get<std::string>(), "\x1b[31m\"<\xef\xbf\xbd\xef\xbf\xbd,\r\n=1+1");
  EXPECT_EQ(cells["text_bytes"], "1b5b33316d223ce4bd2c0d0a3d312b31");
  EXPECT_EQ(Json::parse(cells["id"]).get<std::string>(), record.origins[0].id);
  for (const auto& row : rows) {
    for (const auto& cell : row) {
      EXPECT_TRUE(cell.empty() || std::strchr("=+@\t\r", cell[0]) == nullptr) << cell;
    }
  }
}

// What a reader of safetensors does, by hand: length, header, arrays.
struct Tensors {
  Json header;
  std::string data;

  explicit Tensors(const std::string& file) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    header = Json::parse(file.substr(8, length));
    data = file.substr(8 + length);
    EXPECT_EQ((8 + length) % 8, 0U);
    // Arrays lie one after another, without holes, to the end: readers insist on it.
    std::size_t at = 0;
    for (const auto& item : header.items()) {
      if (item.key() == "__metadata__") continue;
      EXPECT_EQ(item.value()["data_offsets"][0], at);
      std::size_t n = 4;
      for (const auto& axis : item.value()["shape"]) n *= axis.get<std::size_t>();
      at += n;
      EXPECT_EQ(item.value()["data_offsets"][1], at);
    }
    EXPECT_EQ(at, data.size());
  }
  template <typename T>
  std::vector<T> values(const std::string& name) const {
    const auto& offsets = header.at(name).at("data_offsets");
    const auto first = offsets[0].get<std::size_t>(), last = offsets[1].get<std::size_t>();
    std::vector<T> values((last - first) / sizeof(T));
    std::memcpy(values.data(), data.data() + first, last - first);
    return values;
  }
};

std::string safetensors_of(const ScanFile& file, std::optional<std::int64_t> ordinal) {
  std::ostringstream out;
  write_safetensors(file, ordinal, out);
  return out.str();
}

std::vector<std::string> names_of(const Tensors& tensors) {
  std::vector<std::string> names;
  for (const auto& item : tensors.header.items()) names.push_back(item.key());
  return names;
}

TEST(Safetensors, HoldsTheStoredArrays) {
  const Tensors tensors(safetensors_of(planted_file(1, Keep::kProfiles), {}));
  EXPECT_THAT(names_of(tensors), ElementsAre("__metadata__", "token_ids", "hidden_norm", "visible_queries"));
  EXPECT_EQ(tensors.header["__metadata__"]["schema"], "sinkscope.profiles/1");
  for (const auto& item : tensors.header["__metadata__"].items()) EXPECT_TRUE(item.value().is_string());
  EXPECT_EQ(tensors.header["hidden_norm"]["dtype"], "F32");
  EXPECT_EQ(tensors.header["hidden_norm"]["shape"], Json::parse("[12, 400]"));
  EXPECT_EQ(tensors.header["token_ids"]["dtype"], "I32");
  EXPECT_EQ(tensors.values<TokenId>("token_ids"), planted_record().tokens);
  const auto norms = tensors.values<float>("hidden_norm");
  EXPECT_TRUE(std::isnan(norms[3]));
  for (std::size_t i = 4; i < norms.size(); ++i) {
    const float expected = static_cast<float>(i % 1000) + 0.5F;
    ASSERT_NEAR(norms[i], expected, expected * 0x1p-11F);
  }
  EXPECT_THAT(tensors.values<float>("visible_queries"), testing::Each(4099.0F));
}

TEST(Safetensors, SeveralDocumentsAreNumbered) {
  const auto file = planted_file(2, Keep::kProfiles);
  EXPECT_THAT(names_of(Tensors(safetensors_of(file, {}))),
              ElementsAre("__metadata__", "0/token_ids", "0/hidden_norm", "0/visible_queries", "1/token_ids",
                          "1/hidden_norm", "1/visible_queries"));
  EXPECT_THAT(names_of(Tensors(safetensors_of(file, 1))),
              ElementsAre("__metadata__", "token_ids", "hidden_norm", "visible_queries"));
  EXPECT_THROW(safetensors_of(file, 2), Error);
  EXPECT_THROW(safetensors_of(planted_file(), {}), Error);
}

class OutputFile : public testing::Test {
 protected:
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.file("out.json");
};

TEST_F(OutputFile, AppearsWholeOrNotAtAll) {
  write_output(path_, [](std::ostream& out) { out << "first"; });
  EXPECT_EQ(bytes_of_file(path_), "first");
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
  EXPECT_THROW(write_output(path_,
                            [](std::ostream& out) {
                              out << "half";
                              throw Error(ErrorCode::kInput, "something");
                            }),
               Error);
  EXPECT_EQ(bytes_of_file(path_), "first");
  EXPECT_THAT(files(), ElementsAre("out.json"));
  write_output(path_, [](std::ostream& out) { out << std::string(300000, 'x'); });
  EXPECT_EQ(bytes_of_file(path_).size(), 300000U);
}

TEST_F(OutputFile, SaysWhyItCannotBeWritten) {
  const auto message = [](const std::string& path, std::size_t size) -> std::string {
    try {
      write_output(path, [&](std::ostream& out) { out << std::string(size, 'x'); });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutput);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message(folder_.file("no/such/out.json"), 1), HasSubstr("No such file"));
  EXPECT_THAT(message(folder_.path(), 1), HasSubstr("Is a directory"));
  EXPECT_THAT(message("/dev/full", 1), HasSubstr("No space left"));
  EXPECT_THAT(message("/dev/full", 1 << 20), HasSubstr("No space left"));
  EXPECT_EQ(message("/dev/null", 10), "");
  EXPECT_THAT(files(), IsEmpty());
}

}  // namespace
}  // namespace sinkscope
