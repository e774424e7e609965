#include "engine/llama/decode_probe.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/llama/node_mask.h"
#include "engine/llama/tensor_access.h"
#include "engine/llama/unused_logits.h"

namespace sinkscope {
namespace {

// llama.cpp rounds keys and values of a float32 cache to half precision before its flash attention, which takes both.
// Keys of several hundred, as in Qwen2.5's first block, then lose several percent of far boosts.
void read_full_precision(ggml_tensor* attention) {
  if (!attention->buffer || !ggml_backend_buffer_is_host(attention->buffer)) return;  // other devices take halves only
  for (const int i : {1, 2}) {
    const ggml_tensor* cast = attention->src[i];
    if (cast->op == GGML_OP_CPY && cast->type == GGML_TYPE_F16 && cast->src[0]->type == GGML_TYPE_F32) {
      attention->src[i] = cast->src[0];
    }
  }
}

// Whether figures can stand for the states of every block: steps of the residual stream are taken from the network's
// own write nodes then.
bool shows_writes(const GraphMap& map) {
  return std::ranges::all_of(map.blocks, [](const BlockNodes& block) {
    return !block.mid_residual || (block.attention_write && block.mlp_write);
  });
}

// Points that devices do not reduce themselves.
bool is_read_to_host(ProbePoint point) {
  return point == ProbePoint::kMlpInput || point == ProbePoint::kCachedKeys || point == ProbePoint::kCachedValues;
}

bool is_step(ProbePoint point) {
  return point == ProbePoint::kAttentionWrite || point == ProbePoint::kMidResidual || point == ProbePoint::kMlpWrite ||
         point == ProbePoint::kBlockOutput;
}

}  // namespace

struct DecodeProbe::MaskInUse {
  const ggml_tensor* tensor = nullptr;
  std::vector<std::uint8_t> copy;
  AttentionMask mask;
};

DecodeProbe::DecodeProbe() = default;
DecodeProbe::~DecodeProbe() = default;

void DecodeProbe::want(const std::optional<GraphNode>& node, int layer, ProbePoint point) {
  if (!node) return;
  const bool observed = observer_->wants(point, layer), edited = edits_.touches(point, layer);
  if (observed || edited) wanted_.push_back({node->ordinal, &*node, layer, false, point, observed, edited});
}

void DecodeProbe::want_attention(int layer) {
  const auto& node = map_->blocks[static_cast<std::size_t>(layer)].attention;
  if (!node) return;
  const bool observed = observer_->wants_attention(layer), edited = edits_.touches_attention(layer);
  // The attention before may read the same mask: it must be computed before that is written to.
  if (edited && layer > 0) {
    const auto& input = map_->blocks[static_cast<std::size_t>(layer) - 1].block_output;
    wanted_.push_back({input->ordinal, &*input, layer - 1, false, ProbePoint::kBlockOutput, false, false});
  }
  if (observed || edited) {
    wanted_.push_back({node->ordinal, &*node, layer, true, ProbePoint::kAttentionInput, observed, edited});
  }
}

void DecodeProbe::want_writes_on_device(const BlockNodes& block, int layer) {
  if (!block.mid_residual || !observer_->wants(ProbePoint::kMidResidual, layer)) return;
  for (const auto& [point, node] : {std::pair(ProbePoint::kAttentionWrite, &block.attention_write),
                                    std::pair(ProbePoint::kMlpWrite, &block.mlp_write)}) {
    if (observer_->wants(point, layer)) continue;
    wanted_.push_back({(*node)->ordinal, &**node, layer, false, point, false, false, true});
  }
}

void DecodeProbe::begin(const GraphMap& map, const MicroBatch& batch, Observer& observer, std::span<Edit* const> edits,
                        ColumnSummer& summer) {
  map_ = &map;
  batch_ = batch;
  observer_ = &observer;
  summer_ = &summer;
  summer.begin_micro_batch();
  edits_.begin(edits, batch_, static_cast<int>(map.blocks.size()));
  devices_.begin(batch_, observer);
  figures_ = edits.empty() && observer.takes_figures() && devices_.any() && shows_writes(map);
  ways_.assign(map.blocks.size(), Way::kUnknown);
  edited_mask_ = nullptr;
  wanted_.clear();
  next_wanted_ = 0;
  next_ordinal_ = 0;
  n_masks_ = 0;
  failure_ = nullptr;
  question_.reset();
  observer.on_micro_batch_begin(batch_.first_token, batch_.n_tokens);
  last_needed_ = last_kept_ = map.blocks.back().block_output->ordinal;
  if (map.final_norm) {
    last_kept_ = std::max(last_kept_, map.final_norm->ordinal);
    if (observer.wants_final_states()) {
      last_needed_ = last_kept_;
      const int layer = static_cast<int>(map.blocks.size()) - 1;
      wanted_.push_back({map.final_norm->ordinal, &*map.final_norm, layer, false, ProbePoint::kMlpInput, true, false});
      wanted_.back().final_states = true;
    }
  } else if (observer.wants_final_states()) {
    throw Error(ErrorCode::kModel, "states after the final norm: expected a final norm (result_norm), got none");
  }
  want(map.embedding, -1, ProbePoint::kEmbedding);
  for (int layer = 0; layer < static_cast<int>(map.blocks.size()); ++layer) {
    const BlockNodes& block = map.blocks[static_cast<std::size_t>(layer)];
    want(block.attention_input, layer, ProbePoint::kAttentionInput);
    want(block.cached_keys, layer, ProbePoint::kCachedKeys);
    want(block.cached_values, layer, ProbePoint::kCachedValues);
    want_attention(layer);
    want(block.attention_write, layer, ProbePoint::kAttentionWrite);
    want(block.mid_residual, layer, ProbePoint::kMidResidual);
    want(block.mlp_input, layer, ProbePoint::kMlpInput);
    want(block.mlp_write, layer, ProbePoint::kMlpWrite);
    want(block.block_output, layer, ProbePoint::kBlockOutput);
    if (figures_) want_writes_on_device(block, layer);
  }
  std::stable_sort(wanted_.begin(), wanted_.end(),
                   [](const Wanted& a, const Wanted& b) { return a.ordinal < b.ordinal; });
}

void DecodeProbe::end() {
  Observer& observer = *std::exchange(observer_, nullptr);
  if (failure_) std::rethrow_exception(failure_);
  if (next_wanted_ < wanted_.size()) {
    throw Error(ErrorCode::kModel, "compute graph: expected node " + wanted_[next_wanted_].node->name +
                                       " to be computed, got the end of the graph");
  }
  observer.on_micro_batch_end(batch_.first_token, batch_.n_tokens);
}

bool DecodeProbe::on_node(ggml_tensor* node, bool ask, void* user_data) {
  auto& probe = *static_cast<DecodeProbe*>(user_data);
  if (!probe.observer_) return false;
  try {
    if (ask) return probe.ask(node);
    probe.deliver(node);
    // Where nothing more is wanted, the rest need not be computed; what follows the last block is skipped by itself.
    return probe.next_wanted_ < probe.wanted_.size() || probe.next_ordinal_ > probe.last_needed_ ||
           probe.keeps_logits();
  } catch (...) {
    probe.failure_ = std::current_exception();
    return false;
  }
}

bool DecodeProbe::ask(ggml_tensor* node) {
  const int ordinal = next_ordinal_++;
  if (failure_) return false;
  if (ordinal > last_needed_ && !keeps_logits()) {
    // A device reduces the last block's output behind the network, so nothing may take its memory meanwhile.
    const bool on_device = devices_.holds(*node);
    if (on_device || ordinal > last_kept_) skip_node(node, on_device);
  }
  if (node->op == GGML_OP_FLASH_ATTN_EXT) read_full_precision(node);
  edits_.asked(node);
  if (next_wanted_ >= wanted_.size() || ordinal != wanted_[next_wanted_].ordinal) return false;
  const std::string& expected = wanted_[next_wanted_].node->name;
  if (expected != node->name) {
    throw Error(ErrorCode::kModel, "compute graph: expected node " + expected + " at place " + std::to_string(ordinal) +
                                       ", got " + node->name);
  }
  std::size_t last = next_wanted_;
  while (last < wanted_.size() && wanted_[last].ordinal == ordinal) ++last;
  if (leave_to_device(node, last)) {
    next_wanted_ = last;
    return false;
  }
  const Wanted& wanted = wanted_[next_wanted_];
  if (wanted.attention && wanted.edited) edited_mask_ = edits_.hide_keys(node, wanted.layer);
  return true;
}

// The states of a block are steps from one to the next: they must be to hand in one place.
void DecodeProbe::note_way(const Wanted& wanted, Way way) {
  if (wanted.attention || !is_step(wanted.point)) return;
  const auto layer = static_cast<std::size_t>(wanted.layer);
  Way& of_layer = ways_[layer];
  const bool after_device = way == Way::kHost && layer > 0 && ways_[layer - 1] == Way::kDevice;
  if (after_device || (of_layer != Way::kUnknown && of_layer != way)) {
    throw Error(ErrorCode::kModel, "block " + std::to_string(wanted.layer) +
                                       ": expected its states on one device, got " + wanted.node->name +
                                       " on another; try another -ngl");
  }
  of_layer = way;
}

// Whether nothing is to be done about the wanted nodes [next_wanted_, last), which are `node`: a device looks at it, or
// it is wanted on a device only and does not lie there.
bool DecodeProbe::leave_to_device(const ggml_tensor* node, std::size_t last) {
  const std::span<const Wanted> all = std::span(wanted_).subspan(next_wanted_, last - next_wanted_);
  const auto wish_of = [](const Wanted& wanted) { return DeviceWish{wanted.layer, wanted.attention, wanted.point}; };
  // llama.cpp has a device make the last sum of the block before its own: that block's other states are on the host.
  const auto began_on_host = [&](const Wanted& wanted) {
    return !wanted.attention && is_step(wanted.point) && ways_[static_cast<std::size_t>(wanted.layer)] == Way::kHost;
  };
  const bool on_device = figures_ && devices_.holds(*node) && std::ranges::all_of(all, [&](const Wanted& wanted) {
                           return !is_read_to_host(wanted.point) && !began_on_host(wanted) &&
                                  devices_.takes(*node, wish_of(wanted));
                         });
  for (const Wanted& wanted : all) {
    if (on_device) devices_.watch(*node, wish_of(wanted));
    if (on_device || wanted.observed) note_way(wanted, on_device ? Way::kDevice : Way::kHost);
  }
  return on_device || std::ranges::all_of(all, [](const Wanted& wanted) { return wanted.for_device; });
}

void DecodeProbe::deliver(ggml_tensor* node) {
  edits_.computed();
  const int ordinal = wanted_[next_wanted_].ordinal;
  while (next_wanted_ < wanted_.size() && wanted_[next_wanted_].ordinal == ordinal) {
    const Wanted& wanted = wanted_[next_wanted_];
    if (wanted.attention) {
      edits_.show_keys();
      if (wanted.observed) deliver_attention(node, wanted);
      edited_mask_ = nullptr;
    } else if (wanted.final_states) {
      if (devices_.holds(*node)) {
        throw Error(ErrorCode::kModel,
                    "states after the final norm: expected the last layer on the processor, got a GPU; give --no-loss, or "
                    "-ngl 0");
      }
      observer_->on_final_states(batch_.first_token, token_rows(node, batch_.n_tokens, state_bytes_, rows_));
    } else if (wanted.observed || wanted.edited) {
      deliver_state(node, wanted);
    }
    ++next_wanted_;
  }
}

void DecodeProbe::deliver_state(ggml_tensor* node, const Wanted& wanted) {
  const auto rows = node->op == GGML_OP_SET_ROWS ? rows_for_cells(node, state_bytes_, rows_)
                                                 : token_rows(node, batch_.n_tokens, state_bytes_, rows_);
  std::span<const std::uint8_t> changed;
  if (wanted.edited) changed = edits_.edit_states(node, wanted.point, wanted.layer, rows);
  if (wanted.observed) observer_->on_state({wanted.point, wanted.layer, batch_.first_token, rows, changed});
}

const AttentionMask& DecodeProbe::mask_of(const ggml_tensor* attention) {
  if (edited_mask_) return *edited_mask_;
  const ggml_tensor* tensor = attention->src[3];
  for (std::size_t i = 0; i < n_masks_; ++i) {
    if (masks_[i]->tensor == tensor) return masks_[i]->mask;
  }
  if (n_masks_ == masks_.size()) masks_.push_back(std::make_unique<MaskInUse>());
  MaskInUse& use = *masks_[n_masks_];
  use.tensor = tensor;
  read_causal_mask(mask_of_node(attention, use.copy), batch_, use.mask);
  ++n_masks_;
  return use.mask;
}

ColumnQuestion DecodeProbe::question_about(const ggml_tensor* attention, int layer) {
  return {&mask_of(attention), observer_->watched_keys(layer), observer_->wants_eviction_cost(layer)};
}

std::optional<ColumnQuestion> DecodeProbe::question_for(const ggml_tensor& node) {
  if (!observer_ || failure_ || next_wanted_ >= wanted_.size()) return {};
  const Wanted& wanted = wanted_[next_wanted_];
  if (!wanted.attention || wanted.node->name != node.name) return {};
  if (!wanted.observed) {
    return edited_mask_ ? std::optional(ColumnQuestion{edited_mask_, {}, false, false}) : std::nullopt;
  }
  question_ = question_about(&node, wanted.layer);
  return question_;
}

EvictionCosts DecodeProbe::eviction_costs(const ggml_tensor* node, const HeadVectors& values,
                                          const ColumnQuestion& question, const AttentionSums& sums) {
  EvictionInputs inputs;
  inputs.n_heads = static_cast<int>(node->ne[1]);
  inputs.n_kv_heads = static_cast<int>(node->src[2]->ne[2]);
  inputs.value_dim = static_cast<int>(node->ne[0]);
  inputs.values = values;
  inputs.rounded_to_bf16 = sums.values_as_bf16;
  inputs.outputs = {host_bytes(node, output_bytes_), ElementType::kF32, node->nb[2], node->nb[1]};
  inputs.attention = sums.watched_by_head;
  // llama.cpp's own attention adds half precision values up in half precision.
  const bool exact = sums.output_in_f32 || values.type == ElementType::kF32;
  inputs.most_attention = exact ? kMostAttention : kMostAttentionOfHalves;
  return eviction_cost_.compute(inputs, *question.mask, question.watched, batch_.n_threads);
}

// From the node's inputs, on the processor: devices sum columns, and keep no normaliser of a query.
HeadAttention DecodeProbe::attention_by_head(const ggml_tensor* node, const AttentionMask& mask,
                                             std::span<const std::int32_t> keys) {
  if (keys.empty()) return {};
  if (!by_head_) by_head_ = std::make_unique<HostSums>(batch_.n_threads);
  const AttentionSums sums = by_head_->sum(*node, {&mask, keys, true});
  const std::size_t n_rows = sums.log_z.rows() * sums.log_z.cols();
  return {keys, sums.log_z, {sums.watched_by_head, n_rows, keys.size()}, sums.watched_visible};
}

void DecodeProbe::deliver_attention(const ggml_tensor* node, const Wanted& wanted) {
  const ggml_tensor *key = node->src[1], *value = node->src[2];
  key_norms_.resize(static_cast<std::size_t>(batch_.n_tokens));
  value_norms_.resize(key_norms_.size());
  const auto n_heads = static_cast<int>(node->src[0]->ne[2]), n_kv_heads = static_cast<int>(key->ne[2]);
  key_value_norms(head_vectors(key, key_bytes_), n_kv_heads, static_cast<int>(key->ne[0]), batch_.first_token,
                  key_norms_);
  const HeadVectors values = head_vectors(value, value_bytes_);
  key_value_norms(values, static_cast<int>(value->ne[2]), static_cast<int>(value->ne[0]), batch_.first_token,
                  value_norms_);
  observer_->on_key_value({wanted.layer, batch_.first_token, key_norms_, value_norms_});

  const ColumnQuestion question = question_ ? *question_ : question_about(node, wanted.layer);
  question_.reset();
  const AttentionSums sums = summer_->sum(*node, question);
  EvictionCosts eviction;
  if (sums.watched_by_head && !question.watched.empty()) eviction = eviction_costs(node, values, question, sums);
  observer_->on_attention({wanted.layer, batch_.first_token, batch_.n_tokens, question.mask->n_keys(), n_heads,
                           n_kv_heads, sums.sums, sums.far_sums, sums.learned_mass, question.mask->visibility(),
                           question.watched, sums.watched_attention, sums.watched_logit, sums.watched_visible,
                           eviction, attention_by_head(node, *question.mask, observer_->keys_by_head(wanted.layer))});
}

}  // namespace sinkscope
