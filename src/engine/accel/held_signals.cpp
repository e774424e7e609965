#include "engine/accel/held_signals.h"

#include <array>

namespace sinkscope::accel {
namespace {

thread_local bool are_held = false;

sigset_t all_but_faults() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : std::array{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&signals, fault);
  return signals;
}

}  // namespace

HeldSignals::HeldSignals() noexcept : is_first_(!are_held) {
  if (!is_first_) return;
  const sigset_t signals = all_but_faults();
  are_held = pthread_sigmask(SIG_BLOCK, &signals, &before_) == 0;
}

HeldSignals::~HeldSignals() {
  if (!is_first_ || !are_held) return;
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  are_held = false;
}

void hold_signals_for_good() noexcept {
  if (are_held) return;
  const sigset_t signals = all_but_faults();
  are_held = pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0;
}

}  // namespace sinkscope::accel
