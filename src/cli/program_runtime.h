#pragma once

#include "engine/llama/runtime.h"

namespace sinkscope {

// The runtime of the program: it owns its process, so all tuning is on.
//
// n_threads  0: default_threads()
Runtime program_runtime(int n_threads);

// OpenMP's threads wait for each other at some thousand barriers a micro-batch, spinning for milliseconds at each.
// Where other programs want the processors too, that made scans ten times slower. The library reads its setting when it
// is loaded, so the program starts itself again, once, with a short wait in the environment.
void wait_without_spinning(char** argv);

}  // namespace sinkscope
