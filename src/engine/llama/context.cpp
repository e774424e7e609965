#include "engine/llama/context.h"

#include <ggml.h>
#include <llama-ext.h>
#include <llama.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/accel/device.h"
#include "engine/gpu/proxy_device.h"
#include "engine/llama/loading.h"
#include "engine/llama/unused_logits.h"
#include "engine/memory/pages_on_demand.h"

namespace sinkscope {
namespace {

constexpr int kAnySize = std::numeric_limits<int>::max();

int round_up(int value, int step) { return (value + step - 1) / step * step; }

}  // namespace

PlacedTokens::PlacedTokens(const Pack& pack) {
  tokens.reserve(static_cast<std::size_t>(pack.n_tokens()));
  for (std::size_t s = 0; s < pack.sequences.size(); ++s) {
    for (std::size_t i = 0; i < pack.sequences[s].size(); ++i) {
      add(pack.sequences[s][i], static_cast<int>(i), static_cast<int>(s));
    }
  }
}

void PlacedTokens::add(TokenId token, int token_position, int token_sequence) {
  tokens.push_back(token);
  position.push_back(token_position);
  sequence.push_back(token_sequence);
}

void DecodeContext::make_room(int n_tokens, bool has_long_rope) {
  const std::optional<int> most_short = has_long_rope ? std::nullopt : options_.short_rope_tokens;
  const int needed = std::min(std::max(n_tokens, options_.n_ubatch), most_short.value_or(kAnySize));
  if (context_ && needed <= n_ctx_ && has_long_rope == has_long_rope_) return;
  int size = options_.n_ctx > 0 ? std::max(options_.n_ctx, needed)
                                : std::max(needed, std::min(2 * n_ctx_, options_.n_ctx_train));
  probe_.devices().use({});  // queues go with the context
  context_.reset();
  maps_.clear();
  has_long_rope_ = has_long_rope;
  // What decides is the context's size, not the text's.
  if (most_short) size = std::min(size, *most_short);
  if (has_long_rope) size = std::max(size, *options_.short_rope_tokens + 1);
  size = round_up(size, 256);
  llama_context_params params = deployed_context_params(options_.deployment);
  params.n_ctx = static_cast<std::uint32_t>(size);
  params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(options_.n_ubatch);
  params.n_seq_max = static_cast<std::uint32_t>(options_.n_seq_max);
  params.n_threads = params.n_threads_batch = options_.n_threads;
  params.cb_eval = DecodeProbe::on_node;
  params.cb_eval_user_data = &probe_;
  params.kv_unified = true;  // so that the sequences of a pack are not reordered
  // A layer is computed where it lies: states of a block that are half here and half there cannot be observed.
  params.op_offload = false;
  take_llama_error();
  const AccelScope scope(options_.precision);
  const gpu::QueueScope made;
  const PagesOnDemand pages;
  context_.reset(of_model(options_.path, [&] { return llama_init_from_model(model_, params); }));
  if (!context_ || !llama_get_memory(context_.get())) {
    throw Error(ErrorCode::kModel,
                options_.path + ": expected a context of " + std::to_string(size) +
                    " tokens, got: " + llama_reason("no key-value cache; is this a causal language model?"));
  }
  adapters_.give_to(context_.get());
  n_ctx_ = size;
  probe_.devices().use(made.queues);
  reserve_unbacked_logits(context_.get(), options_.n_ubatch, pages);
  take_llama_error();
}

const GraphMap& DecodeContext::map_for(int n_tokens) {
  const auto found = maps_.find(n_tokens);
  if (found != maps_.end()) return found->second;
  const auto n = static_cast<std::uint32_t>(n_tokens);
  const AccelScope scope(options_.precision);
  ggml_cgraph* graph = of_model(options_.path, [&] { return llama_graph_reserve(context_.get(), n, 1, n); });
  if (!graph) {
    throw Error(ErrorCode::kModel, options_.path + ": expected a compute graph, got: " + llama_reason("none"));
  }
  GraphMap map = map_graph(graph, options_.n_layers);
  if (!vocabulary_product_) vocabulary_product_.emplace(graph, options_.precision, options_.n_threads);
  for (BlockNodes& block : map.blocks) {
    if (!block.attention) continue;
    block.summed_on_device = probe_.devices().could_sum(*ggml_graph_node(graph, block.attention->ordinal));
  }
  if (options_.final_norm) take_final_norm(map);
  return maps_.emplace(n_tokens, std::move(map)).first->second;
}

void DecodeContext::take_final_norm(GraphMap& map) const {
  if (!map.final_norm) {
    throw Error(ErrorCode::kModel, options_.path + ": expected a final norm (result_norm), got none");
  }
  BlockNodes& last = map.blocks.back();
  last.block_output = map.final_norm;
  last.attention_write = last.mid_residual = last.mlp_write = std::nullopt;
}

void DecodeContext::next_token_logits(MatrixView<const float> states, Matrix<float>& logits) {
  if (!vocabulary_product_) map_for(1);
  vocabulary_product_->compute(states, logits);
}

void DecodeContext::decode(PlacedTokens& tokens, int first, int n, Observer& observer, const RunOptions& options) {
  const GraphMap& map = map_for(n);
  probe_.begin(map, {first, n, tokens.position, tokens.sequence, options.min_distance, options_.n_threads}, observer,
               options.edits, column_summers_);
  llama_batch batch{};
  batch.n_tokens = n;
  batch.token = tokens.tokens.data() + first;
  batch.pos = tokens.position.data() + first;
  const auto count = static_cast<std::size_t>(n);
  one_each_.assign(count, 1);
  all_output_.assign(count, 1);
  sequence_pointers_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    sequence_pointers_[i] = &tokens.sequence[static_cast<std::size_t>(first) + i];
  }
  batch.n_seq_id = one_each_.data();
  batch.seq_id = sequence_pointers_.data();
  batch.logits = all_output_.data();
  take_llama_error();
  const AccelScope scope(options_.precision, &accel_sums_);
  const gpu::WatchScope watched(probe_.devices());
  const int result = of_model(options_.path, [&] { return llama_decode(context_.get(), batch); });
  scope.rethrow();
  watched.rethrow();
  probe_.end();
  if (result != 0) {
    throw Error(ErrorCode::kModel, options_.path + ": expected to run tokens " + std::to_string(first) + " to " +
                                       std::to_string(first + n - 1) +
                                       ", got: " + llama_reason("llama_decode's code " + std::to_string(result)));
  }
}

}  // namespace sinkscope
