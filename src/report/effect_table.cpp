#include "report/effect_table.h"

#include <utility>
#include <vector>

namespace sinkscope {
namespace {

using Integers = DataColumn::Integers;
using Numbers = DataColumn::Numbers;
using Texts = DataColumn::Texts;

std::vector<DataColumn> block_columns() {
  std::vector<DataColumn> columns;
  columns.push_back(data_column("sequence", "", "number of the text, from 0", Integers()));
  columns.push_back(data_column("id", "", "name of the document", Texts()));
  columns.push_back(data_column("chunk", "", "of the document, from 0, where it was divided", Integers()));
  columns.push_back(data_column("document", "", "key of the text's tokens", Texts()));
  columns.push_back(data_column("how", "", "the edit", Texts()));
  columns.push_back(data_column("layers", "", "blocks: keys are hidden; run, first: layers whose writes are edited", Texts()));
  columns.push_back(data_column("block", "layer", "from 0", Integers()));
  columns.push_back(data_column("queries", "tokens", "that see the primary and a removed key", Integers()));
  columns.push_back(data_column("base_score", "attention", "on the primary, of the unedited run", Numbers()));
  columns.push_back(data_column("run", "", "removed, or placebo", Texts()));
  columns.push_back(data_column("draw", "", "of the placebo, from 0", Integers()));
  columns.push_back(data_column("score", "attention", "change of the attention on the primary", Numbers()));
  columns.push_back(data_column("competition_score", "attention", "what renormalising alone would give", Numbers()));
  columns.push_back(data_column("log_a", "nats", "change of its logarithm", Numbers()));
  columns.push_back(data_column("own_logit", "nats", "of this, the primary's own logit", Numbers()));
  columns.push_back(data_column("competition", "nats", "of this, the removed keys' share", Numbers()));
  columns.push_back(data_column("other_keys", "nats", "of this, all other keys", Numbers()));
  columns.push_back(data_column("log_odds", "nats", "against the keys that remain: 0 where only mass moved", Numbers()));
  columns.push_back(data_column("removed_mass", "attention", "change on the removed keys", Numbers()));
  columns.push_back(data_column("replaced_mass", "attention", "on tokens that became sinks", Numbers()));
  columns.push_back(data_column("left_out", "", "pairs of head and query that say nothing by logs", Integers()));
  return columns;
}

// draw: nothing for the run without sinks
void add_block(DataTable& table, const SequenceAblation& sequence, const EditHow& how, std::size_t block,
               std::optional<int> draw, const BlockEffect& effect) {
  const BlockBase& base = sequence.base[block];
  DataRow row = table.add_row();
  row.put(sequence.ordinal).put(sequence.id).put(sequence.chunk).put(sequence.key).put(word_of(how));
  row.put(layers_word_of(how)).put(block).put(base.n_queries);
  base.figures ? row.put(base.figures->score) : row.put_nothing();
  row.put(draw ? "placebo" : "removed").put(draw).put(effect.score);
  for (const auto member : {&LogChanges::competition_score, &LogChanges::log_a, &LogChanges::own_logit,
                            &LogChanges::competition, &LogChanges::other_keys, &LogChanges::log_odds}) {
    effect.logs ? row.put(*effect.logs.*member) : row.put_nothing();
  }
  row.put(effect.removed_mass).put(effect.replaced_mass).put(effect.left_out);
}

std::vector<DataColumn> effect_columns() {
  std::vector<DataColumn> columns;
  columns.push_back(data_column("how", "", "the edit", Texts()));
  columns.push_back(data_column("quantity", "", "score, log_odds, loss, ...", Texts()));
  columns.push_back(data_column("block", "layer", "null: the endpoint, or by distance", Integers()));
  columns.push_back(data_column("distance", "tokens", "to the last removed token: the first of a range", Integers()));
  columns.push_back(data_column("removed", "", "without the sinks: mean over documents", Numbers()));
  columns.push_back(data_column("placebo", "", "without ordinary tokens", Numbers()));
  columns.push_back(data_column("difference", "", "removed - placebo", Numbers()));
  columns.push_back(data_column("low", "", "of the difference, 95 %", Numbers()));
  columns.push_back(data_column("high", "", "of the difference, 95 %", Numbers()));
  columns.push_back(data_column("p", "", "by flips of sign", Numbers()));
  columns.push_back(data_column("q", "", "p, as one of several tests", Numbers()));
  columns.push_back(data_column("n_documents", "", "in which it was measured", Integers()));
  return columns;
}

}  // namespace

DataTable block_effect_table(const Ablation& ablation, const AblateRequest& request) {
  DataTable table(block_columns());
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    for (const SequenceAblation& sequence : ablation.edits[i]) {
      for (std::size_t block = 0; block < sequence.base.size(); ++block) {
        if (const auto& effect = sequence.edited.blocks[block]) {
          add_block(table, sequence, request.edits[i], block, std::nullopt, *effect);
        }
        for (std::size_t draw = 0; draw < sequence.placebo_runs.size(); ++draw) {
          const auto& effect = sequence.placebo_runs[draw].blocks[block];
          if (effect) add_block(table, sequence, request.edits[i], block, static_cast<int>(draw), *effect);
        }
      }
    }
  }
  return table;
}

DataTable effect_table(const JudgedAblation& judged) {
  DataTable table(effect_columns());
  for (const AblationEffect& effect : judged.effects) {
    DataRow row = table.add_row();
    row.put(word_of(effect.how)).put(effect.quantity).put(effect.block).put(effect.distance);
    row.put(effect.removed).put(effect.placebo).put(effect.difference);
    effect.interval ? row.put(effect.interval->low).put(effect.interval->high) : row.put_nothing().put_nothing();
    row.put(effect.p).put(effect.q).put(effect.n_documents);
  }
  return table;
}

}  // namespace sinkscope
