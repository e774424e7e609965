#include "tests/engine/gpu/emulated_device.h"

#include <ucontext.h>

#include <memory>
#include <vector>

namespace emulated {
namespace {

constexpr std::size_t kStackBytes = 256 << 10;
constexpr std::size_t kSharedBytes = 64 << 10;
constexpr unsigned kWarp = 32;

// Threads that wait for one another: each arrival counts, the last one lets all go on.
struct Meeting {
  unsigned n = 0, arrived = 0;
  std::uint64_t held = 0;
};

struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  bool done = false;
};

std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<Meeting> warps;
std::vector<float> lanes;  // by thread: what it exchanges
Meeting block;
ucontext_t scheduler;
unsigned current = 0;
const std::function<void()>* body = nullptr;

void let_others_run() {
  Fiber& fiber = *fibers[current];
  swapcontext(&fiber.context, &scheduler);
}

void meet(Meeting& meeting) {
  const std::uint64_t held = meeting.held;
  if (++meeting.arrived == meeting.n) {
    meeting.arrived = 0;
    ++meeting.held;
    return;
  }
  while (meeting.held == held) let_others_run();
}

void run_fiber() {
  (*body)();
  fibers[current]->done = true;
  let_others_run();
}

}  // namespace

half* shared_memory() {
  alignas(16) static half memory[kSharedBytes / sizeof(half)];
  return memory;
}

void wait_for_block() { meet(block); }

float exchange(float value, int lane_mask) {
  Meeting& warp = warps[current / kWarp];
  lanes[current] = value;
  meet(warp);
  const float other = lanes[current ^ static_cast<unsigned>(lane_mask)];
  meet(warp);  // all have read
  return other;
}

void launch(dim3 grid, unsigned n_threads, const std::function<void()>& kernel) {
  body = &kernel;
  gridDim = grid;
  blockDim = {n_threads};
  lanes.assign(n_threads, 0);
  for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
    for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
      block = {n_threads};
      warps.assign(n_threads / kWarp, {kWarp});
      fibers.resize(n_threads);
      for (auto& fiber : fibers) {
        if (!fiber) fiber = std::make_unique<Fiber>();
        fiber->stack.resize(kStackBytes);
        fiber->done = false;
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack.data();
        fiber->context.uc_stack.ss_size = fiber->stack.size();
        makecontext(&fiber->context, run_fiber, 0);
      }
      for (bool any = true; any;) {
        any = false;
        for (current = 0; current < n_threads; ++current) {
          if (fibers[current]->done) continue;
          any = true;
          threadIdx = {current, 0, 0};
          swapcontext(&scheduler, &fibers[current]->context);
        }
      }
    }
  }
}

}  // namespace emulated
