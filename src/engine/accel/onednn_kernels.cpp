#include <ggml.h>
#include <omp.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "engine/accel/attention_rows.h"
#include "engine/accel/backend.h"
#include "engine/accel/flash_attention.h"
#include "engine/accel/onednn.h"
#include "engine/accel/precision.h"
#include "engine/accel/scope_state.h"
#include "engine/accel/weight_product.h"

namespace sinkscope {
namespace accel {
namespace {

// Unpacking a model's weights costs as much as multiplying a few dozen rows with them.
constexpr std::int64_t kFewestRows = 32;

using RowsOfMask = AccelScope::State::RowsOfMask;

class OnednnKernels final : public Kernels {
 public:
  bool takes(const ggml_tensor* node, const ResolvedPrecision& precision) const override {
    const bool every_row = precision.every_row;
    if (is_product(node)) return (every_row || rows_of_product(node) >= kFewestRows) && WeightProducts::supports(node);
    if (node->op == GGML_OP_FLASH_ATTN_EXT)
      return (every_row || node->src[0]->ne[1] >= kFewestRows) && FlashAttention::supports(node);
    return false;
  }

  void compute(const ggml_tensor* node, int n_threads, AccelScope::State& scope) override {
    const Number number = scope.precision.precision == Precision::kBf16 ? Number::kBf16 : Number::kF32;
    if (is_product(node)) {
      const ProductTimes spent = products_.multiply(node, number, n_threads);
      times().unpacking_ms += spent.unpacking_ms;
      times().products_ms += spent.products_ms;
      times().product_flop += spent.flop;
      return;
    }
    const double start = omp_get_wtime();
    attend(node, number, n_threads, scope);
    times().attention_ms += (omp_get_wtime() - start) * 1e3;
  }

 private:
  static bool is_product(const ggml_tensor* node) {
    return node->op == GGML_OP_MUL_MAT || node->op == GGML_OP_MUL_MAT_ID;
  }

  // Rows of activations that one matrix of weights is multiplied with; with experts, on average.
  static std::int64_t rows_of_product(const ggml_tensor* node) {
    const ggml_tensor *weights = node->src[0], *rows = node->src[1];
    if (node->op == GGML_OP_MUL_MAT_ID) return ggml_nelements(node->src[2]) / weights->ne[2];
    return weights->ne[2] == 1 ? ggml_nrows(rows) : rows->ne[1];
  }

  static RowsOfMask* known_rows(std::uint64_t version, const void* tensor, AccelScope::State& scope) {
    const auto known = std::find_if(scope.rows.begin(), scope.rows.end(), [&](const RowsOfMask& rows) {
      return rows.version == version && rows.tensor == tensor;
    });
    return known == scope.rows.end() ? nullptr : &*known;
  }

  static const RowsOfMask& rows_of_question(const AttentionMask& mask, AccelScope::State& scope) {
    if (const RowsOfMask* known = known_rows(mask.version(), nullptr, scope)) return *known;
    RowsOfMask& rows = scope.rows.emplace_back(RowsOfMask{mask.version(), nullptr, false, {}});
    rows.far_known = rows_of(mask, rows.rows);
    return rows;
  }

  // keep  the mask is the same in later nodes
  const std::vector<AttentionRow>& rows_of_tensor(const ggml_tensor* node, std::int64_t stream, bool keep,
                                                  int n_threads, AccelScope::State& scope) {
    const ggml_tensor* mask = node->src[3];
    keep = keep && mask && node->src[0]->ne[3] == 1;
    if (keep) {
      if (const RowsOfMask* known = known_rows(0, mask, scope)) return known->rows;
    }
    std::vector<AttentionRow>& rows = keep ? scope.rows.emplace_back(RowsOfMask{0, mask, false, {}}).rows : own_rows_;
    read_rows(mask, stream, static_cast<int>(node->src[0]->ne[1]), static_cast<int>(node->src[1]->ne[1]), n_threads,
              rows);
    return rows;
  }

  void attend(const ggml_tensor* node, Number number, int n_threads, AccelScope::State& scope) {
    const std::int64_t n_streams = node->src[0]->ne[3];
    std::optional<AccelAttentionListener::Question> question;
    if (scope.listener && n_streams == 1) {
      question = scope.listener->before_attention(*node);
      if (question && question->mask && answer(node, *question, number, n_threads, scope)) return;
    }
    for (std::int64_t stream = 0; stream < n_streams; ++stream) {
      attention_.attend(node, stream, rows_of_tensor(node, stream, !question, n_threads, scope), number, n_threads,
                        nullptr);
      times().attention_flop += attention_.flop();
    }
  }

  bool answer(const ggml_tensor* node, const AccelAttentionListener::Question& asked, Number number, int n_threads,
              AccelScope::State& scope) {
    if (asked.mask->n_queries() != node->src[0]->ne[1] || asked.mask->n_keys() > node->src[1]->ne[1]) {
      throw Error(ErrorCode::kModel, "attention mask: expected " + std::to_string(node->src[0]->ne[1]) +
                                         " queries and at most " + std::to_string(node->src[1]->ne[1]) + " keys, got " +
                                         std::to_string(asked.mask->n_queries()) + " and " +
                                         std::to_string(asked.mask->n_keys()));
    }
    const RowsOfMask& rows = rows_of_question(*asked.mask, scope);
    if (!rows.far_known) return false;
    const AttentionSums sums = attention_.attend(node, 0, rows.rows, number, n_threads, asked.sums ? &asked : nullptr);
    times().attention_flop += attention_.flop();
    if (asked.sums) scope.listener->after_attention(*node, sums);
    return true;
  }

  Onednn onednn_;
  WeightProducts products_{onednn_};
  FlashAttention attention_{onednn_};
  std::vector<AttentionRow> own_rows_;
};

}  // namespace

std::unique_ptr<Kernels> make_kernels() { return std::make_unique<OnednnKernels>(); }

}  // namespace accel

ResolvedPrecision resolve_precision(Precision requested) {
  using accel::Onednn;
  const std::string have = Onednn::instructions();
  switch (requested) {
    case Precision::kNative:
      return {Precision::kNative, false, "native", "llama.cpp's own products"};
    case Precision::kF32:
      return {Precision::kF32, true, "f32", "float32 products on " + have};
    case Precision::kBf16:
      if (!Onednn::has_bf16()) {
        throw Error(ErrorCode::kUsage,
                    "--precision bf16: expected a processor with AVX512-BF16 or AMX, got " + have + "; use f32");
      }
      return {Precision::kBf16, false, "bf16", "bf16 products on " + have};
    case Precision::kAuto:
      break;
  }
  // Intel's processors multiply float32 twice as fast as bf16 without AMX: 16 x 2 multiply-adds a cycle against
  // 32 at half the rate.
  if (Onednn::has_amx() || (Onednn::has_bf16() && !Onednn::is_intel()))
    return {Precision::kBf16, false, "bf16", "bf16 products on " + have};
  return {Precision::kF32, false, "auto-f32", "float32 products on " + have};
}

}  // namespace sinkscope
