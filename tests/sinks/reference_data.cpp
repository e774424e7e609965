#include "reference_data.h"

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sinkscope {
namespace {

std::optional<float> read_value(std::istream& in, const std::string& format) {
  unsigned char bytes[3] = {};
  in.read(reinterpret_cast<char*>(bytes), format == "f24" ? 3 : 2);
  if (!in) throw std::runtime_error("the reference file is truncated");
  const std::uint32_t code = bytes[0] | std::uint32_t{bytes[1]} << 8U | std::uint32_t{bytes[2]} << 16U;
  if (format == "f24") {
    if (code == 0x7FC000U) return std::nullopt;
    return std::bit_cast<float>(code << 8U);
  }
  if (format == "u16") {
    if (code == 0xFFFFU) return std::nullopt;
    return static_cast<float>(code) / 65534.0F;
  }
  if (code == 0x8000U) return std::nullopt;
  return static_cast<float>(static_cast<std::int16_t>(code)) / 32767.0F;
}

}  // namespace

ReferenceData read_reference(const std::string& model) {
  std::ifstream in(std::string(SINKSCOPE_TEST_DATA) + "/reference/" + model + ".bin", std::ios::binary);
  std::string line;
  if (!std::getline(in, line)) throw std::runtime_error("no reference file for " + model);
  const auto header = nlohmann::json::parse(line);
  ReferenceData data;
  data.n_layers = header["n_layers"];
  data.short_tokens = header["short_tokens"].get<std::vector<TokenId>>();
  data.long_tokens = header["long_tokens"].get<std::vector<TokenId>>();
  data.birth_layer = header["birth_layer"];
  data.active_layers = header["active_layers"].get<std::vector<std::pair<int, int>>>();
  for (const auto& run : header["runs"]) {
    data.runs.push_back({run[0], run[1], run[2], run[3], std::nullopt, std::nullopt});
    if (!run[4].is_null()) data.runs.back().kind = run[4].get<std::string>();
    if (!run[5].is_null()) data.runs.back().far_boost_median = run[5].get<float>();
  }
  for (const auto& item : header["arrays"]) {
    auto& array = data.arrays[item["name"].get<std::string>()];
    array.layers = item["layers"].get<std::vector<int>>();
    array.per_layer = 1;
    for (std::size_t i = 1; i < item["shape"].size(); ++i) array.per_layer *= item["shape"][i].get<std::size_t>();
    const std::size_t count = array.per_layer * array.layers.size();
    array.values.reserve(count);
    for (std::size_t i = 0; i < count; ++i) array.values.push_back(read_value(in, item["format"]));
  }
  return data;
}

}  // namespace sinkscope
