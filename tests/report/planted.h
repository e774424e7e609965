#pragma once

#include <cmath>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>

#include "report/data/json.h"
#include "tests/store/samples.h"

namespace sinkscope::testing_samples {

inline constexpr int kPlantedLayers = 12;
inline constexpr int kPlantedTokens = 400;

// A token that nothing happens to.
inline TokenProfile quiet_token(int position) {
  TokenProfile token = empty_profile(position, kPlantedLayers);
  for (auto [figures, value] : {std::pair{&token.hidden_norm, 10.0F},
                                {&token.norm_ratio, 1.0F},
                                {&token.alignment, 0.1F},
                                {&token.centred_alignment, 0.0F},
                                {&token.read_alignment, 0.1F},
                                {&token.mlp_write_norm, 1.0F},
                                {&token.mlp_write_alignment, 0.0F},
                                {&token.value_norm_ratio, 1.0F},
                                {&token.score, 0.001F},
                                {&token.score_head_max, 0.002F},
                                {&token.score_group_max, 0.002F},
                                {&token.sink_rate_02, 0.25F},
                                {&token.sink_rate_03, 0.0F},
                                {&token.attention_share, 0.001F},
                                {&token.far_score, 0.001F},
                                {&token.far_boost, 0.5F},
                                {&token.far_z, 0.0F},
                                {&token.far_spread, 0.5F},
                                {&token.heads_over_10, 0.0F}}) {
    figures->assign(kPlantedLayers, value);
  }
  token.logit_gap.assign(kPlantedLayers, std::nullopt);
  token.first_alignment.assign(3, LayerFigures(kPlantedLayers, 0.1F));
  return token;
}

// Puts a state of the given norm ratio along the primary's direction into layers [first, last], and attention of the
// given boost into the blocks that read it.
inline void plant(TokenProfile& token, int first, int last, float norm_ratio, float far_boost) {
  for (int l = first; l <= last; ++l) {
    const auto i = static_cast<std::size_t>(l);
    token.hidden_norm[i] = 10 * norm_ratio;
    token.norm_ratio[i] = norm_ratio;
    token.alignment[i] = token.centred_alignment[i] = token.read_alignment[i] = 0.97F;
    token.first_alignment[0][i] = 0.97F;
    token.value_norm_ratio[i] = 0.25F;
    token.massive_channel_1[i] = 7;
    token.massive_value_1[i] = -25 * norm_ratio;
    token.massive_ratio_1[i] = 50 * norm_ratio;
    token.massive_overlap[i] = 1;
    if (l + 1 < kPlantedLayers) {
      token.far_boost[i + 1] = far_boost;
      token.far_z[i + 1] = 3 + far_boost / 10;
      token.score[i + 1] = far_boost / 200;
      token.attention_share[i + 1] = far_boost / 500;
      token.logit_gap[i + 1] = -0.5F;
    }
  }
}

// By the evidence rule: a primary at 0, born at layer 1; a secondary sink at 100 in layers 5 to 8; a primary_like one
// at 150 from layer 2 on, censored; an aligned_only run at 200; a transient one at 250.
inline SequenceFigures planted_figures() {
  SequenceFigures figures;
  figures.n_layers = kPlantedLayers;
  figures.n_tokens = kPlantedTokens;
  figures.prompt_tokens = 20;
  figures.min_distance = 64;
  figures.candidate = 0;
  for (int t = 0; t < kPrimaryCandidates; ++t) {
    figures.first_positions.push_back(quiet_token(t));
    figures.candidates.push_back(t);
    figures.self_cosine.emplace_back(kPlantedLayers, kPlantedLayers, 1.0F);
  }
  plant(figures.first_positions[0], 1, 10, 50, 80);
  figures.first_positions[0].alignment.assign(kPlantedLayers, 1.0F);
  for (std::size_t l = 1; l < kPlantedLayers; ++l) {
    figures.self_cosine[0](0, l) = figures.self_cosine[0](l, 0) = 0.25F;
  }
  for (const auto& [position, first, last, norm_ratio, far_boost] : {std::tuple{100, 5, 8, 20.0F, 30.0F},
                                                                     {150, 2, 10, 35.0F, 40.0F},
                                                                     {200, 4, 7, 9.0F, 4.0F},
                                                                     {250, 6, 6, 9.0F, 30.0F}}) {
    figures.tokens.push_back(quiet_token(position));
    plant(figures.tokens.back(), first, last, norm_ratio, far_boost);
  }
  figures.ordinary_norm.assign(kPlantedLayers, 10.0F);
  figures.channel_median.assign(kPlantedLayers, 0.5F);
  figures.far_attention.assign(kPlantedLayers, 200.0F);
  figures.learned_share.assign(kPlantedLayers, 0.0F);
  figures.far_even.assign(kPlantedLayers, 250.0F);
  return figures;
}

// Names that try to break out of every output: quotes, escapes, line feeds, half characters, formulas.
inline const std::string kHostile = "\x1b[31m\"<\xe4\xbd,\r\n=1+1";

inline ScannedDocument planted_record(int number = 0) {
  ScannedDocument record;
  record.figures = planted_figures();
  record.figures.prompt_tokens += number;
  record.tokens = {1};
  record.token_bytes = {"<s>"};
  for (int t = 1; t < kPlantedTokens; ++t) {
    record.tokens.push_back(2 + t % 50);
    record.token_bytes.push_back(t % 50 == 0 ? kHostile : " w" + std::to_string(t % 50));
  }
  record.origins.push_back({"/some/where/essay.txt", "essay-" + std::to_string(number) + ".txt", {}, {}, 0});
  return record;
}

// [n_layers, 4 heads, n_tokens], of which head h has (h + 1) / 2.5 of the mean over heads; not measured in layer 0.
inline ProfileArray planted_by_head(const std::string& name, LayerFigures TokenProfile::* mean) {
  constexpr std::size_t kHeads = 4;
  ProfileArray array{name, {kPlantedLayers, kHeads, kPlantedTokens}, {}};
  array.values.assign(std::size_t{kPlantedLayers} * kHeads * kPlantedTokens, std::nanf(""));
  const SequenceFigures figures = planted_figures();
  for (const auto* tokens : {&figures.first_positions, &figures.tokens}) {
    for (const TokenProfile& token : *tokens) {
      for (std::size_t l = 1; l < kPlantedLayers; ++l) {
        for (std::size_t h = 0; h < kHeads; ++h) {
          array.values[(l * kHeads + h) * kPlantedTokens + static_cast<std::size_t>(token.position)] =
              *(token.*mean)[l] * static_cast<float>(h + 1) / 2.5F;
        }
      }
    }
  }
  return array;
}

inline ScanFile planted_file(int n_documents = 1, Keep keep = Keep::kRuns) {
  MeasurementOptions options;
  options.keep = keep;
  auto file = ScanFile::in_memory(model_record(kPlantedLayers), options, program_run());
  for (int i = 0; i < n_documents; ++i) {
    auto record = planted_record(i);
    if (keep != Keep::kRuns) {
      std::vector<float> norms(kPlantedLayers * kPlantedTokens);
      for (std::size_t v = 0; v < norms.size(); ++v) norms[v] = static_cast<float>(v % 1000) + 0.5F;
      norms[3] = std::nanf("");
      record.profiles.push_back({"hidden_norm", {kPlantedLayers, kPlantedTokens}, norms});
      record.profiles.push_back({"visible_queries",
                                 {kPlantedLayers, kPlantedTokens},
                                 std::vector<float>(kPlantedLayers * kPlantedTokens, 4099.0F)});
    }
    if (keep == Keep::kHeads) {
      record.profiles.push_back(planted_by_head("sink_score_by_head", &TokenProfile::score));
      record.profiles.push_back(planted_by_head("far_boost_by_head", &TokenProfile::far_boost));
    }
    file.add(record);
  }
  return file;
}

inline std::string json_of(const ScanFile& file, const ReportOptions& options = {}) {
  std::ostringstream out;
  write_json(file, options, out);
  return out.str();
}

}  // namespace sinkscope::testing_samples
