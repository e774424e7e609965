#include <ggml-backend-impl.h>
#include <ggml-cuda.h>

#include <ggml-cuda/common.cuh>
#include <string>

#include "base/error.h"
#include "engine/gpu/cuda/column_kernels.cuh"
#include "engine/gpu/kernels.h"

namespace sinkscope::gpu {
namespace {

constexpr int kThreads = 128, kRowThreads = 256;

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  throw Error(ErrorCode::kModel,
              std::string("CUDA: expected to measure on the device, got: ") + cudaGetErrorString(error));
}

template <int D>
void launch(const cuda::ColumnInputs& in, int n_heads, cudaStream_t stream) {
  constexpr int kBytes = cuda::kStill * D * static_cast<int>(sizeof(half));
  check(cudaFuncSetAttribute(cuda::normalisers<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  check(cudaFuncSetAttribute(cuda::columns<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  const auto blocks = [](int n) { return static_cast<unsigned>((n + cuda::kStill - 1) / cuda::kStill); };
  const auto heads = static_cast<unsigned>(n_heads);
  cuda::normalisers<D><<<dim3(blocks(in.n_queries), heads), kThreads, kBytes, stream>>>(in);
  cuda::columns<D><<<dim3(blocks(in.n_keys), heads), kThreads, kBytes, stream>>>(in);
}

class CudaKernels final : public Kernels {
 public:
  explicit CudaKernels(ggml_backend_t backend) : context_(*static_cast<ggml_backend_cuda_context*>(backend->context)) {}

  bool takes(const AttentionNode& node) const override {
    const bool size = node.head_dim == 64 || node.head_dim == 128;
    const bool aligned = node.key.nb[1] % 16 == 0 && node.key.nb[2] % 16 == 0 && node.query.nb[1] % 8 == 0;
    return size && aligned && node.key.type == GGML_TYPE_F16 && node.max_bias == 0 && node.query.ne[3] == 1 &&
           ggml_cuda_info().devices[context_.device].cc >= 800;
  }

  void sum_columns(const AttentionNode& node, const ColumnTask& task) override {
    ggml_cuda_set_device(context_.device);
    const cudaStream_t stream = context_.stream();
    const auto n_heads = static_cast<int>(node.n_heads), n_queries = static_cast<int>(node.n_queries);
    auto* queries = static_cast<half*>(task.queries);
    const float factor = node.softcap != 0 ? node.scale / node.softcap : node.scale * cuda::kLog2E;
    const dim3 rows(static_cast<unsigned>(n_queries), static_cast<unsigned>(n_heads));
    cuda::scale_queries<<<rows, 32, 0, stream>>>(static_cast<const float*>(node.query.data),
                                                 static_cast<std::int64_t>(node.query.nb[1] / sizeof(float)),
                                                 static_cast<std::int64_t>(node.query.nb[2] / sizeof(float)), queries,
                                                 n_queries, static_cast<int>(node.head_dim), factor);
    cuda::ColumnInputs in{};
    in.queries = queries;
    in.keys = static_cast<const half*>(node.key.data);
    in.key_row = static_cast<std::int64_t>(node.key.nb[1] / sizeof(half));
    in.key_head = static_cast<std::int64_t>(node.key.nb[2] / sizeof(half));
    in.rows = task.rows;
    in.tiles = task.tiles;
    in.sinks = node.sinks ? static_cast<const float*>(node.sinks->data) : nullptr;
    in.cap = node.softcap * cuda::kLog2E;
    in.group = static_cast<int>(node.n_heads / node.n_kv_heads);
    in.n_queries = n_queries;
    in.n_keys = static_cast<int>(task.n_keys);
    in.normaliser = task.normaliser;
    in.log_normaliser = task.log_normaliser;
    in.sums = task.sums;
    in.far_sums = task.far_sums;
    in.learned_mass = task.learned_mass;
    if (node.head_dim == 64) {
      launch<64>(in, n_heads, stream);
    } else {
      launch<128>(in, n_heads, stream);
    }
    if (in.learned_mass) cuda::learned_masses<<<static_cast<unsigned>(n_heads), 1024, 0, stream>>>(in);
    check(cudaGetLastError());
  }

  bool takes_states(std::int64_t width) const override { return width % 4 == 0; }

  void reduce_states(const StateTask& task) override {
    ggml_cuda_set_device(context_.device);
    cuda::reduce_rows<<<static_cast<unsigned>(task.n_rows), kRowThreads, 0, context_.stream()>>>(
        task.states, task.candidates, task.n_candidates, task.n_rows, static_cast<int>(task.width), task.squared_norm,
        task.dots);
    check(cudaGetLastError());
  }

 private:
  ggml_backend_cuda_context& context_;
};

}  // namespace

std::unique_ptr<Kernels> make_kernels(ggml_backend_t backend) {
  if (!ggml_backend_is_cuda(backend)) return nullptr;
  return std::make_unique<CudaKernels>(backend);
}

}  // namespace sinkscope::gpu
