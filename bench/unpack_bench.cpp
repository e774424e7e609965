// Quantised weights to float32: ours beside ggml's, in weights a second.
#include <benchmark/benchmark.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/accel/unpack_kernels.h"

namespace {

constexpr int kWeights = 1 << 14;

void unpack(benchmark::State& state, ggml_type type, sinkscope::accel::UnpackKernel kernel) {
  std::vector<float> weights(kWeights);
  for (int i = 0; i < kWeights; ++i) weights[static_cast<std::size_t>(i)] = std::sin(static_cast<float>(i));
  std::vector<char> blocks(ggml_row_size(type, kWeights));
  ggml_quantize_chunk(type, weights.data(), blocks.data(), 0, 1, kWeights, nullptr);
  for (auto _ : state) {
    if (kernel) {
      kernel(blocks.data(), kWeights, weights.data());
    } else {
      ggml_get_type_traits(type)->to_float(blocks.data(), weights.data(), kWeights);
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kWeights);
}

}  // namespace

int main(int argc, char** argv) {
  ggml_cpu_init();
  for (const ggml_type type : {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0,
                               GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K}) {
    const std::string name = ggml_type_name(type);
    benchmark::RegisterBenchmark((name + "/ggml").c_str(), unpack, type, nullptr);
    benchmark::RegisterBenchmark((name + "/ours").c_str(), unpack, type,
                                 sinkscope::accel::unpack_kernel_of_processor(type));
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
