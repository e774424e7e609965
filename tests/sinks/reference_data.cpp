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

// Figures of a token as the reference gives them, without a model.
TokenProfile profile_of(const ReferenceData& data, std::size_t token) {
  const auto layers = static_cast<std::size_t>(data.n_layers);
  TokenProfile profile = empty_profile(static_cast<int>(token), data.n_layers);
  const auto column = [&](const char* name) {
    LayerFigures figures(layers);
    for (std::size_t l = 0; l < layers; ++l) figures[l] = data.arrays.at(name).at(l, token);
    return figures;
  };
  profile.far_score = column("long.far_score");
  profile.far_boost = column("long.far_boost");
  profile.norm_ratio = column("long.norm_ratio");
  profile.alignment = column("long.alignment");
  return profile;
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

SequenceFigures figures_of(const ReferenceData& data) {
  SequenceFigures figures;
  figures.n_layers = data.n_layers;
  figures.n_tokens = static_cast<int>(data.long_tokens.size());
  figures.candidate = 0;
  const auto layers = static_cast<std::size_t>(data.n_layers);
  // The reference gives the birth, not the cosines behind it: here the direction holds from there on.
  const auto birth = static_cast<std::size_t>(data.birth_layer);
  Matrix<float> holds(layers, layers, 0.0F);
  for (std::size_t a = birth; a < layers; ++a) {
    for (std::size_t b = birth; b < layers; ++b) holds(a, b) = 1;
  }
  for (int c = 0; c < kPrimaryCandidates; ++c) figures.candidates.push_back(c);
  figures.self_cosine.assign(kPrimaryCandidates, holds);
  figures.far_attention.resize(layers);
  figures.learned_share.resize(layers);
  figures.far_even.resize(layers);
  for (std::size_t t = 0; t < data.long_tokens.size(); ++t) {
    (t < kPrimaryCandidates ? figures.first_positions : figures.tokens).push_back(profile_of(data, t));
  }
  return figures;
}

}  // namespace sinkscope
