#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/words.h"
#include "cli/one_line.h"

namespace sinkscope {
namespace {

bool line_is_drawn = false;

std::string counted(double n) {
  if (n < 1e4) return fmt::format("{:.0f}", n);
  if (n < 1e6) return fmt::format("{:.1f}k", n / 1e3);
  return fmt::format("{:.2f}M", n / 1e6);
}

std::string clock_time(double seconds) {
  const auto s = static_cast<std::int64_t>(std::ceil(seconds));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string with_bar(std::string text, double frac, int columns) {
  const int room = std::min(30, columns - static_cast<int>(text.size()) - 5);
  if (room >= 8) {
    const int filled = static_cast<int>(std::lround(frac * room));
    text = fmt::format("[{}{}]  {}", std::string(static_cast<std::size_t>(filled), '#'),
                       std::string(static_cast<std::size_t>(room - filled), '.'), text);
  }
  return text.substr(0, static_cast<std::size_t>(std::max(0, columns - 1)));
}

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

void clear_progress_line() {
  if (!line_is_drawn) return;
  std::cerr << "\r\x1b[K" << std::flush;
  line_is_drawn = false;
}

void note(const std::string& line) {
  clear_progress_line();
  std::cerr << "sinkscope: " << one_line(line) << std::endl;
}

std::string progress_line(const ScanProgress& progress, double seconds, int columns) {
  const double done = static_cast<double>(progress.tokens_done), total = static_cast<double>(progress.tokens_total);
  const double frac = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0.0;
  const double speed = seconds > 0 ? done / seconds : 0.0;
  std::string text;
  if (progress.documents_total > 1) {
    text += fmt::format("{}/{} documents  ", progress.documents_done, progress.documents_total);
  }
  text += fmt::format("{}/{} tokens", counted(done), counted(total));
  if (speed > 0 && seconds > 0.5) {
    text += fmt::format("  {} tokens/s  {} left", counted(speed), clock_time((total - done) / speed));
  }
  text += "  " + count_of(progress.sinks, "sink");
  return with_bar(text, frac, columns);
}

std::string progress_line(const GenerationProgress& progress, double seconds, int columns) {
  const double total = static_cast<double>(progress.texts_total), done = static_cast<double>(progress.texts_done);
  std::string text = fmt::format("{}/{} texts  {} tokens", progress.texts_done, progress.texts_total,
                                 counted(static_cast<double>(progress.tokens_done)));
  const double speed = seconds > 0 ? static_cast<double>(progress.tokens_done) / seconds : 0.0;
  if (speed > 0 && seconds > 0.5) {
    // How long the texts to come will be is guessed from those that this run has finished.
    const bool guess = progress.texts_done_here > 0;
    const double left = guess ? (total - done) * seconds / static_cast<double>(progress.texts_done_here)
                              : static_cast<double>(progress.most_tokens_left) / speed;
    text += fmt::format("  {} tokens/s  {}{} left", counted(speed), guess ? "" : "at most ", clock_time(left));
  }
  text += "  " + count_of(progress.sinks, "provisional sink");
  return with_bar(text, total > 0 ? done / total : 0.0, columns);
}

ProgressBar::ProgressBar(bool enabled) : enabled_(enabled) {}

ProgressBar::~ProgressBar() {
  if (enabled_) clear_progress_line();
}

void ProgressBar::show(const ScanProgress& progress) { draw(progress); }
void ProgressBar::show(const GenerationProgress& progress) { draw(progress); }

template <typename Progress>
void ProgressBar::draw(const Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::cerr << "\r" << progress_line(progress, seconds, terminal_columns()) << "\x1b[K" << std::flush;
  line_is_drawn = true;
}

}  // namespace sinkscope
