#pragma once

#include <time.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace sinkscope::bench {

// What the programs are told on the command line.
struct Arguments {
  std::string model, text;
  int n_tokens = 0, n_ubatch = 0, n_threads = 0;
  std::string precision;  // llama.cpp alone has "native" only
};

inline Arguments read_arguments(int n_arguments, char** arguments) {
  if (n_arguments != 7) throw std::runtime_error("expected MODEL TEXT n_tokens n_ubatch n_threads precision");
  std::ifstream file(arguments[2], std::ios::binary);
  Arguments read{arguments[1],
                 {std::istreambuf_iterator<char>(file), {}},
                 std::stoi(arguments[3]),
                 std::stoi(arguments[4]),
                 std::stoi(arguments[5]),
                 arguments[6]};
  if (read.n_tokens < 1 || read.n_ubatch < 1 || read.n_threads < 1)
    throw std::runtime_error("expected numbers above 0");
  return read;
}

// The largest resident set of this process so far, as Linux counts it; 0 where it does not.
inline long peak_memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
  }
  return 0;
}

// Milliseconds that all threads of this process have spent on a processor.
inline double processor_ms() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

// Runs `pass` once for each line that comes in, and answers with "milliseconds processor_milliseconds peak_kib".
//
// The driver holds several such programs and asks them in turns, so that all see the same machine.
template <typename Pass>
int answer_lines(Pass pass) {
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    const double processor_start = processor_ms();
    pass();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    std::printf("%.3f %.3f %ld\n", taken.count(), processor_ms() - processor_start, peak_memory_kib());
    std::fflush(stdout);
  }
  return 0;
}

// The tokens, again and again, until there are n.
template <typename Token>
std::vector<Token> repeat_to(const std::vector<Token>& tokens, int n) {
  if (tokens.empty()) throw std::runtime_error("the text: expected at least one token, got none");
  std::vector<Token> repeated;
  while (static_cast<int>(repeated.size()) < n) repeated.push_back(tokens[repeated.size() % tokens.size()]);
  return repeated;
}

}  // namespace sinkscope::bench
