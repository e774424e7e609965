#pragma once

#include "engine/accel/onednn.h"

namespace sinkscope::accel {

// Float32 numbers into a block of a right factor, RightForm::kBlocks: kBlockColumns columns of k rows, rounded to the
// nearest bf16 number (ties to even, NaN stays NaN) or as they are.
//
// A block lies as [rows, kBlockColumns] float32, or as [rows / 2, kBlockColumns] pairs of bf16, one row below the other
// in a pair. What the numbers do not fill, columns from n on and rows from k to k rounded up, becomes 0.
//
// from    no alignment is asked for
// stride  numbers from a column (of columns) or a row (of rows) to the next
// n       at most kBlockColumns
// to      [k rounded up to Onednn::row_step, kBlockColumns] of type `number`
struct PackKernels {
  void (*columns)(const float* from, int stride, int n, int k, Number number, void* to);
  void (*rows)(const float* from, int stride, int n, int k, Number number, void* to);
};

// Those for this processor, or for the best instruction set that Highway is told to use.
PackKernels pack_kernels_of_processor();

// The same in plain C++, to compare with.
const PackKernels& plain_pack_kernels();

}  // namespace sinkscope::accel
