#include "engine/accel/held_signals.h"

#include <gtest/gtest.h>
#include <omp.h>
#include <sys/time.h>

#include <csignal>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "engine/accel/onednn.h"

namespace sinkscope::accel {
namespace {

volatile std::sig_atomic_t n_handled = 0;

void count(int) { n_handled = n_handled + 1; }

// A handler on the ordinary stack, as most programs have them, called every tenth of a millisecond of processor time.
class Alarms {
 public:
  Alarms() {
    n_handled = 0;
    struct sigaction action {};
    action.sa_handler = count;
    action.sa_flags = SA_RESTART;
    sigaction(SIGVTALRM, &action, &before_);
    const itimerval every{{0, 100}, {0, 100}};
    setitimer(ITIMER_VIRTUAL, &every, nullptr);
  }
  ~Alarms() {
    const itimerval never{};
    setitimer(ITIMER_VIRTUAL, &never, nullptr);
    sigaction(SIGVTALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

TEST(HeldSignals, ComeWhenTheLastOneIsGone) {
  struct sigaction before {}, action {};
  action.sa_handler = count;
  sigaction(SIGUSR1, &action, &before);
  n_handled = 0;
  {
    const HeldSignals outer;
    {
      const HeldSignals inner;
      raise(SIGUSR1);
      EXPECT_EQ(n_handled, 0);
    }
    EXPECT_EQ(n_handled, 0);
  }
  EXPECT_EQ(n_handled, 1);
  raise(SIGUSR1);
  EXPECT_EQ(n_handled, 2);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST(HeldSignals, ForGoodAreOfOneThread) {
  sigset_t mask;
  std::thread([&] {
    hold_signals_for_good();
    { const HeldSignals held; }
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  }).join();
  EXPECT_TRUE(sigismember(&mask, SIGINT));
  EXPECT_FALSE(sigismember(&mask, SIGSEGV));
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_FALSE(sigismember(&mask, SIGINT));
}

// Long products take their scratch memory, which is what handlers would write over.
TEST(HeldSignals, ChangeNoBitOfAProduct) {
  constexpr int kRows = 256, kColumns = 64, kLength = 4096;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> a(static_cast<std::size_t>(kRows) * kLength), b(static_cast<std::size_t>(kColumns) * kLength);
  for (float& x : a) x = normal(random);
  for (float& x : b) x = normal(random);
  Onednn onednn;
  const Operation& product = onednn.matmul({.m = kRows, .n = kColumns, .k = kLength, .ldb = kLength}, 2);
  const auto multiply = [&](int thread) {
    std::vector<float> c(static_cast<std::size_t>(kRows) * kColumns);
    EXPECT_TRUE(product.run(thread, a.data(), b.data(), c.data()));
    return c;
  };
  std::vector<float> undisturbed;
  std::thread([&] {
    Onednn::single_threaded();
    undisturbed = multiply(0);
  }).join();
  const Alarms alarms;
  int n_other = 0;
#pragma omp parallel num_threads(2)
  {
    Onednn::single_threaded();
    for (int i = 0; i < 40; ++i) {
      const std::vector<float> c = multiply(omp_get_thread_num());
      if (std::memcmp(c.data(), undisturbed.data(), c.size() * sizeof(float)) != 0) {
#pragma omp atomic
        ++n_other;
      }
    }
  }
  EXPECT_EQ(n_other, 0);
  EXPECT_GT(n_handled, 0);
}

}  // namespace
}  // namespace sinkscope::accel
