#pragma once

#include <csignal>

namespace sinkscope::accel {

// While one lives, this thread handles no signal: it comes when the last one of the thread is gone, or to another thread.
// Faults of the thread's own (SIGSEGV and the like) are not held.
//
// Why: oneDNN's product for AVX2 (jit_avx_gemm_f32) lets the stack pointer point into the heap when it is given its scratch memory,
// so whatever handles a signal there writes its frame over what lies below: other memory of the process, results first of all. No
// handler is safe that runs on the ordinary stack, be it our own for Ctrl-C, Python's or a profiler's.
//
// cost  two calls of the system, none where one lives already
class HeldSignals {
 public:
  HeldSignals() noexcept;
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  bool is_first_;
  sigset_t before_{};
};

// Holds them for the rest of the thread's life. For the threads of a pool: other threads take their signals.
//
// cost  one call of the system in each thread's life
void hold_signals_for_good() noexcept;

}  // namespace sinkscope::accel
