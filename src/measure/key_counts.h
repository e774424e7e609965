#pragma once

#include <cstdint>
#include <vector>

#include "probe/observer.h"

namespace sinkscope {

// How many queries saw each key of a sequence. Layers under the same mask share one table.
class KeyCounts {
 public:
  // Of one mask, [n_tokens] each.
  struct Table {
    std::vector<std::int32_t> queries, far_queries;
    std::vector<std::int32_t> far_selected;  // empty where nothing is selected
    std::vector<double> far_uniform;         // sum over far queries of 1 / keys seen
  };

  KeyCounts() = default;
  // One table of zeros for all layers.
  KeyCounts(int n_layers, int n_tokens);

  const Table& of(std::size_t layer) const { return tables_[table_of_layer_[layer]]; }
  Table& table(std::size_t table) { return tables_[table]; }
  std::size_t n_tables() const { return tables_.size(); }

  // Notes what the running micro-batch shows of a layer's keys, from the sequence's first on. Once a layer.
  void note(int layer, const KeyVisibility& visibility);
  // Adds what was noted; layers that differ have tables of their own from now on.
  //
  // cost  O(n_keys) for each mask
  void add_noted();
  // Without what lies behind the first tokens.
  void cut(int n_tokens);

 private:
  std::vector<Table> tables_;
  std::vector<std::size_t> table_of_layer_;  // [n_layers]

  std::vector<Table> noted_;                 // of the running micro-batch, each different
  std::vector<std::size_t> noted_of_layer_;  // [n_layers], or kNothing
};

}  // namespace sinkscope
