#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/parallel.h"

namespace sinkscope {

// Tokens of one sequence in the running micro-batch.
struct Segment {
  std::size_t sequence;
  int first_row;
  int first_position;
  int n_rows;
};

// Rows, or columns, of one segment: what one thread does at a time.
struct SegmentTask {
  std::size_t segment;
  std::size_t first, count;
};

// Appends tasks of at most `most` that together are 0 .. n of a segment.
inline void append_tasks(std::size_t segment, std::size_t n, std::size_t most, std::vector<SegmentTask>& tasks) {
  for (std::size_t first = 0; first < n; first += most) tasks.push_back({segment, first, std::min(most, n - first)});
}

// Calls body(i). One parallel region costs as much as a hundred tokens, so a single task goes without.
template <typename Body>
void for_each_task(std::size_t count, int n_threads, const Body& body) {
  if (count == 1) {
    body(std::size_t{0});
  } else if (count > 1) {
    parallel_for(static_cast<std::int64_t>(count), n_threads,
                 [&](std::int64_t i, int) { body(static_cast<std::size_t>(i)); });
  }
}

}  // namespace sinkscope
