// The readable twin of softmax_kernels.cpp.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/accel/softmax_kernels.h"
#include "engine/attention/elements.h"

namespace sinkscope::accel {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

float read(const void* weights, Number number, int i) {
  if (number == Number::kF32) return static_cast<const float*>(weights)[i];
  return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(weights)[i]} << 16);
}

void write(void* weights, Number number, int i, float value) {
  if (number == Number::kF32) {
    static_cast<float*>(weights)[i] = value;
  } else {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) + 0x8000u;
    static_cast<std::uint16_t*>(weights)[i] = static_cast<std::uint16_t>(bits >> 16);
  }
}

float largest(const float* scores, int first, int last) {
  float largest = kHidden;
  for (int i = first; i < last; ++i) largest = std::max(largest, scores[i]);
  return largest;
}

void make_logits(float* scores, int first, int last, float scale, float softcap, float slope,
                 const std::uint16_t* mask) {
  for (int i = first; i < last; ++i) {
    scores[i] = softcap != 0 ? softcap * std::tanh(scale * scores[i] / softcap) : scale * scores[i];
    if (!mask) continue;
    const float bias = element(mask, ElementType::kF16, static_cast<std::size_t>(i));
    scores[i] = bias == kHidden ? kHidden : scores[i] + slope * bias;
  }
}

float exponentials(const float* scores, int first, int last, int width, float scale, float shift, Number number,
                   void* weights) {
  double sum = 0;
  for (int i = 0; i < width; ++i) {
    const float e = i >= first && i < last ? std::exp(scores[i] * scale - shift) : 0.0f;
    write(weights, number, i, e);
    sum += static_cast<double>(read(weights, number, i));
  }
  return static_cast<float>(sum);
}

void scale(void* weights, Number number, int width, float factor) {
  for (int i = 0; i < width; ++i) write(weights, number, i, read(weights, number, i) * factor);
}

void column_sums(const void* weights, Number number, int n_rows, int width, const float* inverse,
                 const std::int32_t* far_last, float* sums, float* far_sums) {
  for (int i = 0; i < width; ++i) {
    double all = 0, far = 0;
    for (int r = 0; r < n_rows; ++r) {
      const double a = static_cast<double>(read(weights, number, r * width + i)) * static_cast<double>(inverse[r]);
      all += a;
      if (i < far_last[r]) far += a;
    }
    sums[i] = static_cast<float>(all);
    far_sums[i] = static_cast<float>(far);
  }
}

void add_exactly(const float* addends, int n, double* totals) {
  for (int i = 0; i < n; ++i) totals[i] += std::nearbyint(static_cast<double>(addends[i]) * 0x1p32) * 0x1p-32;
}

}  // namespace

const SoftmaxKernels& plain_softmax_kernels() {
  static const SoftmaxKernels kernels{largest, make_logits, exponentials, scale, column_sums, add_exactly};
  return kernels;
}

}  // namespace sinkscope::accel
