// Mixtures of experts: each expert's rows are gathered, multiplied at once, and put back where they belong.
#include <ggml.h>
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/index.h"
#include "engine/accel/numbers.h"
#include "engine/accel/weight_product.h"

namespace sinkscope::accel {
namespace {}  // namespace

// Places are slots of ids, in order of tokens: place = token * n_used + i.
void WeightProducts::sort_by_expert(const ggml_tensor* ids, int n_experts) {
  const int n_used = static_cast<int>(ids->ne[0]), n_tokens = static_cast<int>(ids->ne[1]);
  const auto expert_of = [&](int place) {
    const char* id =
        static_cast<const char*>(ids->data) + index(place / n_used) * ids->nb[1] + index(place % n_used) * ids->nb[0];
    std::int32_t expert;
    std::memcpy(&expert, id, sizeof expert);
    if (expert < 0 || expert >= n_experts) {
      throw Error(ErrorCode::kModel, "mixture of experts: expected experts below " + std::to_string(n_experts) +
                                         ", got " + std::to_string(expert));
    }
    return index(expert);
  };
  expert_first_.assign(index(n_experts) + 1, 0);
  for (int place = 0; place < n_used * n_tokens; ++place) ++expert_first_[expert_of(place) + 1];
  for (std::size_t e = 1; e < expert_first_.size(); ++e) expert_first_[e] += expert_first_[e - 1];
  places_.resize(index(n_used) * index(n_tokens));
  std::vector<int>& next = expert_next_;
  next.assign(expert_first_.begin(), expert_first_.end() - 1);
  for (int place = 0; place < n_used * n_tokens; ++place) places_[index(next[expert_of(place)]++)] = place;
}

ProductTimes WeightProducts::multiply_by_experts(const ggml_tensor* node, Number number, int n_threads) {
  const ggml_tensor *weights = node->src[0], *rows = node->src[1], *ids = node->src[2];
  const int n_experts = static_cast<int>(weights->ne[2]), n_used = static_cast<int>(ids->ne[0]);
  const std::int64_t n_in = weights->ne[0], n_out = weights->ne[1];
  ProductTimes times;
  double moving_ms = 0;
  sort_by_expert(ids, n_experts);
  for (int e = 0; e < n_experts; ++e) {
    const int first = expert_first_[index(e)], n_rows = expert_first_[index(e) + 1] - first;
    if (n_rows == 0) continue;
    const int* places = places_.data() + first;
    const double start = omp_get_wtime();
    gathered_.resize(std::max(gathered_.size(), index(n_rows * n_in) * bytes_of(number)));
    expert_results_.resize(std::max(expert_results_.size(), index(n_rows * n_out)));
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int r = 0; r < n_rows; ++r) {
      const char* from = static_cast<const char*>(rows->data) + index(places[r] / n_used) * rows->nb[2] +
                         index(places[r] % n_used % rows->ne[1]) * rows->nb[1];
      from_float32(reinterpret_cast<const float*>(from), n_in, number,
                   gathered_.data() + index(r * n_in) * bytes_of(number));
    }
    moving_ms += (omp_get_wtime() - start) * 1e3;
    multiply_plane({static_cast<const char*>(weights->data) + index(e) * weights->nb[2], weights->nb[1], weights->type,
                    gathered_.data(), expert_results_.data(), n_rows, static_cast<int>(n_in), static_cast<int>(n_out)},
                   number, n_threads, times);
    const double multiplied = omp_get_wtime();
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int r = 0; r < n_rows; ++r) {
      std::memcpy(static_cast<float*>(node->data) + index(places[r]) * index(n_out),
                  expert_results_.data() + index(r) * index(n_out), index(n_out) * sizeof(float));
    }
    moving_ms += (omp_get_wtime() - multiplied) * 1e3;
  }
  times.products_ms += moving_ms;
  return times;
}

}  // namespace sinkscope::accel
