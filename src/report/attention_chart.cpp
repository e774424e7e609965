#include "report/attention_chart.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "report/counts.h"
#include "report/words.h"

namespace sinkscope {

Chart attention_chart(const AttentionShares& shares, Rule rule) {
  Chart chart;
  chart.id = "attention";
  chart.title = "Who takes the attention";
  chart.question = "Of all attention in a block, as a mean over heads, how much goes to the primary, to the sinks, to the rest?";
  ChartPanel panel = layer_panel("", "share of attention", static_cast<int>(shares.other.size()), "block");

  std::vector<double> below(shares.other.size(), 0);
  bool any = false;
  const auto stack = [&](std::string name, std::string_view role, const LayerFigures& parts) {
    ChartSeries band = series_of(std::move(name), ChartForm::kBand, role);
    bool drawn = false;
    for (std::size_t block = 0; block < parts.size(); ++block) {
      const auto at = static_cast<double>(block);
      if (!parts[block]) {
        band.add_band(at, std::nullopt, std::nullopt);
        continue;
      }
      drawn = drawn || *parts[block] > 0;
      const double above = below[block] + *parts[block];
      band.add_band(at, below[block], above);
      below[block] = above;
    }
    any = any || drawn;
    if (drawn) panel.series.push_back(std::move(band));
  };
  for (const SinkKind kind : kAllKinds) stack(std::string(kind_name(kind, rule)), name_of(kind), shares.of(kind));
  stack("learned sink logits, no token", kLearnedRole, shares.learned);
  stack("all other tokens", kOtherRole, shares.other);
  if (any) chart.panels.push_back(std::move(panel));
  return chart;
}

}  // namespace sinkscope
