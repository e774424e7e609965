#pragma once

#include <cstdint>

namespace sinkscope::gpu {

// What devices gave to the host on this thread: bytes that our own work had copied, and times that we waited for them.
// Counts from the start of the process; subtract two readings.
struct DeviceTraffic {
  std::uint64_t bytes_to_host = 0;
  std::uint64_t waits = 0;
};
DeviceTraffic& device_traffic();

}  // namespace sinkscope::gpu
