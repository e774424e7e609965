#pragma once

#include <cstdint>
#include <functional>

namespace sinkscope {

// Calls body(i, thread) once for each i in [0, count), in any order, on up to n_threads threads.
//
// n_threads  at least 1; base/thread_limits.h has a default. It is passed to whom it concerns: there is no setting
//            that all share
// body       thread is in [0, n_threads): an index for scratch memory of a thread's own
// throws     the first exception that a call threw; the others still run
// cost       one parallel region of OpenMP, whose threads llama.cpp uses too: a second pool would fight with it
void parallel_for(std::int64_t count, int n_threads, const std::function<void(std::int64_t i, int thread)>& body);

}  // namespace sinkscope
