#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/accel/attention_rows.h"
#include "engine/accel/onednn.h"
#include "engine/attention/summer.h"

struct ggml_tensor;

namespace sinkscope::accel {

// Attention that sums its own columns: ggml's FLASH_ATTN_EXT.
//
//   logit[h, q, k] = softcap(scale * query[q, h] . key[k, kv(h)]) + slope(h) * mask[q, k]
//   A[h, q, k]     = exp(logit[h, q, k]) / (sum over k' of exp(logit[h, q, k']) + exp(sink_logit[h]))
//   node[q, h]     = sum over k of A[h, q, k] value[k, kv(h)]
//
// A block of queries, with all heads that share a KV head, runs through tiles of 512 keys. Of each tile: scores = one
// product; weights = exp(logit - m), m being the row's largest logit when it was first seen; one product with the
// values. The weights stay in the second-level cache until the row's normaliser is known, so that column sums need
// no second product. A row is made anew with a larger m only when its weights would leave the range of float32.
// What the mask hides in whole blocks of 64 keys costs nothing.
class FlashAttention {
 public:
  explicit FlashAttention(Onednn& onednn);
  ~FlashAttention();

  static bool supports(const ggml_tensor* node);

  // What to sum: columns of the cells that its mask describes.
  using Question = ColumnQuestion;

  // Computes one stream of the node.
  //
  // rows      [queries] of this stream, read from its mask
  // question  null: no sums
  // returns   with a question, the sums: valid until the next call, as accurate as `number`, and the same for any
  //           number of threads
  // cost      4 * head_dim operations a visible score, rounded up to whole blocks. Memory: keys and values of as many
  //           KV heads as fit 8 MiB (one at least), about 1.5 MiB a thread, 8 bytes a head and
  //           key, and 16 more for heads that are at work at once
  AttentionSums attend(const ggml_tensor* node, std::int64_t stream, std::span<const AttentionRow> rows, Number number,
                       int n_threads, const Question* question);

  // Operations of the last call: both products, over visible blocks.
  double flop() const;

 private:
  struct Workspace;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace sinkscope::accel
