#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "report/quantise.h"
#include "sinks/detection.h"
#include "sinks/fields.h"
#include "store/scan_file.h"

namespace sinkscope {

inline constexpr std::array kQuantiles = {0.05, 0.25, 0.5, 0.75, 0.95};

struct NamedFigures {
  std::string name;           // as the results file names its profiles; by head, that of their mean over heads
  std::vector<float> values;  // NaN where not measured
};
struct NamedMap {
  std::string name;  // hidden_norm is shown as norm_ratio, since norms grow through the network
  Quantised codes;   // [n_layers, n_tokens]
};

// The quantities that are drawn by head, the one first that is shown unless another is asked for. They are named after
// their mean over heads: sink_score of the array sink_score_by_head.
std::vector<std::string_view> head_quantities();

// What is drawn of one document, by layer.
struct LayerData {
  int n_layers = 0, n_tokens = 0;
  std::vector<int> positions;           // of the primary's set and of every sink, ascending
  std::vector<NamedFigures> rows;       // [positions, n_layers] each; exact
  int n_heads = 0;                      // the largest of all layers
  std::vector<NamedFigures> heads;      // [positions, n_layers, n_heads] of each quantity by head that was measured
  std::vector<NamedFigures> quantiles;  // [kQuantiles, n_layers] each, over the tokens at no such position
  std::vector<NamedMap> maps;           // where they were asked for
  std::vector<float> ordinary_norm;     // [n_layers]

  // What has that name, or null where it was not kept.
  const NamedFigures* row(std::string_view name) const;
  const NamedFigures* head(std::string_view name) const;
  const NamedFigures* quantile(std::string_view name) const;
  const NamedMap* map(std::string_view name) const;
};

// Quantiles and maps are of what profiles the file kept.
//
// throws  Error{kInput} if a profile is damaged
// memory  one profile at a time, and the maps, a byte a value
LayerData layer_data(const ScanFile& file, const StoredDocument& document, const Detection& detection, bool with_maps);

}  // namespace sinkscope
