#pragma once

#include <filesystem>
#include <string_view>

namespace sinkscope {

// What says how many threads a process should use.
struct ThreadLimits {
  int n_processors = 1;                  // those that the process may run on, by its affinity
  std::string_view omp_num_threads;      // the environment variable OMP_NUM_THREADS; empty: unset
  std::filesystem::path proc = "/proc";  // where control groups are looked up; tests have a folder of their own
};

// How many threads to use where the user names no number.
//
// OMP_NUM_THREADS decides where it holds a number (of a list, the first). Otherwise there is one thread for each
// processor, and no more than the processor time that the control groups of the process (version 1 or 2, nested ones
// too) leave it, rounded up: threads beyond that only wait for each other.
//
// returns  at least 1
// cost     reads a few small files of the system
int threads_within(const ThreadLimits& limits);

// The same for this process.
int default_threads();

// A number of threads as options hold it: 0 stands for default_threads().
inline int threads_or_default(int n_threads) { return n_threads > 0 ? n_threads : default_threads(); }

}  // namespace sinkscope
