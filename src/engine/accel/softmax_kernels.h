#pragma once

#include <cstdint>

#include "engine/accel/onednn.h"

namespace sinkscope::accel {

// What happens to a tile of scores between the two products of attention, and to the columns of what it leaves.
// All pointers may be unaligned. A tile's width is a multiple of 64.
struct SoftmaxKernels {
  // The largest of scores[first .. last); -inf if there is none.
  float (*largest)(const float* scores, int first, int last);

  // Turns products into logits, in place: softcap * tanh(scale * x / softcap), or scale * x if softcap is 0, plus
  // slope * mask (f16; may be null), and -inf where the mask is.
  void (*make_logits)(float* scores, int first, int last, float scale, float softcap, float slope,
                      const std::uint16_t* mask);

  // weights[i] = exp(scale * scores[i] - shift) for i in [first, last), 0 in the rest of [0, width). NaN stays NaN.
  //
  // weights  of type `number`
  // returns  the sum of the weights as they are stored, so that a row that is divided by it sums to 1
  float (*exponentials)(const float* scores, int first, int last, int width, float scale, float shift, Number number,
                        void* weights);

  // weights[i] *= factor for i in [0, width)
  void (*scale)(void* weights, Number number, int width, float factor);

  // sums[i]     = sum over rows of weights[row, i] / normaliser of the row
  // far_sums[i] = the same over rows with i < far_last[row]
  //
  // weights  [n_rows, width] of type `number`
  // inverse  [n_rows] 1 / normaliser
  void (*column_sums)(const void* weights, Number number, int n_rows, int width, const float* inverse,
                      const std::int32_t* far_last, float* sums, float* far_sums);

  // totals[i] += addends[i] rounded to a multiple of 2^-32. Such sums are exact up to 2^20, so their order, which
  // threads decide, does not matter.
  void (*add_exactly)(const float* addends, int n, double* totals);
};

// Those for this processor, or for the best instruction set that Highway is told to use.
SoftmaxKernels softmax_kernels_of_processor();

// The same in plain C++, to compare with.
const SoftmaxKernels& plain_softmax_kernels();

}  // namespace sinkscope::accel
