#include "engine/llama/runtime.h"

#include <ggml.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "engine/llama/fatal_signals.h"

namespace sinkscope {

void apply(const ProcessTuning& tuning) {
#ifdef __GLIBC__
  constexpr int kLargeBytes = 256 << 10;
  if (tuning.large_arrays_by_pages) mallopt(M_MMAP_THRESHOLD, kLargeBytes);
#endif
  if (!tuning.on_fatal) return;
  ggml_set_abort_callback(tuning.on_fatal);
  watch_fatal_signals(tuning.on_fatal);
}

}  // namespace sinkscope
