#include "engine/accel/peak.h"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "engine/accel/onednn.h"

namespace sinkscope {
namespace {

using accel::Number;
using accel::Onednn;
using accel::RightForm;

double measure(Onednn& onednn, Number number, int n_threads) {
  constexpr int kRows = 256, kSide = 512, kRounds = 8, kProducts = 30;
  const RightForm form = onednn.packed_form(number);
  const accel::Operation& product =
      onednn.matmul({kRows, kSide, kSide, form == RightForm::kBlocks ? 0 : kSide, 0, form, number, false}, n_threads);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    double spent = 0;
#pragma omp parallel num_threads(n_threads) reduction(max : spent)
    {
      Onednn::single_threaded();
      const int thread = omp_get_thread_num();
      std::vector<float> a(kRows * kSide, 0.5F), b(kSide * kSide, 0.5F), c(kRows * kSide);
      product.run(thread, a.data(), b.data(), c.data());
#pragma omp barrier
      const double start = omp_get_wtime();
      for (int i = 0; i < kProducts; ++i) product.run(thread, a.data(), b.data(), c.data());
      spent = omp_get_wtime() - start;
    }
    best = std::max(best, 2.0 * kRows * kSide * kSide * kProducts * n_threads / spent);
  }
  return best;
}

}  // namespace

ProductPeaks measure_product_peaks(int n_threads) {
  Onednn onednn;
  ProductPeaks peaks;
  peaks.f32 = measure(onednn, Number::kF32, n_threads);
  if (Onednn::has_bf16()) peaks.bf16 = measure(onednn, Number::kBf16, n_threads);
  return peaks;
}

}  // namespace sinkscope
