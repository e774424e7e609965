// In place of onednn_kernels.cpp and peak.cpp in builds without oneDNN.
#include "base/error.h"
#include "engine/accel/backend.h"
#include "engine/accel/peak.h"
#include "engine/accel/precision.h"

namespace sinkscope {

ProductPeaks measure_product_peaks(int) { return {}; }

std::unique_ptr<accel::Kernels> accel::make_kernels() { return nullptr; }

ResolvedPrecision resolve_precision(Precision requested) {
  if (requested == Precision::kBf16 || requested == Precision::kF32) {
    throw Error(ErrorCode::kUsage, "--precision " + name_of(requested) +
                                       ": expected a build with oneDNN, got one without; use native, or configure "
                                       "with -DSINKSCOPE_ONEDNN_DIR");
  }
  return {Precision::kNative, false, "native", "llama.cpp's own products; this build has no oneDNN and is slower"};
}

}  // namespace sinkscope
