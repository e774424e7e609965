#include "base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

namespace sinkscope {
namespace {
std::atomic<int> n_parallel_threads{0};
}

void set_parallel_threads(int n_threads) { n_parallel_threads = n_threads; }

int parallel_threads() {
  const int chosen = n_parallel_threads;
  return chosen > 0 ? chosen : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for(std::int64_t count, const std::function<void(std::int64_t, int)>& body) {
  std::exception_ptr first;
#pragma omp parallel for schedule(dynamic, 1) num_threads(parallel_threads())
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      body(i, omp_get_thread_num());
    } catch (...) {
#pragma omp critical(sinkscope_parallel_for)
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace sinkscope
