#pragma once

#include <cstdint>
#include <functional>

namespace sinkscope {

// How many threads parallel_for uses; 0 sets it to the number of processors.
void set_parallel_threads(int n_threads);
int parallel_threads();

// Calls body(i, thread) once for each i in [0, count), in any order, on up to parallel_threads() threads.
//
// body    thread is in [0, parallel_threads()): an index for scratch memory of a thread's own
// throws  the first exception that a call threw; the others still run
// cost    one parallel region of OpenMP, whose threads llama.cpp uses too: a second pool would fight with it
void parallel_for(std::int64_t count, const std::function<void(std::int64_t i, int thread)>& body);

}  // namespace sinkscope
