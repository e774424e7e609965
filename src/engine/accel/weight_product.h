#pragma once

#include <cstdint>
#include <vector>

#include "engine/accel/onednn.h"
#include "engine/accel/pack_kernels.h"

struct ggml_tensor;

namespace sinkscope::accel {

struct ProductTimes {
  double unpacking_ms = 0, products_ms = 0, flop = 0;
};

// Products of weights of any GGUF type with float32 activations: ggml's MUL_MAT, and its MUL_MAT_ID, in which each row
// has experts of its own.
//
// Weights are unpacked on the way into a buffer of at most 32 MiB (or one block of 64 rows, if that is larger),
// in the layout that oneDNN multiplies fastest, and are used there by all activations of the micro-batch.
class WeightProducts {
 public:
  explicit WeightProducts(Onednn& onednn) : onednn_(onednn) {}

  static bool supports(const ggml_tensor* node);

  // node = weights x activations
  //
  // cost  2 * n_rows * n_out * n_in operations, and 32 MiB besides a bf16 copy of the activations
  ProductTimes multiply(const ggml_tensor* node, Number number, int n_threads);

 private:
  struct Plane {
    const char* weights;  // [n_out] rows of n_in numbers of weight_type
    std::size_t row_bytes;
    int weight_type;
    const void* rows;  // [n_rows, n_in] Number
    float* result;     // [n_rows, n_out]
    int n_rows, n_in, n_out;
  };
  struct Group {  // consecutive rows of weights that are unpacked together
    int first, count;
    const void* unpacked;
  };
  struct Chunk {
    int first, count;
  };

  const void* activations(const ggml_tensor* tensor, std::int64_t i2, std::int64_t i3, std::int64_t n_rows,
                          Number number, int n_threads);
  ProductTimes multiply_planes(const ggml_tensor* node, Number number, int n_threads);
  void sort_by_expert(const ggml_tensor* ids, int n_experts);
  ProductTimes multiply_by_experts(const ggml_tensor* node, Number number, int n_threads);
  void multiply_plane(const Plane& plane, Number number, int n_threads, ProductTimes& times);
  Group unpack_to_blocks(const Plane& plane, int first, int count, Number number, int n_threads);
  Group unpack_to_columns(const Plane& plane, int first, int count, int n_threads);
  void multiply_group(const Plane& plane, const Group& group, Number number, int n_threads);
  void cut_rows(int n_rows, int n_in, int n_threads);

  Onednn& onednn_;
  const PackKernels pack_ = pack_kernels_of_processor();
  std::vector<unsigned char> unpacked_, activations_;
  std::vector<float> staging_, results_;
  std::vector<Chunk> chunks_;
  std::vector<const Operation*> operations_;

  std::vector<int> expert_first_, expert_next_;  // [n_experts + 1], [n_experts]: where its places begin in places_
  std::vector<int> places_;                      // [n_used * n_tokens], by expert
  std::vector<unsigned char> gathered_;          // [rows of an expert, n_in]
  std::vector<float> expert_results_;            // [rows of an expert, n_out]
};

}  // namespace sinkscope::accel
