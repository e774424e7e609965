#include "tests/engine/gpu/slow_kernels.h"

#include <ggml.h>

#include <cmath>
#include <vector>

#include "engine/gpu/kernels.h"
#include "tests/engine/gpu/late_device.h"

namespace sinkscope {
namespace {

bool slow_kernels_are_used = false;
int n_columns_asked = 0, n_states_asked = 0;

// A vector of a tensor [head_dim, rows, heads] at an address of the device.
template <typename T>
const T* vector_at(const ggml_tensor& tensor, std::int64_t row, std::int64_t head) {
  return reinterpret_cast<const T*>(static_cast<const char*>(late_address(tensor.data)) +
                                    static_cast<std::size_t>(row) * tensor.nb[1] +
                                    static_cast<std::size_t>(head) * tensor.nb[2]);
}

template <typename T>
T* at_late(T* address) {
  return static_cast<T*>(late_address(address));
}

struct ColumnJob {
  ggml_tensor query, key, sinks;
  bool has_sinks;
  float scale, softcap;
  gpu::ColumnTask task;

  double logit(std::int64_t q, std::int64_t k, std::int64_t head) const {
    const auto* a = vector_at<float>(query, q, head);
    const auto* b = vector_at<ggml_fp16_t>(key, k, head / (query.ne[2] / key.ne[2]));
    double x = 0;
    for (std::int64_t d = 0; d < query.ne[0]; ++d) {
      x += static_cast<double>(a[d]) * static_cast<double>(ggml_fp16_to_fp32(b[d]));
    }
    x *= static_cast<double>(scale);
    const auto cap = static_cast<double>(softcap);
    return softcap != 0 ? cap * std::tanh(x / cap) : x;
  }

  void run() const {
    const std::int64_t n_queries = query.ne[1];
    const auto n_keys = static_cast<std::size_t>(task.n_keys);
    for (std::int64_t h = 0; h < query.ne[2]; ++h) {
      std::vector<double> sums(n_keys), far(n_keys), p(n_keys);
      const double sink = has_sinks ? static_cast<double>(static_cast<const float*>(late_address(sinks.data))[h]) : 0;
      double mass = 0;
      for (std::int64_t q = 0; q < n_queries; ++q) {
        const gpu::DeviceRow row = at_late(task.rows)[q];
        double all = has_sinks ? std::exp(sink) : 0;
        for (auto k = static_cast<std::size_t>(row.first); k < static_cast<std::size_t>(row.last); ++k) {
          all += p[k] = std::exp(logit(q, static_cast<std::int64_t>(k), h));
        }
        for (auto k = static_cast<std::size_t>(row.first); k < static_cast<std::size_t>(row.last); ++k) {
          sums[k] += p[k] / all;
          if (k < static_cast<std::size_t>(row.far_last)) far[k] += p[k] / all;
        }
        if (has_sinks) mass += std::exp(sink) / all;
        at_late(task.log_normaliser)[h * n_queries + q] = static_cast<float>(std::log(all));
      }
      for (std::size_t k = 0; k < n_keys; ++k) {
        at_late(task.sums)[static_cast<std::size_t>(h) * n_keys + k] = static_cast<float>(sums[k]);
        at_late(task.far_sums)[static_cast<std::size_t>(h) * n_keys + k] = static_cast<float>(far[k]);
      }
      if (task.learned_mass) at_late(task.learned_mass)[h] = static_cast<float>(mass);
    }
  }
};

void reduce(const gpu::StateTask& task) {
  const float* states = at_late(task.states);
  const auto dot = [&](const float* a, const float* b) {
    double sum = 0;
    for (std::int64_t i = 0; i < task.width; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return static_cast<float>(sum);
  };
  for (std::int64_t row = 0; row < task.n_rows; ++row) {
    const float* x = states + row * task.width;
    at_late(task.squared_norm)[row] = dot(x, x);
    for (int c = 0; c < task.n_candidates; ++c) {
      at_late(task.dots)[c * task.n_rows + row] = dot(x, at_late(task.candidates) + c * task.width);
    }
  }
}

class SlowKernels final : public gpu::Kernels {
 public:
  explicit SlowKernels(ggml_backend_t backend) : backend_(backend) {}
  bool takes(const gpu::AttentionNode& node) const override {
    return node.key.type == GGML_TYPE_F16 && node.max_bias == 0;
  }
  void sum_columns(const gpu::AttentionNode& node, const gpu::ColumnTask& task) override {
    ++n_columns_asked;
    const ColumnJob job{node.query,   node.key, node.sinks ? *node.sinks : node.key, node.sinks != nullptr, node.scale,
                        node.softcap, task};
    hand_to_late_device(backend_, [job] { job.run(); });
  }
  bool takes_states(std::int64_t) const override { return true; }
  void reduce_states(const gpu::StateTask& task) override {
    ++n_states_asked;
    hand_to_late_device(backend_, [task] { reduce(task); });
  }

 private:
  ggml_backend_t backend_;
};

}  // namespace

SlowKernelsInUse::SlowKernelsInUse() {
  slow_kernels_are_used = true;
  n_columns_asked = n_states_asked = 0;
}
SlowKernelsInUse::~SlowKernelsInUse() { slow_kernels_are_used = false; }
int SlowKernelsInUse::n_column_sums() { return n_columns_asked; }
int SlowKernelsInUse::n_states() { return n_states_asked; }

// In place of the library's, which has none.
std::unique_ptr<gpu::Kernels> gpu::make_kernels(ggml_backend_t backend) {
  return slow_kernels_are_used ? std::make_unique<SlowKernels>(backend) : nullptr;
}

}  // namespace sinkscope
