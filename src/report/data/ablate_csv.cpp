#include "report/data/ablate_csv.h"

#include <ostream>

#include "base/error.h"
#include "report/data/csv_row.h"
#include "report/data/number_json.h"

namespace sinkscope {
namespace {

constexpr std::string_view kColumns =
    "sequence,id,chunk,document,how,layers,block,queries,base_score,run,draw,score,competition_score,log_a,own_logit,"
    "competition,other_keys,log_odds,removed_mass,replaced_mass,left_out\r\n";

// A run's row; draw: nothing for the run without sinks.
CsvRow effect_row(const SequenceAblation& sequence, const EditHow& how, std::size_t block, std::optional<int> draw,
                  const BlockEffect& effect) {
  const BlockBase& base = sequence.base[block];
  CsvRow row;
  row.cell(sequence.ordinal).cell(std::string_view(name_cell(sequence.id))).cell(sequence.chunk);
  row.cell(std::string_view(sequence.key)).cell(std::string_view(word_of(how)));
  row.cell(std::string_view(how.hides() ? "blocks" : how.layers == EditedLayers::kFirst ? "first" : "run"));
  row.cell(static_cast<std::int64_t>(block)).cell(base.n_queries);
  row.cell(base.figures ? std::optional(number(base.figures->score)) : std::nullopt);
  row.cell(std::string_view(draw ? "placebo" : "removed")).cell(draw).cell(number(effect.score));
  const auto log_cell = [&](double LogChanges::*member) {
    row.cell(effect.logs ? std::optional(number(*effect.logs.*member)) : std::nullopt);
  };
  log_cell(&LogChanges::competition_score);
  log_cell(&LogChanges::log_a);
  log_cell(&LogChanges::own_logit);
  log_cell(&LogChanges::competition);
  log_cell(&LogChanges::other_keys);
  log_cell(&LogChanges::log_odds);
  row.cell(number(effect.removed_mass)).cell(number(effect.replaced_mass)).cell(effect.left_out);
  return row;
}

}  // namespace

void write_ablate_csv(const Ablation& ablation, const AblateRequest& request, std::ostream& out) {
  out << kColumns;
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    for (const SequenceAblation& sequence : ablation.edits[i]) {
      for (std::size_t block = 0; block < sequence.base.size(); ++block) {
        if (const auto& effect = sequence.edited.blocks[block]) {
          out << effect_row(sequence, request.edits[i], block, std::nullopt, *effect).line();
        }
        for (std::size_t draw = 0; draw < sequence.placebo_runs.size(); ++draw) {
          const auto& effect = sequence.placebo_runs[draw].blocks[block];
          if (!effect) continue;
          out << effect_row(sequence, request.edits[i], block, static_cast<int>(draw), *effect).line();
        }
      }
    }
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "CSV: writing failed; check the free space");
}

}  // namespace sinkscope
