// The lists of sinks/fields.h against what is written by hand elsewhere, and what happens when a line is added.
#include "sinks/fields.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "report/data/field_json.h"
#include "report/field_columns.h"
#include "report/data/safetensors.h"
#include "report/quantities.h"
#include "store/layer_figures.h"
#include "tests/report/planted.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string& docs() {
  static const std::string text = text_of(SINKSCOPE_SOURCE "/docs/file-formats.md");
  return text;
}

// A list as a table of docs/file-formats.md.
template <typename Fields>
std::string table_of(const Fields& fields) {
  std::string rows;
  const auto add = [&](const auto& field) {
    rows += fmt::format("| `{}` | {} | {} |\n", field.name, field.unit, field.help);
  };
  if constexpr (requires { for_each_field(fields, add); }) {
    for_each_field(fields, add);
  } else {
    for (const auto& field : fields) add(field);
  }
  return rows;
}

std::string table_of_thresholds() {
  std::string rows;
  for_each_field(kThresholdFields, [&](const auto& field) {
    rows += fmt::format("| `{}` | {} | {} |\n", field.name, Thresholds().*field.member, field.help);
  });
  return rows;
}

TEST(Fields, TheTablesOfTheDocsAreTheLists) {
  EXPECT_THAT(docs(), HasSubstr("| key of `primary` | unit | |\n|---|---|---|\n" + table_of(kPrimaryFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| key of a run | unit | |\n|---|---|---|\n" + table_of(kRunFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| key of a group | unit | |\n|---|---|---|\n" + table_of(kGroupFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| key of `margins` | unit | |\n|---|---|---|\n" + table_of(kMarginFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| key of `massive` | unit | |\n|---|---|---|\n" + table_of(kMassiveFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| key of `thresholds` | default | |\n|---|---|---|\n" + table_of_thresholds() + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| figure of a token | unit | |\n|---|---|---|\n" + table_of(kTokenFields) + "\n"));
  EXPECT_THAT(docs(),
              HasSubstr("| figure of a sequence | unit | |\n|---|---|---|\n" + table_of(kSequenceFields) + "\n"));
  EXPECT_THAT(docs(), HasSubstr("| name | unit | |\n|---|---|---|\n" + table_of(profile_fields()) + "\n"));
}

template <typename Fields>
void expect_no_name_twice(const Fields& fields) {
  std::set<std::string_view> names;
  for_each_field(fields, [&](const auto& field) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
    EXPECT_TRUE(!field.help.ends_with('.') || field.help.ends_with("...")) << field.name;
  });
}

TEST(Fields, NoNameComesTwice) {
  expect_no_name_twice(kThresholdFields);
  expect_no_name_twice(kTokenFields);
  expect_no_name_twice(kSequenceFields);
  expect_no_name_twice(kPrimaryFields);
  expect_no_name_twice(kRunFields);
  std::set<std::string_view> names;
  for (const ProfileField& field : profile_fields()) EXPECT_TRUE(names.insert(field.name).second) << field.name;
}

// Everything between the line that begins an interface and its closing brace.
std::string interface_of(const std::string& script, const std::string& head) {
  const auto first = script.find(head);
  EXPECT_NE(first, std::string::npos) << head;
  return script.substr(first, script.find("\n}", first) - first);
}

TEST(Fields, ThePageKnowsEveryOne) {
  const std::string script = text_of(SINKSCOPE_SOURCE "/web/src/data/report.ts");
  const std::string primary = interface_of(script, "export interface Primary ");
  for_each_field(kPrimaryFields,
                 [&](const auto& field) { EXPECT_THAT(primary, HasSubstr(fmt::format("\n  {}: ", field.name))); });
  const std::string massive = interface_of(script, "export interface Massive ");
  for_each_field(kMassiveFields,
                 [&](const auto& field) { EXPECT_THAT(massive, HasSubstr(fmt::format("\n  {}: ", field.name))); });
  const std::string sink = interface_of(script, "export interface Sink ");
  for_each_field(kRunFields,
                 [&](const auto& field) { EXPECT_THAT(sink, HasSubstr(fmt::format("\n  {}: ", field.name))); });
  const std::string tables = text_of(SINKSCOPE_SOURCE "/web/src/pages/methods/tables.ts");
  for_each_field(kRunFields, [&](const auto& field) {
    if constexpr (!requires { field.fields; }) {
      if (field.name != "verdict") {
        EXPECT_THAT(tables, HasSubstr(fmt::format("\"{}\"", field.name)));
      }
    }
  });
}

TEST(Quantities, ThePageHasTheSameList) {
  const std::string script = text_of(SINKSCOPE_SOURCE "/web/src/data/quantities.ts");
  std::string expected, found;
  for (const Quantity& one : quantities()) {
    expected += fmt::format("id: \"{}\", name: \"{}\", cosine: {}, unit: \"{}\", floor: {},\n", one.id, one.name,
                            one.cosine, one.unit, one.floor);
  }
  const std::regex line(R"(id: ".*)");
  for (std::sregex_iterator at(script.begin(), script.end(), line), end; at != end; ++at) found += at->str() + "\n";
  EXPECT_EQ(found, expected);
}

TEST(Quantities, EachIsAFigureOfATokenOrAProfile) {
  for (const Quantity& one : quantities()) {
    std::string_view unit = "none";
    for (const auto& field : kTokenFields) unit = field.name == one.id ? field.unit : unit;
    for (const ProfileField& field : profile_fields()) unit = field.name == one.id ? field.unit : unit;
    EXPECT_NE(unit, "none") << one.id;
    EXPECT_EQ(unit == "cosine", one.cosine) << one.id;
  }
}

// What a developer adds: a member, a line and a computation.
struct RunWithMore : Run {
  std::optional<float> zeal;
};
constexpr auto kWithMore =
    std::tuple_cat(kRunFields, std::tuple{Field{"zeal", "ratio", "how eager the token is", &RunWithMore::zeal}});

TEST(AnAddedField, IsInJson) {
  RunWithMore run;
  run.zeal = 0.5F;
  std::ostringstream out;
  JsonWriter json(out);
  json.open_object(JsonLayout::kInline);
  write_fields(json, kWithMore, run);
  json.close();
  const auto written = Json::parse(out.str());
  EXPECT_EQ(written["zeal"], 0.5);
  EXPECT_EQ(written.size(), std::tuple_size_v<decltype(kRunFields)> + 1);
}

TEST(AnAddedField, IsInTables) {
  RunWithMore run;
  run.zeal = 0.5F;
  std::string last;
  bool is_right = false;
  for_each_column(kWithMore, run, [&](const std::string& name, const auto& field, const auto& value) {
    last = name + ", " + std::string(field.unit);
    if constexpr (std::is_same_v<decltype(value), const std::optional<float>&>) is_right = value == 0.5F;
  });
  EXPECT_EQ(last, "zeal, ratio");
  EXPECT_TRUE(is_right);
}

TEST(AnAddedField, IsMissedInTheDocs) {
  EXPECT_THAT(table_of(kWithMore), HasSubstr("| `zeal` | ratio | how eager the token is |\n"));
  EXPECT_THAT(docs(), Not(HasSubstr(table_of(kWithMore))));
}

struct TokenWithMore : TokenProfile {
  LayerFigures zeal;
};

TEST(AnAddedField, IsInTheBytesOfResultsFiles) {
  constexpr std::array kFields = {
      Field{"hidden_norm", "", "", static_cast<LayerFigures TokenWithMore::*>(&TokenProfile::hidden_norm)},
      Field{"zeal", "", "", &TokenWithMore::zeal}};
  TokenWithMore token;
  token.hidden_norm = {1.0F, std::nullopt};
  token.zeal = {std::nullopt, 7.0F};
  ByteWriter writer;
  write_layer_fields(writer, token, kFields, 2);
  const auto bytes = writer.take();
  TokenWithMore read;
  ByteReader reader(bytes, "test");
  read_layer_fields(reader, 2, kFields, read);
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(read.hidden_norm, token.hidden_norm);
  EXPECT_EQ(read.zeal, token.zeal);
}

TEST(AnAddedField, IsAnArrayOfSafetensors) {
  std::vector<ProfileField> fields(profile_fields().begin(), profile_fields().end());
  fields.push_back({"zeal", "", "position times layer", ProfileAxes::kToken, [](const ProfilePlace& place) {
                      return std::optional(static_cast<float>(place.token * place.layer));
                    }});
  SequenceMeasurement measurement;
  measurement.n_layers = kPlantedLayers;
  measurement.n_tokens = kPlantedTokens;
  ScannedDocument record = planted_record();
  record.profiles = arrays_of(std::span(fields).last(1), measurement, {}, false);
  MeasurementOptions options;
  options.keep = Keep::kProfiles;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), options, program_run());
  file.add(record);
  std::ostringstream out;
  write_safetensors(file, 0, out);
  EXPECT_THAT(out.str(), HasSubstr(R"("zeal": {"dtype": "F32", "shape": [12, 400])"));
}

}  // namespace
}  // namespace sinkscope
