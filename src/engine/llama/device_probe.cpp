#include "engine/llama/device_probe.h"

#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "engine/attention/column_sums.h"
#include "engine/gpu/token_runs.h"
#include "engine/llama/node_mask.h"
#include "engine/llama/tensor_access.h"

namespace sinkscope {

struct DeviceProbe::Work final : gpu::QueueLocal {
  explicit Work(gpu::Queue& queue)
      : kernels(gpu::make_kernels(queue.backend())), states(queue, kernels.get()), columns(queue, kernels.get()) {}
  std::uint64_t n_begun = 0;
  std::unique_ptr<gpu::Kernels> kernels;
  gpu::StateWork states;
  gpu::ColumnWork columns;
};

void DeviceProbe::begin(const MicroBatch& batch, Observer& observer) {
  batch_ = batch;
  observer_ = &observer;
  ++n_begun_;
  watched_.clear();
  pending_.clear();
  n_marked_ = 0;
  masks_.clear();
  kept_write_ = -1;
}

DeviceProbe::Work& DeviceProbe::kept_with(gpu::Queue& queue) {
  if (!queue.local) queue.local = std::make_unique<Work>(queue);
  return static_cast<Work&>(*queue.local);
}

std::vector<gpu::TokenRun> DeviceProbe::runs() const {
  const auto first = static_cast<std::size_t>(batch_.first_token), n = static_cast<std::size_t>(batch_.n_tokens);
  auto runs = gpu::token_runs(batch_.position.subspan(first, n), batch_.sequence.subspan(first, n));
  const auto candidates = observer_->figure_candidates();
  if (candidates.size() != runs.size()) {
    throw Error(ErrorCode::kInternal, "figures: expected candidates of " + std::to_string(runs.size()) +
                                          " sequences, got " + std::to_string(candidates.size()));
  }
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].candidates = candidates[i];
  return runs;
}

DeviceProbe::Work& DeviceProbe::work_on(gpu::Queue& queue) {
  Work& work = kept_with(queue);
  if (work.n_begun != n_begun_) {
    work.n_begun = n_begun_;
    work.states.begin(runs(), batch_.n_tokens);
    work.columns.begin_micro_batch();
    queue.release_kept();
  }
  return work;
}

gpu::Queue* DeviceProbe::queue_of(const ggml_tensor& node) const {
  const ggml_backend_buffer_t buffer = node.view_src ? node.view_src->buffer : node.buffer;
  if (!buffer || ggml_backend_buffer_is_host(buffer)) return nullptr;
  const ggml_backend_dev_t device = ggml_backend_buft_get_device(ggml_backend_buffer_get_type(buffer));
  const auto found = std::ranges::find_if(
      queues_, [&](const gpu::Queue* queue) { return ggml_backend_get_device(queue->backend()) == device; });
  return found == queues_.end() ? nullptr : *found;
}

bool DeviceProbe::takes(const ggml_tensor& node, const DeviceWish& wish) {
  Work& work = work_on(*queue_of(node));
  return wish.attention ? work.columns.takes(node) : work.states.takes(node);
}

bool DeviceProbe::could_sum(const ggml_tensor& attention) {
  return any() && queues_.front()->supports(&attention) && kept_with(*queues_.front()).columns.takes(attention);
}

void DeviceProbe::watch(const ggml_tensor& node, const DeviceWish& wish) {
  const bool for_check =
      !wish.attention && (wish.point == ProbePoint::kMidResidual || wish.point == ProbePoint::kEmbedding);
  if (!for_check || observer_->checks_writes()) watched_[&node].push_back(wish);
}

// Shows what lies before the mark, once the queue has passed it. What is asked there is handed over at once.
void DeviceProbe::settle(gpu::Queue& queue) {
  if (n_marked_ == 0) return;
  queue.wait();
  std::vector<std::function<void()>> passed;
  std::swap(passed, pending_);
  pending_.assign(std::make_move_iterator(passed.begin() + static_cast<std::ptrdiff_t>(n_marked_)),
                  std::make_move_iterator(passed.end()));
  passed.resize(n_marked_);
  n_marked_ = 0;
  for (const auto& show : passed) show();
  queue.turn();
}

void DeviceProbe::stretch_done(gpu::Queue& queue) {
  while (!pending_.empty()) {
    queue.mark();
    n_marked_ = pending_.size();
    settle(queue);
  }
}

void DeviceProbe::computed(gpu::Queue& queue, const ggml_tensor& node) {
  for (const DeviceWish& wish : watched_.at(&node)) look(queue, node, wish);
}

void DeviceProbe::check(gpu::Queue& queue, const ggml_tensor& node, const DeviceWish& wish) {
  if (!observer_->checks_writes()) return;
  gpu::StateWork& states = work_on(queue).states;
  if (wish.point == ProbePoint::kAttentionWrite || wish.point == ProbePoint::kMlpWrite) return states.add_write(node);
  const auto staged = states.check_sum(node);
  if (!staged) return;
  pending_.emplace_back([this, wish, staged] {
    observer_->on_writes({wish.point, wish.layer, batch_.first_token, staged->squared_error, staged->squared_norm});
  });
}

void DeviceProbe::look(gpu::Queue& queue, const ggml_tensor& node, const DeviceWish& wish) {
  if (wish.attention) return look_at_attention(queue, node, wish.layer);
  gpu::StateWork& states = work_on(queue).states;
  const auto show_later = [&](gpu::StagedPoint staged) {
    pending_.emplace_back([this, wish, staged = std::move(staged)] {
      observer_->on_state_figures(
          {wish.point, wish.layer, batch_.first_token, batch_.n_tokens, staged.view(state_dots_), {}});
    });
  };
  if (wish.point == ProbePoint::kAttentionInput) return show_later(states.attention_input(wish.layer, node));
  // From here on the block's output may be overwritten, and nothing more may be asked about it.
  settle(queue);
  if (wish.point == ProbePoint::kAttentionWrite) show_later(states.norms(node));
  if (wish.point == ProbePoint::kMlpWrite) {
    states.keep_write(node);
    kept_write_ = wish.layer;
  }
  if (wish.point == ProbePoint::kBlockOutput) look_at_block_output(queue, node, wish.layer);
  check(queue, node, wish);
}

void DeviceProbe::look_at_block_output(gpu::Queue& queue, const ggml_tensor& node, int layer) {
  gpu::StateWork& states = work_on(queue).states;
  gpu::StagedPoint state = states.block_output(layer, node);
  std::optional<gpu::StagedPoint> write;
  if (kept_write_ == layer) write = states.kept_write(layer, node);
  pending_.emplace_back([this, &queue, layer, output = node, state = std::move(state), write = std::move(write)] {
    StateFigures figures{ProbePoint::kBlockOutput, layer, batch_.first_token, batch_.n_tokens,
                         state.view(state_dots_),  {}};
    if (write) figures.write = write->view(write_dots_);
    observer_->on_state_figures(figures);
    answer(queue, layer, output);
  });
  queue.mark();
  n_marked_ = pending_.size();
}

// Called while the output is where it was: before anything of the next block is added to it.
void DeviceProbe::answer(gpu::Queue& queue, int layer, const ggml_tensor& output) {
  const StateQuestions questions = observer_->state_questions(layer);
  if (questions.weights.empty() && questions.rows.empty()) return;
  const gpu::StagedAnswers staged = work_on(queue).states.answers(output, questions);
  pending_.emplace_back([this, layer, staged] {
    observer_->on_state_answers(
        {layer, batch_.first_token, batch_.n_tokens, staged.sums, staged.centre_dot, staged.rows});
  });
}

const AttentionMask& DeviceProbe::mask_of(gpu::Queue& queue, const ggml_tensor& attention) {
  const ggml_tensor* tensor = attention.src[3];
  for (const auto& [of, mask] : masks_) {
    if (of == tensor) return *mask;
  }
  MaskTensor numbers;
  if (tensor) {
    const auto bytes = queue.stage_kept(ggml_nbytes(tensor));
    ggml_backend_tensor_get_async(queue.backend(), tensor, bytes.data(), 0, bytes.size());
    ggml_backend_synchronize(queue.backend());
    gpu::device_traffic().bytes_to_host += bytes.size();
    numbers = {bytes.data(), element_type_of(tensor), tensor->nb[1], static_cast<int>(tensor->ne[0]),
               is_computed_mask(tensor)};
  }
  auto mask = std::make_unique<AttentionMask>();
  read_causal_mask(numbers, batch_, *mask);
  return *masks_.emplace_back(tensor, std::move(mask)).second;
}

void DeviceProbe::look_at_attention(gpu::Queue& queue, const ggml_tensor& node, int layer) {
  settle(queue);
  const AttentionMask& mask = mask_of(queue, node);
  const std::span<const std::int32_t> watched = observer_->watched_keys(layer);
  gpu::ColumnWork& columns = work_on(queue).columns;
  const gpu::StagedColumns staged = columns.sum(node, mask, watched, observer_->wants_eviction_cost(layer));
  pending_.emplace_back([this, layer, node = node, &mask, keys = std::vector(watched.begin(), watched.end()), staged] {
    show_attention(layer, node, mask, keys, staged);
  });
}

void DeviceProbe::show_attention(int layer, const ggml_tensor& tensor, const AttentionMask& mask,
                                 std::span<const std::int32_t> watched, const gpu::StagedColumns& staged) {
  const gpu::AttentionNode node(tensor);
  const auto root = [](std::span<const float> squares) {
    std::vector<float> roots;
    for (const float square : squares) roots.push_back(std::sqrt(square));
    return roots;
  };
  const std::vector<float> key_norm = root(staged.key_squared_norm), value_norm = root(staged.value_squared_norm);
  observer_->on_key_value({layer, batch_.first_token, key_norm, value_norm});

  const auto n_heads = static_cast<int>(node.n_heads), n_kv_heads = static_cast<int>(node.n_kv_heads);
  const auto n_queries = static_cast<std::size_t>(batch_.n_tokens);
  double slope = 0;
  for (int head = 0; head < n_heads; ++head) slope += static_cast<double>(alibi_slope(node.max_bias, n_heads, head));
  const auto mean_slope = static_cast<float>(slope / n_heads);
  Matrix<float> logit(n_queries, watched.size());
  Matrix<std::uint8_t> visible(n_queries, watched.size());
  for (std::size_t q = 0; q < n_queries; ++q) {
    for (std::size_t w = 0; w < watched.size(); ++w) {
      visible(q, w) = mask.sees(static_cast<int>(q), watched[w]);
      if (visible(q, w))
        logit(q, w) = staged.watched_logit(q, w) + mean_slope * mask.bias(static_cast<int>(q), watched[w]);
    }
  }
  const std::vector<double> learned_mass(staged.learned_mass.begin(), staged.learned_mass.end());
  Matrix<double> cost(staged.eviction_cost.rows(), watched.size());
  Matrix<std::int32_t> left_out(staged.eviction_cost.rows(), watched.size());
  for (std::size_t h = 0; h < cost.rows(); ++h) {
    for (std::size_t w = 0; w < watched.size(); ++w) {
      cost(h, w) = static_cast<double>(staged.eviction_cost(h, w));
      left_out(h, w) = static_cast<std::int32_t>(std::lround(staged.left_out(h, w)));
    }
  }
  std::vector<std::int32_t> far_queries(cost.rows() > 0 ? watched.size() : 0);
  for (std::size_t w = 0; w < far_queries.size(); ++w) {
    far_queries[w] = mask.far_queries_that_see(static_cast<std::size_t>(watched[w]));
  }
  observer_->on_attention({layer,
                           batch_.first_token,
                           batch_.n_tokens,
                           mask.n_keys(),
                           n_heads,
                           n_kv_heads,
                           staged.sums,
                           staged.far_sums,
                           learned_mass,
                           mask.visibility(),
                           watched,
                           staged.watched_attention,
                           logit.view(),
                           visible.view(),
                           {std::as_const(cost).view(), std::as_const(left_out).view(), far_queries}});
}

}  // namespace sinkscope
