#pragma once

namespace sinkscope {

// The engine is at work while one lives, on any thread: a signal that would end the process is then its fault, and is
// told as such (watch_fatal_signals).
class EngineAtWork {
 public:
  EngineAtWork();
  ~EngineAtWork();
  EngineAtWork(const EngineAtWork&) = delete;
  EngineAtWork& operator=(const EngineAtWork&) = delete;
};

// From now on a fatal signal (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) that comes while the engine is at work is told
// to on_fatal in a line: which signal, and what the engine logged last. At any other time it ends the process as
// before. Under AddressSanitizer nothing changes, which tells more.
//
// on_fatal  as ProcessTuning::on_fatal; called from a signal handler: it may write and _exit, and nothing else
void watch_fatal_signals(void (*on_fatal)(const char* message));

// Remembers a line of the engine's for that message. Any thread.
void remember_last_words(const char* line);

}  // namespace sinkscope
