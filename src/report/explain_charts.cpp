#include "report/explain_charts.h"

#include <array>

#include "base/error.h"
#include "report/explain_drawings.h"

namespace sinkscope {
namespace {

constexpr std::array kCharts = {
    ExplainChart{"formation", "formation", "what MLPs and attention write along the axis into sinks and like tokens"},
    ExplainChart{"excess", "formation", "which parts make sinks taller than like tokens"},
    ExplainChart{"neurons", "formation",
                 "which neurons, how like the primary's, and what edits leave of the attention"},
    ExplainChart{"mlp_map", "formation", "what an MLP makes of the main directions of its inputs, and of others"},
    ExplainChart{"decision", "formation", "inputs of sinks and like tokens, and how well layers tell them apart"},
    ExplainChart{"norm", "norm", "logit gap and score by norm"},
    ExplainChart{"survival", "norm", "how long attention lasts by norm, and the score by block and level"},
    ExplainChart{"primary", "primary", "the primary by block, in texts without secondary sinks"},
};

}  // namespace

std::span<const ExplainChart> explain_charts() { return kCharts; }

Chart explain_chart(std::string_view id, const ScanFile& file, const ExplainedFile& explained) {
  const auto n_layers = file.model().facts.n_layers;
  const Explanation& explanation = explained.explanation;
  Chart chart;
  chart.id = std::string(id);
  if (id == "formation") {
    draw_formation(chart, explanation, n_layers);
  } else if (id == "excess") {
    draw_excess(chart, explanation, n_layers);
  } else if (id == "neurons") {
    draw_neurons(chart, explanation);
  } else if (id == "mlp_map") {
    draw_mlp_map(chart, explanation);
  } else if (id == "decision") {
    draw_decision(chart, explanation, n_layers);
  } else if (id == "norm") {
    draw_norm(chart, explanation);
  } else if (id == "survival") {
    draw_survival(chart, explanation, n_layers);
  } else if (id == "primary") {
    draw_primary(chart, explanation, n_layers);
  } else {
    throw Error(ErrorCode::kInternal, "explain chart: unknown name '" + std::string(id) + "'");
  }
  return chart;
}

}  // namespace sinkscope
