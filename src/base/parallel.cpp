#include "base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>

namespace sinkscope {

void parallel_for(std::int64_t count, int n_threads, const std::function<void(std::int64_t, int)>& body) {
  std::exception_ptr first;
#pragma omp parallel for schedule(dynamic, 1) num_threads(std::max(1, n_threads))
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
