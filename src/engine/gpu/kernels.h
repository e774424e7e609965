#pragma once

#include <ggml-backend.h>

#include <cstdint>
#include <memory>

#include "engine/gpu/attention_node.h"
#include "engine/gpu/device_rows.h"

namespace sinkscope::gpu {

// What an attention node's columns are to become, at addresses of the device.
struct ColumnTask {
  const DeviceRow* rows;    // [n_queries]
  const DeviceTile* tiles;  // [ceil(n_queries / kTileQueries)]
  std::int64_t n_keys;
  void* queries;           // scratch: [n_heads, n_queries, head_dim] f16
  float *sums, *far_sums;  // [n_heads, n_keys] are written
  float* learned_mass;     // [n_heads] is written; null without learned sinks
  float* normaliser;       // scratch: [n_heads, n_queries]
  float* log_normaliser;   // [n_heads, n_queries] is written: log of the sum over visible keys of exp(logit)
};

// What states are to become, at addresses of the device.
struct StateTask {
  const float* states;      // [n_rows, width]
  const float* candidates;  // [n_candidates, width]
  std::int64_t n_rows, width;
  int n_candidates;     // 0 .. 8
  float* squared_norm;  // [n_rows] is written
  float* dots;          // [n_candidates, n_rows] is written
};

// Kernels of our own for one kind of device, in place of operations of ggml. They run on the device's own queue.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // Whether sum_columns takes a node; its mask must show one stretch of keys to each query, without a bias.
  virtual bool takes(const AttentionNode& node) const = 0;
  // throws  Error{kModel} if the device refuses
  virtual void sum_columns(const AttentionNode& node, const ColumnTask& task) = 0;
  virtual bool takes_states(std::int64_t width) const = 0;
  virtual void reduce_states(const StateTask& task) = 0;
};

// null  if this build has no kernels for the backend
std::unique_ptr<Kernels> make_kernels(ggml_backend_t backend);

}  // namespace sinkscope::gpu
