#pragma once

#include <optional>

namespace sinkscope {

// The most memory that this program has held so far, in MiB, as the kernel counts it.
// returns  nothing where the system does not tell
std::optional<double> peak_memory_mib();

}  // namespace sinkscope
