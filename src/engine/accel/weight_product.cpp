#include "engine/accel/weight_product.h"

#include <ggml.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "base/index.h"
#include "engine/accel/numbers.h"

namespace sinkscope::accel {
namespace {

constexpr std::size_t kUnpackedBytes = std::size_t{32} << 20;
constexpr int kStrip = 256;           // weights of a row that are unpacked at a time: one block of the K types
constexpr int kRowsAhead = 8;         // are on their way while one is unpacked
constexpr int kColumnsAtATime = 512;  // of results, where a whole row of them is not made at once

void check(const std::atomic<bool>& failed, const char* what) {
  if (failed) throw Error(ErrorCode::kModel, std::string("oneDNN: expected ") + what + " to run, got an error");
}

}  // namespace

bool WeightProducts::supports(const ggml_tensor* node) {
  const ggml_tensor *weights = node->src[0], *rows = node->src[1];
  const bool readable = weights->type == GGML_TYPE_F32 || ggml_get_type_traits(weights->type)->to_float;
  const bool chosen = node->op == GGML_OP_MUL_MAT_ID && node->src[2]->type == GGML_TYPE_I32;
  return (node->op == GGML_OP_MUL_MAT || chosen) && node->type == GGML_TYPE_F32 && ggml_is_contiguous(node) &&
         readable && weights->nb[0] == ggml_type_size(weights->type) && rows->type == GGML_TYPE_F32 &&
         rows->nb[0] == sizeof(float) && rows->nb[1] % sizeof(float) == 0 &&
         node->op_params[1] != GGML_HINT_SRC0_IS_HADAMARD;
}

const void* WeightProducts::activations(const ggml_tensor* tensor, std::int64_t i2, std::int64_t i3,
                                        std::int64_t n_rows, Number number, int n_threads) {
  const std::int64_t n_in = tensor->ne[0];
  const char* data = static_cast<const char*>(tensor->data) + index(i2) * tensor->nb[2] + index(i3) * tensor->nb[3];
  const bool dense = tensor->nb[1] == index(n_in) * sizeof(float);
  if (number == Number::kF32 && dense) return data;
  unsigned char* copy = room(activations_, index(n_rows * n_in) * bytes_of(number));
#pragma omp parallel for num_threads(n_threads) schedule(static)
  for (std::int64_t r = 0; r < n_rows; ++r) {
    const auto* from = reinterpret_cast<const float*>(data + index(r) * tensor->nb[1]);
    from_float32(from, n_in, number, copy + index(r * n_in) * bytes_of(number));
  }
  return copy;
}

ProductTimes WeightProducts::multiply(const ggml_tensor* node, Number number, int n_threads) {
  return node->op == GGML_OP_MUL_MAT_ID ? multiply_by_experts(node, number, n_threads)
                                        : multiply_planes(node, number, n_threads);
}

ProductTimes WeightProducts::multiply_planes(const ggml_tensor* node, Number number, int n_threads) {
  const ggml_tensor *weights = node->src[0], *rows = node->src[1];
  ProductTimes times;
  // One matrix of weights for all: its rows of activations may be taken as one long list.
  const bool flat = weights->ne[2] == 1 && weights->ne[3] == 1 && ggml_is_contiguous(rows);
  const std::int64_t n_rows = flat ? ggml_nrows(rows) : rows->ne[1];
  const std::int64_t n2 = flat ? 1 : rows->ne[2], n3 = flat ? 1 : rows->ne[3];
  for (std::int64_t i3 = 0; i3 < n3; ++i3) {
    for (std::int64_t i2 = 0; i2 < n2; ++i2) {
      const std::int64_t w2 = i2 / (flat ? 1 : rows->ne[2] / weights->ne[2]);
      const std::int64_t w3 = i3 / (flat ? 1 : rows->ne[3] / weights->ne[3]);
      Plane plane;
      plane.weights = static_cast<const char*>(weights->data) + index(w2) * weights->nb[2] + index(w3) * weights->nb[3];
      plane.row_bytes = weights->nb[1];
      plane.weight_type = weights->type;
      plane.rows = activations(rows, i2, i3, n_rows, number, n_threads);
      plane.result =
          reinterpret_cast<float*>(static_cast<char*>(node->data) + index(i2) * node->nb[2] + index(i3) * node->nb[3]);
      plane.n_rows = static_cast<int>(n_rows);
      plane.n_in = static_cast<int>(weights->ne[0]);
      plane.n_out = static_cast<int>(weights->ne[1]);
      multiply_plane(plane, number, n_threads, times);
    }
  }
  return times;
}

void WeightProducts::multiply_plane(const Plane& plane, Number number, int n_threads, ProductTimes& times) {
  const bool blocks = onednn_.packed_form(number) == RightForm::kBlocks;
  const std::size_t row_bytes = index(Onednn::block_rows(plane.n_in, number)) * bytes_of(number);
  const auto fit = static_cast<int>(std::min<std::size_t>(kUnpackedBytes / row_bytes, index(plane.n_out)));
  const int step = fit == plane.n_out ? fit : std::max(kBlockColumns, fit / kBlockColumns * kBlockColumns);
  cut_rows(plane.n_rows, plane.n_in, n_threads);
  for (int first = 0; first < plane.n_out; first += step) {
    const int count = std::min(step, plane.n_out - first);
    const double start = omp_get_wtime();
    const Group group = blocks ? unpack_to_blocks(plane, first, count, number, n_threads)
                               : unpack_to_columns(plane, first, count, n_threads);
    const double unpacked = omp_get_wtime();
    multiply_group(plane, group, number, n_threads);
    times.unpacking_ms += (unpacked - start) * 1e3;
    times.products_ms += (omp_get_wtime() - unpacked) * 1e3;
  }
  times.flop += 2.0 * plane.n_rows * plane.n_in * plane.n_out;
}

WeightProducts::Group WeightProducts::unpack_to_blocks(const Plane& plane, int first, int count, Number number,
                                                       int n_threads) {
  const std::size_t number_bytes = bytes_of(number);
  const std::size_t block_bytes = index(Onednn::block_rows(plane.n_in, number)) * kBlockColumns * number_bytes;
  const int n_blocks = (count + kBlockColumns - 1) / kBlockColumns;
  const int n_strips = (plane.n_in + kStrip - 1) / kStrip;
  unsigned char* to = room(unpacked_, index(n_blocks) * block_bytes);
  float* staging = room(staging_, index(n_threads) * kPackedColumns * kStrip);
  const RowReader reader(plane.weight_type);
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 1)
  for (int task = 0; task < n_blocks * n_strips; ++task) {
    const int b = task / n_strips, first_row = b * kBlockColumns, n_rows = std::min(kBlockColumns, count - first_row);
    const int first_in = task % n_strips * kStrip, k = std::min(kStrip, plane.n_in - first_in);
    const char* from = plane.weights + index(first + first_row) * plane.row_bytes;
    float* mine = staging + index(omp_get_thread_num()) * kPackedColumns * kStrip;
    unsigned char* block = to + index(b) * block_bytes + index(first_in) * kBlockColumns * number_bytes;
    for (int column = 0; column < kBlockColumns; column += kPackedColumns) {
      const int n = std::clamp(n_rows - column, 0, kPackedColumns);
      for (int c = 0; c < n; ++c) {
        const char* row = from + index(column + c) * plane.row_bytes;
        if (column + c + kRowsAhead < n_rows) reader.prefetch(row + kRowsAhead * plane.row_bytes, first_in, k);
        reader.read(row, first_in, k, mine + c * kStrip);
      }
      pack_.columns(mine, kStrip, n, k, number, block + index(column) * sizeof(float));
    }
  }
  return {first, count, to};
}

WeightProducts::Group WeightProducts::unpack_to_columns(const Plane& plane, int first, int count, int n_threads) {
  const char* from = plane.weights + index(first) * plane.row_bytes;
  if (plane.weight_type == GGML_TYPE_F32 && plane.row_bytes == index(plane.n_in) * sizeof(float)) {
    return {first, count, from};
  }
  auto* to = reinterpret_cast<float*>(room(unpacked_, index(count) * index(plane.n_in) * sizeof(float)));
  const RowReader reader(plane.weight_type);
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 8)
  for (int r = 0; r < count; ++r)
    reader.read(from + index(r) * plane.row_bytes, 0, plane.n_in, to + index(r) * index(plane.n_in));
  return {first, count, to};
}

// Rows of activations are multiplied in chunks that stay in the second-level cache. Their counts are powers of
// two, so that few products need be compiled, whatever the length of a text.
void WeightProducts::cut_rows(int n_rows, int n_in, int n_threads) {
  int chunk = n_in > 2048 ? 64 : 128;
  while (chunk > 32 && n_rows / chunk < 4 * n_threads) chunk /= 2;
  chunks_.clear();
  for (int first = 0; first < n_rows; first += chunks_.back().count) {
    while (chunk > n_rows - first) chunk /= 2;
    chunks_.push_back({first, chunk});
  }
}

void WeightProducts::multiply_group(const Plane& plane, const Group& group, Number number, int n_threads) {
  const RightForm form = onednn_.packed_form(number);
  const bool whole = group.count == plane.n_out && static_cast<int>(chunks_.size()) >= 2 * n_threads;
  const int width = whole ? group.count : std::min(kColumnsAtATime, group.count);
  const int n_pieces = (group.count + width - 1) / width, last = group.count - (n_pieces - 1) * width;
  // Only a contiguous result is as fast as oneDNN can; plain layouts do not mind.
  const bool direct = width == plane.n_out || form == RightForm::kColumns;
  operations_.clear();
  for (const Chunk& chunk : chunks_) {
    for (const int n : {width, last}) {
      const MatmulShape shape{
          chunk.count, n,      plane.n_in, form == RightForm::kColumns ? plane.n_in : 0, direct ? plane.n_out : 0,
          form,        number, false};
      operations_.push_back(&onednn_.matmul(shape, n_threads));
    }
  }
  constexpr int kLongestChunk = 128;
  float* results = direct ? nullptr : room(results_, index(n_threads) * kLongestChunk * index(width));
  const std::size_t number_bytes = bytes_of(number);
  const std::size_t column_bytes =
      index(form == RightForm::kBlocks ? onednn_.block_rows(plane.n_in, number) : plane.n_in) * number_bytes;
  const auto* rows = static_cast<const unsigned char*>(plane.rows);
  const auto* weights = static_cast<const unsigned char*>(group.unpacked);
  const int n_chunks = static_cast<int>(chunks_.size());
  std::atomic<bool> failed{false};
#pragma omp parallel num_threads(n_threads)
  {
    Onednn::single_threaded();
    const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
    for (int task = 0; task < n_chunks * n_pieces; ++task) {
      const int c = task / n_pieces, piece = task % n_pieces, column = piece * width;
      const Chunk chunk = chunks_[index(c)];
      const int n = piece == n_pieces - 1 ? last : width;
      const Operation* product = operations_[index(2 * c + (piece == n_pieces - 1))];
      float* to = plane.result + index(chunk.first) * index(plane.n_out) + index(group.first + column);
      float* made = direct ? to : results + index(thread) * kLongestChunk * index(width);
      if (!product->run(thread, rows + index(chunk.first) * index(plane.n_in) * number_bytes,
                        weights + index(column) * column_bytes, made)) {
        failed = true;
      }
      if (direct) continue;
      for (int r = 0; r < chunk.count; ++r)
        std::memcpy(to + index(r) * index(plane.n_out), made + index(r) * index(n), index(n) * sizeof(float));
    }
  }
  check(failed, "a product");
}

}  // namespace sinkscope::accel
