// Quantised weights to float32, ours beside ggml's, and float32 to blocks of a product, in weights a second.
#include <benchmark/benchmark.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/accel/pack_kernels.h"
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
      kernel(blocks.data(), weights.data(), kWeights);
    } else {
      ggml_get_type_traits(type)->to_float(blocks.data(), weights.data(), kWeights);
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kWeights);
}

// A strip of rows of weights into columns of a block of a right factor.
void pack(benchmark::State& state, sinkscope::accel::Number number, const sinkscope::accel::PackKernels& kernels) {
  constexpr int kColumns = sinkscope::accel::kPackedColumns, kStrip = 256;
  const std::vector<float> weights(kColumns * kStrip, 0.5f);
  std::vector<float> block(sinkscope::accel::kBlockColumns * kStrip);
  for (auto _ : state) {
    kernels.columns(weights.data(), kStrip, kColumns, kStrip, number, block.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kColumns * kStrip);
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
  using sinkscope::accel::Number;
  for (const Number number : {Number::kF32, Number::kBf16}) {
    const std::string name = number == Number::kF32 ? "pack f32" : "pack bf16";
    benchmark::RegisterBenchmark((name + "/plain").c_str(), pack, number, sinkscope::accel::plain_pack_kernels());
    benchmark::RegisterBenchmark((name + "/ours").c_str(), pack, number, sinkscope::accel::pack_kernels_of_processor());
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
