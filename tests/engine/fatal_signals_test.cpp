#include "engine/llama/fatal_signals.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

namespace sinkscope {
namespace {

constexpr int kTold = 4;
int told_to = -1;  // where the child writes what it is told

void tell(const char* message) {
  const std::string_view text(message);
  if (write(told_to, text.data(), text.size()) < 0) _exit(1);
  _exit(kTold);
}

struct Ended {
  int status = 0;
  std::string told;
};

// Runs body in a process of its own.
Ended in_child(const std::function<void()>& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    told_to = ends[1];
    watch_fatal_signals(tell);
    body();
    _exit(0);
  }
  close(ends[1]);
  Ended ended;
  char byte = 0;
  while (read(ends[0], &byte, 1) == 1) ended.told += byte;
  close(ends[0]);
  waitpid(child, &ended.status, 0);
  return ended;
}

class FatalSignals : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers have handlers of their own";
#endif
  }
};

TEST_F(FatalSignals, AreToldWhileTheEngineIsAtWork) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    const Ended ended = in_child([&] {
      remember_last_words("a tensor\nis missing");
      const EngineAtWork at_work;
      std::raise(signal);
    });
    ASSERT_TRUE(WIFEXITED(ended.status)) << signal;
    EXPECT_EQ(WEXITSTATUS(ended.status), kTold);
    EXPECT_EQ(ended.told, std::string("its engine was ended by SIG") + sigabbrev_np(signal) +
                              "; it said last, a tensor is missing");
  }
}

TEST_F(FatalSignals, EndTheProcessAtAnyOtherTime) {
  for (const int signal : {SIGSEGV, SIGABRT}) {
    const Ended before = in_child([&] { std::raise(signal); });
    ASSERT_TRUE(WIFSIGNALED(before.status));
    EXPECT_EQ(WTERMSIG(before.status), signal);
    EXPECT_EQ(before.told, "");
    const Ended after = in_child([&] {
      {
        const EngineAtWork at_work, twice;
      }
      std::raise(signal);
    });
    EXPECT_TRUE(WIFSIGNALED(after.status));
  }
}

TEST_F(FatalSignals, LongWordsAreCut) {
  const Ended ended = in_child([] {
    remember_last_words(std::string(10000, 'x').c_str());
    const EngineAtWork at_work;
    std::raise(SIGFPE);
  });
  EXPECT_LT(ended.told.size(), 400U);
  EXPECT_TRUE(ended.told.ends_with("xxx"));
}

}  // namespace
}  // namespace sinkscope
