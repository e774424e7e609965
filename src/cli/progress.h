#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sinkscope {

// How far a scan is.
struct ScanProgress {
  std::int64_t documents_done = 0, documents_total = 0;
  std::int64_t tokens_done = 0, tokens_total = 0;  // of what this run has to do
  std::int64_t sinks = 0;
};

// One line on standard error that is drawn over and over, at most ten times a second.
class ProgressBar {
 public:
  // enabled  false: nothing is ever drawn
  explicit ProgressBar(bool enabled);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(const ScanProgress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

// The line itself, as wide as told at most.
std::string progress_line(const ScanProgress& progress, double seconds, int columns);

bool stderr_is_terminal();

// Removes a progress line that is on the screen, so that a message does not run into it.
void clear_progress_line();

// Prints a line for people on standard error, above the progress line.
void note(const std::string& line);

}  // namespace sinkscope
