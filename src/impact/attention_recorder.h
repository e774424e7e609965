#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

// What heads and queries of one block gave to the primary and to groups of keys. Values of query i and head h lie at
// i * n_heads + h.
struct BlockRecord {
  int n_heads = 0;
  std::vector<int> queries;                // positions, ascending
  std::vector<float> log_z;                // log of the normaliser
  std::vector<float> primary;              // attention on the primary's whole set
  std::vector<std::vector<float>> groups;  // [n_groups] attention on the group's keys
};

// Keys of one block that are recorded.
struct BlockKeys {
  std::vector<std::vector<int>> groups;  // [n_groups] positions, of the pack's one sequence; empty: no record
  std::vector<int> queries;              // that are recorded, ascending
};

struct RecordPlan {
  int primary = 0;               // position
  std::vector<int> primary_set;  // positions that stand for it together, itself among them
  std::vector<BlockKeys> blocks;  // [n_layers]
  // Whether queries are chosen as the run goes: those that see the primary and a key of the first group, both at least
  // min_distance positions back. Else those of the plan are recorded.
  bool choose_queries = false;
  int min_distance = 64;
};

// Records what the queries of a sequence give to some keys. The pack must be that sequence alone.
//
// cost  in memory, 4 x (2 + n_groups) bytes a block, head and query
class AttentionRecorder final : public Observer {
 public:
  explicit AttentionRecorder(RecordPlan plan);

  bool wants_attention(int layer) override { return !block(layer).groups.empty(); }
  std::span<const std::int32_t> keys_by_head(int layer) override;
  void on_micro_batch_begin(int first_token, int n_tokens) override { n_tokens_ = first_token + n_tokens; }
  void on_attention(const AttentionEvent& event) override;

  // [n_layers]; without queries where nothing was recorded
  std::vector<BlockRecord> take() { return std::move(records_); }

 private:
  const BlockKeys& block(int layer) const { return plan_.blocks[static_cast<std::size_t>(layer)]; }
  bool is_recorded(const AttentionEvent& event, std::size_t row, const BlockKeys& keys) const;

  RecordPlan plan_;
  int n_tokens_ = 0;
  std::vector<std::int32_t> keys_;                 // of the block at hand
  std::vector<BlockRecord> records_;
};

}  // namespace sinkscope
