#pragma once

#include <ggml-backend.h>

#include <cstdint>
#include <functional>

namespace sinkscope {

// A GPU for tests that is none: the CPU's arithmetic, but
//
//   memory     at addresses that nothing lies at, filled with NaN: who reads or writes it from the host crashes
//   queue      what is handed over is computed as late as possible: when somebody waits, and then up to the event that
//              is waited for. Descriptions of tensors are taken when work is handed over, staged numbers when it is
//              done
//
// So work that comes in the wrong order, staged memory that goes too early, and reading without waiting show. Registers
// LATE0 and LATE1 with ggml; once in a process.
void register_late_devices();

// Bytes that late devices copied to and from the host by get_async and get.
struct LateCopies {
  std::uint64_t to_host = 0;
};
LateCopies& late_copies();
// Times that somebody waited for a late device while it had work.
std::uint64_t& late_waits();
// Where numbers at an address of a late device lie.
void* late_address(const void* address);
// Has a late device do something when its turn has come.
void hand_to_late_device(ggml_backend_t backend, std::function<void()> work);
// Operations that late devices are to refuse, from now on.
void refuse_on_late_devices(ggml_op operation, bool refused);

}  // namespace sinkscope
