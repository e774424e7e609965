#pragma once

#include <cstddef>
#include <optional>

#include "impact/ablation_store.h"
#include "tests/store/samples.h"

namespace sinkscope::testing_samples {

inline constexpr std::size_t kBlocks = 5;  // of the samples' model
inline constexpr int kDocumentTokens = 40;

inline EditedRun edited_run(double scale) {
  EditedRun run;
  run.detection = {0, {12}, {}};
  run.blocks.resize(kBlocks);
  for (const std::size_t b : {2UL, 3UL}) {
    BlockEffect effect;
    effect.score = scale * static_cast<double>(b);
    effect.logs = LogChanges{0.5 * scale, 0.25, 0.125, 0.125, 0.75, 0.0625};
    effect.removed_mass = -0.125;
    if (b == 3) effect.replaced_mass = 0.5;
    effect.left_out = 7;
    effect.n_primary_heads = 1;
    effect.score_by_head = {0.5, -0.25};
    run.blocks[b] = effect;
  }
  TokenEffect tokens{30, 2.5, 0.25, 0.125, {}};
  for (std::size_t d = 0; d < kDistanceRanges; ++d) {
    tokens.by_distance.push_back({static_cast<int>(d), d == 5 ? std::nullopt : std::optional(9), 3, 0.5, {}});
  }
  run.tokens = tokens;
  run.downstream = Downstream{12, {}};
  for (std::size_t b = 0; b < kBlocks; ++b) run.downstream->layers.push_back({scale / 8, 1 - scale / 16});
  return run;
}

inline SequenceAblation ablation(double scale = 1) {
  SequenceAblation one;
  one.n_tokens = kDocumentTokens;
  one.primary = 0;
  one.removed = {{20, 1, 3, SinkKind::kSecondary}, {25, 2, 4, {}}};
  one.placebo.draws = {{{18, 1, 3, {}}, {27, 2, 4, {}}}};
  one.placebo.n_wanted = 5;
  one.placebo.max_distance = 2;
  one.base.resize(kBlocks);
  for (const std::size_t b : {2UL, 3UL}) one.base[b] = {70, PrimaryFigures{0.5, -1, 2, 3, 0.25, 0.125}};
  one.edited = edited_run(scale);
  one.placebo_runs = {edited_run(0)};
  return one;
}

}  // namespace sinkscope::testing_samples
