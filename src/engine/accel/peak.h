#pragma once

#include <optional>

namespace sinkscope {

// Operations a second of oneDNN's own products on this machine: what a share of the peak is a share of.
struct ProductPeaks {
  std::optional<double> f32, bf16;  // empty: this processor or build has no such products
};

// Measures products of 256 x 512 x 512 that stay in the second-level caches, on every thread at once.
//
// cost  about half a second
ProductPeaks measure_product_peaks(int n_threads);

}  // namespace sinkscope
