#include "engine/accel/weight_product.h"

#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/accel/precision.h"
#include "node.h"

namespace sinkscope::accel {
namespace {

using testing_support::ContextPtr;
using testing_support::tensors_with_memory;

// A product of weights as ggml holds it, and what it should be.
struct Problem {
  ContextPtr context;
  ggml_tensor* node = nullptr;
  std::vector<double> expected, size;  // size: sum of |w x|, the scale of rounding errors

  // planes  matrices of weights, each with `repeats` matrices of rows
  Problem(ggml_type type, int n_in, int n_out, int n_rows, int planes = 1, int repeats = 1, int gap = 0)
      : context(tensors_with_memory(static_cast<std::size_t>(planes) * n_out * n_in * 8 +
                                    static_cast<std::size_t>(planes) * repeats * n_rows * (n_in + gap + n_out) * 4)) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    ggml_tensor* weights = ggml_new_tensor_3d(context.get(), type, n_in, n_out, planes);
    std::vector<float> numbers(static_cast<std::size_t>(planes) * n_out * n_in);
    for (float& x : numbers) x = normal(random);
    ggml_quantize_chunk(type, numbers.data(), weights->data, 0, static_cast<std::int64_t>(planes) * n_out, n_in,
                        nullptr);
    if (type != GGML_TYPE_F32)
      ggml_get_type_traits(type)->to_float(weights->data, numbers.data(), static_cast<std::int64_t>(numbers.size()));
    ggml_tensor* all = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, n_in + gap, n_rows, planes * repeats);
    for (std::int64_t i = 0; i < ggml_nelements(all); ++i) static_cast<float*>(all->data)[i] = normal(random);
    ggml_tensor* rows = ggml_view_3d(context.get(), all, n_in, n_rows, planes * repeats, all->nb[1], all->nb[2], 0);
    node = ggml_mul_mat(context.get(), weights, rows);
    for (int p = 0; p < planes * repeats; ++p) {
      for (int r = 0; r < n_rows; ++r) {
        const float* x = static_cast<float*>(all->data) + (static_cast<std::size_t>(p) * n_rows + r) * (n_in + gap);
        for (int o = 0; o < n_out; ++o) {
          const float* w = numbers.data() + (static_cast<std::size_t>(p / repeats) * n_out + o) * n_in;
          double sum = 0, magnitude = 0;
          for (int i = 0; i < n_in; ++i) {
            sum += static_cast<double>(w[i]) * x[i];
            magnitude += std::fabs(static_cast<double>(w[i]) * x[i]);
          }
          expected.push_back(sum);
          size.push_back(magnitude);
        }
      }
    }
  }

  // Every token has n_used experts of n_experts. Rows: one a token that all its experts take, or one for each.
  struct Experts {
    int n_experts, n_used, n_tokens;
    bool row_each;
  };
  Problem(ggml_type type, int n_in, int n_out, const Experts& e)
      : context(tensors_with_memory(static_cast<std::size_t>(e.n_experts) * n_out * n_in * 8 +
                                    static_cast<std::size_t>(e.n_tokens) * e.n_used * (n_in + n_out + 1) * 4)) {
    std::mt19937 random(6);
    std::normal_distribution<float> normal;
    ggml_tensor* weights = ggml_new_tensor_3d(context.get(), type, n_in, n_out, e.n_experts);
    std::vector<float> numbers(static_cast<std::size_t>(e.n_experts) * n_out * n_in);
    for (float& x : numbers) x = normal(random);
    ggml_quantize_chunk(type, numbers.data(), weights->data, 0, static_cast<std::int64_t>(e.n_experts) * n_out, n_in,
                        nullptr);
    ggml_get_type_traits(type)->to_float(weights->data, numbers.data(), static_cast<std::int64_t>(numbers.size()));
    const int n_rows = e.row_each ? e.n_used : 1;
    ggml_tensor* rows = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, n_in, n_rows, e.n_tokens);
    for (std::int64_t i = 0; i < ggml_nelements(rows); ++i) static_cast<float*>(rows->data)[i] = normal(random);
    ggml_tensor* ids = ggml_new_tensor_2d(context.get(), GGML_TYPE_I32, e.n_used, e.n_tokens);
    auto* id = static_cast<std::int32_t*>(ids->data);
    for (int t = 0; t < e.n_tokens; ++t)
      for (int i = 0; i < e.n_used; ++i) id[t * e.n_used + i] = (t * t + 2 * i) % (e.n_experts - 1);  // the last: none
    node = ggml_mul_mat_id(context.get(), weights, rows, ids);
    for (int t = 0; t < e.n_tokens; ++t) {
      for (int i = 0; i < e.n_used; ++i) {
        const float* x = static_cast<float*>(rows->data) + (static_cast<std::size_t>(t) * n_rows + i % n_rows) * n_in;
        for (int o = 0; o < n_out; ++o) {
          const float* w = numbers.data() + (static_cast<std::size_t>(id[t * e.n_used + i]) * n_out + o) * n_in;
          double sum = 0, magnitude = 0;
          for (int k = 0; k < n_in; ++k) {
            sum += static_cast<double>(w[k]) * x[k];
            magnitude += std::fabs(static_cast<double>(w[k]) * x[k]);
          }
          expected.push_back(sum);
          size.push_back(magnitude);
        }
      }
    }
  }

  void expect(double tolerance) const {
    const auto* result = static_cast<const float*>(node->data);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(result[i], expected[i], tolerance * size[i]) << "at " << i;
  }
};

// Errors relative to the sum of magnitudes: float32 sums of a few hundred terms; two factors rounded to 8 bits.
constexpr double kTolerance[] = {1e-6, 0x1.02p-7};

class WeightProductTest : public testing::TestWithParam<Number> {
 protected:
  void SetUp() override {
    ggml_cpu_init();
    if (GetParam() == Number::kBf16 && !Onednn::has_bf16()) GTEST_SKIP() << "no bf16 on this processor";
  }
  void check(const Problem& problem, int n_threads = 2) {
    ASSERT_TRUE(WeightProducts::supports(problem.node));
    products_.multiply(problem.node, GetParam(), n_threads);
    problem.expect(kTolerance[GetParam() == Number::kBf16]);
  }
  Onednn onednn_;
  WeightProducts products_{onednn_};
};

TEST_P(WeightProductTest, EveryTypeOfWeights) {
  for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1,
                               GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K,
                               GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS}) {
    SCOPED_TRACE(ggml_type_name(type));
    check(Problem(type, 512, 130, 40));
  }
}

TEST_P(WeightProductTest, EveryShape) {
  for (const int n_in : {32, 64, 96, 288, 576}) {
    for (const int n_out : {1, 63, 64, 100, 192}) {
      for (const int n_rows : {1, 2, 31, 100}) {
        SCOPED_TRACE(std::to_string(n_in) + " " + std::to_string(n_out) + " " + std::to_string(n_rows));
        check(Problem(GGML_TYPE_Q8_0, n_in, n_out, n_rows));
      }
    }
  }
}

TEST_P(WeightProductTest, OddNumberOfInputs) {
  for (const int n_in : {1, 15, 33, 80, 83, 259})
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16}) {
      SCOPED_TRACE(std::string(ggml_type_name(type)) + " " + std::to_string(n_in));
      check(Problem(type, n_in, 70, 33));
    }
}

TEST_P(WeightProductTest, ManyThreads) {
  for (const int n_threads : {1, 3, 7}) check(Problem(GGML_TYPE_Q4_0, 256, 700, 50), n_threads);
}

TEST_P(WeightProductTest, RowsWithGaps) { check(Problem(GGML_TYPE_Q4_0, 128, 80, 40, 1, 1, 16)); }

// Weights with a third dimension, shared by some matrices of rows: keys of grouped heads.
TEST_P(WeightProductTest, SeveralMatrices) { check(Problem(GGML_TYPE_F16, 64, 70, 33, 2, 3)); }

TEST_P(WeightProductTest, Experts) {
  for (const bool row_each : {false, true}) {
    check(Problem(GGML_TYPE_Q8_0, 64, 100, Problem::Experts{5, 2, 37, row_each}));
    check(Problem(GGML_TYPE_Q4_K, 256, 70, Problem::Experts{9, 4, 3, row_each}), 3);
  }
}

TEST_P(WeightProductTest, ExpertThatIsNone) {
  Problem problem(GGML_TYPE_Q8_0, 64, 100, Problem::Experts{5, 2, 37, false});
  static_cast<std::int32_t*>(problem.node->src[2]->data)[9] = 5;
  EXPECT_THROW(products_.multiply(problem.node, GetParam(), 2), Error);
}

// More than the unpacked weights may take at once.
TEST_P(WeightProductTest, LargerThanTheBuffer) { check(Problem(GGML_TYPE_Q4_0, 4096, 4200, 3)); }

INSTANTIATE_TEST_SUITE_P(Numbers, WeightProductTest, testing::Values(Number::kF32, Number::kBf16),
                         [](const auto& number) { return number.param == Number::kF32 ? "f32" : "bf16"; });

}  // namespace
}  // namespace sinkscope::accel
