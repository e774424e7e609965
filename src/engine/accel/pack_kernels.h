#pragma once

#include "engine/accel/onednn.h"

namespace sinkscope::accel {

// Columns that are packed at a time: so few that what they were unpacked to is still in the first-level cache.
inline constexpr int kPackedColumns = 16;

// Float32 numbers into a block of a right factor, RightForm::kBlocks: kBlockColumns columns of k rows, rounded to the
// nearest bf16 number (ties to even, NaN stays NaN) or as they are.
//
// A block lies as [rows, kBlockColumns] float32, or as [rows / 2, kBlockColumns] pairs of bf16, one row below the other
// in a pair: words of 4 bytes. What the numbers do not fill, columns from n on and rows from k to k rounded up,
// becomes 0. `rows` fills a block, `columns` kPackedColumns columns of it.
//
// from    no alignment is asked for
// stride  numbers from a column (of columns) or a row (of rows) to the next
// n       at most kPackedColumns (of columns) or kBlockColumns (of rows); may be 0
// to      first word of the block, or of the first of the columns: [k in whole steps of Onednn::row_step,
// kBlockColumns]
struct PackKernels {
  void (*columns)(const float* from, int stride, int n, int k, Number number, void* to);
  void (*rows)(const float* from, int stride, int n, int k, Number number, void* to);
};

// Those for this processor, or for the best instruction set that Highway is told to use.
PackKernels pack_kernels_of_processor();

// The same in plain C++, to compare with.
const PackKernels& plain_pack_kernels();

}  // namespace sinkscope::accel
