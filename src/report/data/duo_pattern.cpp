#include "report/data/duo_pattern.h"

#include <fmt/format.h>

#include <filesystem>
#include <ostream>
#include <system_error>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/output_file.h"

namespace sinkscope {
namespace {

void check_written(std::ostream& out) {
  if (!out.flush()) throw Error(ErrorCode::kOutput, "duo: writing failed; check the free space");
}

}  // namespace

void write_duo_config(const ModelRecord& model, const HeadReach& reach, std::ostream& out) {
  JsonWriter json(out);
  json.open_object(JsonLayout::kLines).member("schema", kDuoSchema);
  json.member("model_name", model.facts.name).member("model_sha256", model.sha256);
  json.member("sink_size", reach.sink_size).member("recent_size", reach.recent_size);
  json.member("source",
              "measured, not trained: attention on keys outside the first sink_size and the last recent_size tokens, mean "
              "over queries that have such keys and over the heads of a group");
  json.member("sequences", reach.n_sequences).member("queries", reach.n_queries).close();
  check_written(out);
}

void write_duo_heads(const HeadReach& reach, std::ostream& out) {
  for (std::size_t layer = 0; layer < reach.beyond.rows(); ++layer) {
    for (std::size_t head = 0; head < reach.beyond.cols(); ++head) {
      out << (head == 0 ? "" : "\t") << fmt::format("{:.9f}", reach.beyond(layer, head));
    }
    out << '\n';
  }
  check_written(out);
}

void make_duo_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error)) {
    throw Error(ErrorCode::kOutput, fmt::format("duo: expected a folder, or the name of one that can be made, got '{}'", folder));
  }
}

void write_duo_pattern(const std::string& folder, const ModelRecord& model, const HeadReach& reach) {
  make_duo_folder(folder);
  const std::filesystem::path path(folder);
  write_output((path / kDuoConfigName).string(), [&](std::ostream& out) { write_duo_config(model, reach, out); });
  write_output((path / kDuoHeadsName).string(), [&](std::ostream& out) { write_duo_heads(reach, out); });
}

}  // namespace sinkscope
