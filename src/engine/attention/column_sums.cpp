#include "engine/attention/column_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/attention/column_sums_kernel.h"
#include "engine/attention/scratch.h"

namespace sinkscope {

float alibi_slope(float max_bias, int n_heads, int head) {
  if (max_bias <= 0) return 1;
  // As ggml: a geometric series over the largest power of two of heads, the rest interleaved at half steps.
  const int power = 1 << static_cast<int>(std::floor(std::log2(n_heads)));
  const float step = std::pow(2.0f, -max_bias / static_cast<float>(power));
  const float half_step = std::pow(2.0f, -(max_bias / 2) / static_cast<float>(power));
  return head < power ? std::pow(step, static_cast<float>(head + 1))
                      : std::pow(half_step, static_cast<float>(2 * (head - power) + 1));
}

namespace {

[[noreturn]] void refuse_inputs(const std::string& expected, const std::string& got) {
  throw Error(ErrorCode::kModel, "attention column sums: wrong shape; expected " + expected + "; got " + got +
                                     "; this is a fault of sinkscope or an unknown kind of attention");
}

void check_shapes(const AttentionInputs& in, const AttentionMask& mask, std::span<const std::int32_t> watched) {
  if (in.n_heads < 1 || in.n_kv_heads < 1 || in.head_dim < 1 || in.n_heads % in.n_kv_heads != 0)
    refuse_inputs("a multiple of the KV heads as heads", std::to_string(in.n_heads) + " heads of " +
                                                             std::to_string(in.head_dim) + ", " +
                                                             std::to_string(in.n_kv_heads) + " KV heads");
  if (in.queries.type != ElementType::kF32) refuse_inputs("float32 queries", "another type");
  if (!in.sink_logits.empty() && in.sink_logits.size() != static_cast<std::size_t>(in.n_heads))
    refuse_inputs("a learned sink logit for each head", std::to_string(in.sink_logits.size()));
  for (std::size_t i = 0; i < watched.size(); ++i)
    if (watched[i] < (i == 0 ? 0 : watched[i - 1] + 1) || watched[i] >= mask.n_keys())
      refuse_inputs("watched keys ascending and below " + std::to_string(mask.n_keys()), std::to_string(watched[i]));
}

using attention_kernel::kMaxProductRows;
using attention_kernel::kMaxRows;
using attention_kernel::kTileKeys;
using attention_kernel::rounded_up;
using attention_kernel::RowBlock;
using attention_kernel::RowState;
using attention_kernel::TileFacts;

// Float32 keys that are held at a time; KV heads beyond that are taken in turn.
constexpr std::size_t kPanelBytes = 64u << 20;
// Scores of a block of rows should stay in a core's second cache.
constexpr std::size_t kScoreBytes = 3u << 19;
constexpr int kMinRows = 2 * kMaxProductRows;
// Heads that share a block, at most; more of them share the keys only.
constexpr int kMaxBlockHeads = 16;
// Units of work to aim at. Each has column sums of its own, so that the order of additions is fixed by the shapes.
constexpr int kUnits = 32;

// How the work is cut. It follows from the shapes alone.
struct Plan {
  int n_tiles = 0, first_tile = 0, last_tile = 0;  // all tiles, and those of keys that any query sees
  std::size_t score_stride = 0;
  int kv_heads_at_once = 0;
  int heads_in_block = 0, blocks_in_group = 0;  // heads of a KV head = heads_in_block * blocks_in_group
  int queries_in_block = 0, n_blocks = 0;
  int blocks_in_chunk = 0, n_chunks = 0;
  int n_rows() const { return rounded_up(heads_in_block * queries_in_block, kMaxProductRows); }
};

// Queries of a block: as many as the cache holds, with few rows of the product left empty.
int queries_in_block(int n_queries, int n_heads, std::size_t score_stride) {
  const int fitting = static_cast<int>(kScoreBytes / sizeof(float) / score_stride);
  const int max_rows = std::clamp(fitting, kMinRows, kMaxRows);
  int best = 1;
  double best_use = 0;
  for (int n = 1; n <= std::max(1, std::min(n_queries, max_rows / n_heads)); ++n) {
    const int rows = n * n_heads;
    // Each block costs about as much as a few rows more.
    const double use = rows / (rounded_up(rows, kMaxProductRows) + 4.0);
    if (use > best_use) best = n, best_use = use;
  }
  return best;
}

Plan make_plan(const AttentionInputs& in, const AttentionMask& mask) {
  Plan plan;
  std::int32_t first = mask.n_keys(), last = 0;
  for (const VisibleKeys& keys : mask.visible())
    if (keys.count > 0) first = std::min(first, keys.first), last = std::max(last, keys.last);
  plan.n_tiles = rounded_up(mask.n_keys(), kTileKeys) / kTileKeys;
  plan.first_tile = std::min(first, last) / kTileKeys;
  plan.last_tile = rounded_up(last, kTileKeys) / kTileKeys;
  // One cache line more than a power of two, or all rows would fall into the same cache sets.
  plan.score_stride = static_cast<std::size_t>(plan.n_tiles) * kTileKeys + 16;
  const std::size_t head_bytes = static_cast<std::size_t>(plan.n_tiles) * kTileKeys * in.head_dim * sizeof(float);
  plan.kv_heads_at_once =
      static_cast<int>(std::clamp<std::size_t>(kPanelBytes / std::max<std::size_t>(head_bytes, 1), 1, in.n_kv_heads));
  const int group = in.n_heads / in.n_kv_heads;
  plan.heads_in_block = std::min(group, kMaxBlockHeads);
  while (group % plan.heads_in_block != 0) --plan.heads_in_block;
  plan.blocks_in_group = group / plan.heads_in_block;
  plan.queries_in_block = queries_in_block(mask.n_queries(), plan.heads_in_block, plan.score_stride);
  plan.n_blocks = rounded_up(mask.n_queries(), plan.queries_in_block) / plan.queries_in_block;
  const int n_groups = plan.kv_heads_at_once * plan.blocks_in_group;
  const int wanted_chunks = std::clamp(rounded_up(kUnits, n_groups) / n_groups, 1, std::max(1, plan.n_blocks));
  plan.blocks_in_chunk = rounded_up(plan.n_blocks, wanted_chunks) / wanted_chunks;
  plan.n_chunks =
      plan.blocks_in_chunk == 0 ? 0 : rounded_up(plan.n_blocks, plan.blocks_in_chunk) / plan.blocks_in_chunk;
  return plan;
}

// A group is the heads of one block: heads of one KV head.
struct Group {
  int kv_head, first_head;
};

// What a unit of work, one group and chunk of queries, found.
struct Unit {
  Group group;
  int chunk;
  int first_tile, last_tile;  // where its column sums were written
  float *sums, *far_sums;     // [heads_in_block, n_tiles * kTileKeys]
  double* learned_mass;       // [heads_in_block]
};

}  // namespace

struct ColumnSums::Workspace {
  const AttentionInputs* inputs = nullptr;
  const AttentionMask* mask = nullptr;
  int n_threads = 1;
  Plan plan;
  std::vector<float> slopes;
  std::vector<TileFacts> tiles;
  std::vector<std::int32_t> key_position, key_sequence;  // padded to whole tiles
  std::vector<std::int32_t> slot_begin, slot_key, slot_watched;
  std::vector<Unit> units;

  Scratch<float> panels;                                 // of the KV heads at hand
  Scratch<float> packed_queries, scores, tile_weights;   // of each thread
  Scratch<RowState> rows;                                // of each thread
  Scratch<float> unit_sums, slot_attention, slot_logit;  // of each unit; of each group
  Scratch<float> head_attention;                         // of each head
  bool by_head = false;
  std::vector<double> unit_mass;

  // Results.
  std::vector<float> sums, far_sums, watched_attention, watched_logit, watched_by_head, log_z;
  std::vector<std::uint8_t> watched_visible;
  std::vector<double> learned_mass;

  void describe_tiles();
  void list_watched(std::span<const std::int32_t> watched);
  void pack_kv_heads(int first_kv_head, int n_kv_heads);
  void make_units(int first_kv_head, int n_kv_heads);
  void run_unit(Unit& unit, int first_kv_head, int thread);
  void add_units();
  void average_watched();
};

ColumnSums::ColumnSums() : workspace_(std::make_unique<Workspace>()) {}
ColumnSums::~ColumnSums() = default;
ColumnSums::ColumnSums(ColumnSums&&) noexcept = default;
ColumnSums& ColumnSums::operator=(ColumnSums&&) noexcept = default;

void ColumnSums::Workspace::describe_tiles() {
  const std::size_t n_columns = static_cast<std::size_t>(plan.n_tiles) * kTileKeys;
  const auto position = mask->key_position(), sequence = mask->key_sequence();
  key_position.assign(n_columns, 0);
  key_sequence.assign(n_columns, 0);
  std::copy(position.begin(), position.end(), key_position.begin());
  std::copy(sequence.begin(), sequence.end(), key_sequence.begin());
  tiles.resize(plan.n_tiles);
  for (int tile = 0; tile < plan.n_tiles; ++tile) {
    const int first = tile * kTileKeys, last = std::min(first + kTileKeys, mask->n_keys());
    const auto [low, high] = std::minmax_element(position.begin() + first, position.begin() + last);
    const std::int32_t one = sequence[first];
    const bool same = std::all_of(sequence.begin() + first, sequence.begin() + last,
                                  [one](std::int32_t other) { return other == one; });
    tiles[tile] = {*low, *high, same, one};
  }
}

void ColumnSums::Workspace::list_watched(std::span<const std::int32_t> watched) {
  slot_begin.assign(1, 0);
  slot_key.clear();
  slot_watched.clear();
  for (int query = 0; query < mask->n_queries(); ++query) {
    const VisibleKeys& keys = mask->visible()[query];
    for (auto key = std::lower_bound(watched.begin(), watched.end(), keys.first);
         key != watched.end() && *key < keys.last; ++key) {
      if (!mask->sees(query, *key)) continue;
      slot_key.push_back(*key);
      slot_watched.push_back(static_cast<std::int32_t>(key - watched.begin()));
    }
    slot_begin.push_back(static_cast<std::int32_t>(slot_key.size()));
  }
}

void ColumnSums::Workspace::pack_kv_heads(int first_kv_head, int n_kv_heads) {
  const std::size_t tile_floats = static_cast<std::size_t>(kTileKeys) * inputs->head_dim;
  float* to = panels.at_least(n_kv_heads * plan.n_tiles * tile_floats);
  const std::int64_t n_tiles = plan.last_tile - plan.first_tile;
  parallel_for(n_kv_heads * n_tiles, n_threads, [&](std::int64_t i, int) {
    const int head = static_cast<int>(i / n_tiles), tile = plan.first_tile + static_cast<int>(i % n_tiles);
    attention_kernel::pack_keys(inputs->keys, first_kv_head + head, inputs->head_dim, tile * kTileKeys, mask->n_keys(),
                                to + (static_cast<std::size_t>(head) * plan.n_tiles + tile) * tile_floats);
  });
}

void ColumnSums::Workspace::make_units(int first_kv_head, int n_kv_heads) {
  const std::size_t n_columns = static_cast<std::size_t>(plan.n_tiles) * kTileKeys;
  const std::size_t unit_floats = 2 * plan.heads_in_block * n_columns;
  const int n_groups = n_kv_heads * plan.blocks_in_group;
  float* sums_of_units = unit_sums.at_least(n_groups * plan.n_chunks * unit_floats);
  unit_mass.assign(static_cast<std::size_t>(n_groups) * plan.n_chunks * plan.heads_in_block, 0.0);
  units.clear();
  for (int group = 0; group < n_groups; ++group)
    for (int chunk = 0; chunk < plan.n_chunks; ++chunk) {
      float* of_unit = sums_of_units + units.size() * unit_floats;
      units.push_back({{first_kv_head + group / plan.blocks_in_group,
                        (first_kv_head * plan.blocks_in_group + group) * plan.heads_in_block},
                       chunk,
                       0,
                       0,
                       of_unit,
                       of_unit + unit_floats / 2,
                       unit_mass.data() + units.size() * plan.heads_in_block});
    }
}

void ColumnSums::Workspace::run_unit(Unit& unit, int first_kv_head, int thread) {
  const std::size_t n_columns = static_cast<std::size_t>(plan.n_tiles) * kTileKeys;
  const std::size_t n_rows = plan.n_rows(), n_slots = slot_key.size();
  const std::size_t group = unit.group.first_head / plan.heads_in_block;
  RowBlock block{};
  block.inputs = inputs;
  block.mask = mask;
  block.slopes = slopes.data() + unit.group.first_head;
  block.first_head = unit.group.first_head;
  block.n_heads = plan.heads_in_block;
  block.panels = panels.at_least(0) + (unit.group.kv_head - first_kv_head) * n_columns * inputs->head_dim;
  block.tiles = tiles.data();
  block.key_position = key_position.data();
  block.key_sequence = key_sequence.data();
  block.packed_queries = packed_queries.at_least(0) + thread * n_rows * inputs->head_dim;
  block.scores = scores.at_least(0) + thread * n_rows * plan.score_stride;
  block.score_stride = plan.score_stride;
  block.tile_weights = tile_weights.at_least(0) + thread * n_rows * plan.n_tiles;
  block.n_tiles = plan.n_tiles;
  block.rows = rows.at_least(0) + thread * n_rows;
  block.slot_begin = slot_begin.data();
  block.slot_key = slot_key.data();
  block.slot_attention = slot_attention.at_least(0) + group * n_slots;
  block.slot_logit = slot_logit.at_least(0) + group * n_slots;
  block.head_attention = by_head ? head_attention.at_least(0) + unit.group.first_head * n_slots : nullptr;
  block.n_slots = n_slots;
  block.log_z = by_head ? log_z.data() + static_cast<std::size_t>(unit.group.first_head) * mask->n_queries() : nullptr;
  block.sums = unit.sums;
  block.far_sums = unit.far_sums;
  block.learned_mass = unit.learned_mass;

  const auto tiles_of = [&](int first_query, int last_query) {
    int first = plan.n_tiles, last = 0;
    for (int query = first_query; query < last_query; ++query) {
      const VisibleKeys& keys = mask->visible()[query];
      if (keys.count == 0) continue;
      first = std::min(first, keys.first / kTileKeys);
      last = std::max(last, rounded_up(keys.last, kTileKeys) / kTileKeys);
    }
    return std::pair(std::min(first, last), last);
  };
  const int chunk_first = unit.chunk * plan.blocks_in_chunk * plan.queries_in_block;
  const int chunk_last = std::min(chunk_first + plan.blocks_in_chunk * plan.queries_in_block, mask->n_queries());
  std::tie(unit.first_tile, unit.last_tile) = tiles_of(chunk_first, chunk_last);
  for (int head = 0; head < 2 * plan.heads_in_block; ++head)  // the far sums lie behind the sums
    std::fill(unit.sums + head * n_columns + unit.first_tile * kTileKeys,
              unit.sums + head * n_columns + unit.last_tile * kTileKeys, 0.0f);
  for (int query = chunk_first; query < chunk_last; query += plan.queries_in_block) {
    block.first_query = query;
    block.n_queries = std::min(plan.queries_in_block, chunk_last - query);
    std::tie(block.first_tile, block.last_tile) = tiles_of(query, query + block.n_queries);
    attention_kernel::add_row_block(block);
  }
}

// Adds up what the units of the KV heads at hand found, chunk after chunk.
void ColumnSums::Workspace::add_units() {
  const std::size_t n_columns = static_cast<std::size_t>(plan.n_tiles) * kTileKeys, n_keys = mask->n_keys();
  const std::size_t n_groups = units.size() / std::max(1, plan.n_chunks);
  parallel_for(n_groups * plan.heads_in_block, n_threads, [&](std::int64_t i, int) {
    const std::size_t group = i / plan.heads_in_block, head = i % plan.heads_in_block;
    for (int chunk = 0; chunk < plan.n_chunks; ++chunk) {
      const Unit& unit = units[group * plan.n_chunks + chunk];
      const std::size_t to = (unit.group.first_head + head) * n_keys;
      const std::size_t last = std::min<std::size_t>(static_cast<std::size_t>(unit.last_tile) * kTileKeys, n_keys);
      for (std::size_t key = static_cast<std::size_t>(unit.first_tile) * kTileKeys; key < last; ++key) {
        sums[to + key] += unit.sums[head * n_columns + key];
        far_sums[to + key] += unit.far_sums[head * n_columns + key];
      }
      learned_mass[unit.group.first_head + head] += unit.learned_mass[head];
    }
  });
}

void ColumnSums::Workspace::average_watched() {
  const std::size_t n_queries = mask->n_queries(), n_slots = slot_key.size();
  const std::size_t n_watched = n_queries == 0 ? 0 : watched_visible.size() / n_queries;
  const std::size_t n_groups = inputs->n_heads / plan.heads_in_block;
  const float* attention = slot_attention.at_least(0);
  const float* logit = slot_logit.at_least(0);
  parallel_for(n_queries, n_threads, [&](std::int64_t query, int) {
    for (std::size_t slot = slot_begin[query]; slot < static_cast<std::size_t>(slot_begin[query + 1]); ++slot) {
      double attention_total = 0, logit_total = 0;
      for (std::size_t group = 0; group < n_groups; ++group) {
        attention_total += attention[group * n_slots + slot];
        logit_total += logit[group * n_slots + slot];
      }
      const std::size_t at = query * n_watched + slot_watched[slot];
      watched_attention[at] = static_cast<float>(attention_total / inputs->n_heads);
      watched_logit[at] = static_cast<float>(logit_total / inputs->n_heads);
      watched_visible[at] = 1;
      for (std::size_t head = 0; by_head && head < static_cast<std::size_t>(inputs->n_heads); ++head)
        watched_by_head[head * watched_attention.size() + at] = head_attention.at_least(0)[head * n_slots + slot];
    }
  });
}

AttentionSums ColumnSums::compute(const AttentionInputs& inputs, const AttentionMask& mask,
                                  std::span<const std::int32_t> watched, bool by_head, int n_threads) {
  check_shapes(inputs, mask, watched);
  Workspace& w = *workspace_;
  w.inputs = &inputs;
  w.n_threads = std::max(1, n_threads);
  w.mask = &mask;
  w.by_head = by_head;
  w.plan = make_plan(inputs, mask);
  w.slopes.resize(inputs.n_heads);
  for (int head = 0; head < inputs.n_heads; ++head) w.slopes[head] = alibi_slope(inputs.max_bias, inputs.n_heads, head);
  const std::size_t n_heads = inputs.n_heads, n_keys = mask.n_keys(), n_queries = mask.n_queries();
  w.sums.assign(n_heads * n_keys, 0.0f);
  w.far_sums.assign(n_heads * n_keys, 0.0f);
  w.learned_mass.assign(n_heads, 0.0);
  w.watched_attention.assign(n_queries * watched.size(), 0.0f);
  w.watched_logit.assign(n_queries * watched.size(), 0.0f);
  w.watched_visible.assign(n_queries * watched.size(), 0);
  w.watched_by_head.assign(by_head ? n_heads * n_queries * watched.size() : 0, 0.0f);
  w.log_z.assign(by_head ? n_heads * n_queries : 0, -std::numeric_limits<float>::infinity());
  w.describe_tiles();
  w.list_watched(watched);

  const std::size_t n_rows = w.plan.n_rows(), each = w.n_threads;  // each thread has scratch memory of its own
  w.packed_queries.at_least(each * n_rows * inputs.head_dim);
  w.scores.at_least(each * n_rows * w.plan.score_stride);
  w.tile_weights.at_least(each * n_rows * w.plan.n_tiles);
  w.rows.at_least(each * n_rows);
  w.slot_attention.at_least(n_heads / w.plan.heads_in_block * w.slot_key.size());
  w.slot_logit.at_least(n_heads / w.plan.heads_in_block * w.slot_key.size());
  if (by_head) w.head_attention.at_least(n_heads * w.slot_key.size());

  for (int first = 0; first < inputs.n_kv_heads; first += w.plan.kv_heads_at_once) {
    const int n_kv_heads = std::min(w.plan.kv_heads_at_once, inputs.n_kv_heads - first);
    w.pack_kv_heads(first, n_kv_heads);
    w.make_units(first, n_kv_heads);
    // Later chunks see more keys: they begin first.
    const std::int64_t n_units = static_cast<std::int64_t>(w.units.size());
    parallel_for(n_units, w.n_threads,
                 [&](std::int64_t i, int thread) { w.run_unit(w.units[n_units - 1 - i], first, thread); });
    w.add_units();
  }
  w.average_watched();
  return {{w.sums.data(), n_heads, n_keys},
          {w.far_sums.data(), n_heads, n_keys},
          w.learned_mass,
          {w.watched_attention.data(), n_queries, watched.size()},
          {w.watched_logit.data(), n_queries, watched.size()},
          {w.watched_visible.data(), n_queries, watched.size()},
          by_head ? w.watched_by_head.data() : nullptr,
          false, false,
          {w.log_z.data(), by_head ? n_heads : 0, n_queries}};
}

void key_value_norms(const HeadVectors& vectors, int n_kv_heads, int head_dim, int first_cell, std::span<float> norms) {
  for (std::size_t i = 0; i < norms.size(); ++i) {
    double total = 0;
    for (int head = 0; head < n_kv_heads; ++head)
      total +=
          attention_kernel::sum_of_squares(vectors.row(first_cell + static_cast<int>(i), head), vectors.type, head_dim);
    norms[i] = static_cast<float>(std::sqrt(total));
  }
}

}  // namespace sinkscope
