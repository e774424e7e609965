#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/attention/attention_mask.h"
#include "engine/gpu/column_work.h"
#include "engine/gpu/proxy_device.h"
#include "engine/gpu/state_work.h"
#include "engine/gpu/token_runs.h"
#include "engine/llama/micro_batch.h"
#include "probe/observer.h"

namespace sinkscope {

// What is looked at where a node lies.
struct DeviceWish {
  int layer;
  bool attention;  // else the states of `point`
  ProbePoint point;
};

// Observes nodes that lie on devices, one micro-batch after another, without having the network wait: states are
// reduced and columns are summed behind the nodes, on the devices' own queues, and what came of it is shown later, in
// the order in which the nodes were computed.
//
// An observer's answers are needed on the way: which keys are watched, which tokens are ordinary. So before the
// attention of block l is summed, all that was made of block l-1 is shown. By then the device has the products before
// that attention, and the attention itself, to work on.
class DeviceProbe final : public gpu::NodeWatcher {
 public:
  // queues  of the context's devices, until the next call
  void use(std::vector<gpu::Queue*> queues) { queues_ = std::move(queues); }
  // observer  must outlive the micro-batch
  void begin(const MicroBatch& batch, Observer& observer);
  bool any() const { return !queues_.empty(); }
  // Whether the first device has what it takes to sum an attention node; of a graph that is not computed too.
  bool could_sum(const ggml_tensor& attention);
  // Whether the node's numbers lie on one of the devices.
  bool holds(const ggml_tensor& node) const { return queue_of(node) != nullptr; }
  // Whether that device can do what is wished; else the numbers must be read to the host.
  bool takes(const ggml_tensor& node, const DeviceWish& wish);
  // States between attention and MLP, and the embedding, are looked at for the observer's check of writes only.
  void watch(const ggml_tensor& node, const DeviceWish& wish);

  bool watches(const ggml_tensor& node) const override { return watched_.contains(&node); }
  void computed(gpu::Queue& queue, const ggml_tensor& node) override;
  void stretch_done(gpu::Queue& queue) override;

 private:
  struct Work;  // what is kept with a queue

  gpu::Queue* queue_of(const ggml_tensor& node) const;
  Work& kept_with(gpu::Queue& queue);
  std::vector<gpu::TokenRun> runs() const;
  Work& work_on(gpu::Queue& queue);  // in this micro-batch
  void settle(gpu::Queue& queue);
  void look(gpu::Queue& queue, const ggml_tensor& node, const DeviceWish& wish);
  void look_at_attention(gpu::Queue& queue, const ggml_tensor& node, int layer);
  void look_at_block_output(gpu::Queue& queue, const ggml_tensor& node, int layer);
  void check(gpu::Queue& queue, const ggml_tensor& node, const DeviceWish& wish);
  void show_attention(int layer, const ggml_tensor& node, const AttentionMask& mask,
                      std::span<const std::int32_t> watched, const gpu::StagedColumns& staged);
  void answer(gpu::Queue& queue, int layer, const ggml_tensor& output);
  const AttentionMask& mask_of(gpu::Queue& queue, const ggml_tensor& attention);

  std::vector<gpu::Queue*> queues_;
  MicroBatch batch_;
  Observer* observer_ = nullptr;
  std::uint64_t n_begun_ = 0;
  std::unordered_map<const ggml_tensor*, std::vector<DeviceWish>> watched_;
  std::vector<std::function<void()>> pending_;  // to be shown, in this order
  std::size_t n_marked_ = 0;                    // of these, what the queue's mark lies behind
  std::vector<std::pair<const ggml_tensor*, std::unique_ptr<AttentionMask>>> masks_;  // of this micro-batch
  int kept_write_ = -1;  // the layer whose MLP write is kept
  Matrix<float> state_dots_, write_dots_;
};

}  // namespace sinkscope
