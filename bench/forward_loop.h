#pragma once

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace sinkscope::bench {

// The largest resident set of this process so far, as Linux counts it; 0 where it does not.
inline long peak_memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
  }
  return 0;
}

// Runs `pass` once for each line that comes in, and answers with "milliseconds peak_kib".
//
// The driver holds two such programs and asks them in turns, so that both see the same machine.
template <typename Pass>
int answer_lines(Pass pass) {
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    pass();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    std::printf("%.3f %ld\n", taken.count(), peak_memory_kib());
    std::fflush(stdout);
  }
  return 0;
}

// The tokens, again and again, until there are n.
template <typename Token>
std::vector<Token> repeat_to(const std::vector<Token>& tokens, std::size_t n) {
  std::vector<Token> repeated;
  repeated.reserve(n);
  while (repeated.size() < n) repeated.push_back(tokens[repeated.size() % tokens.size()]);
  return repeated;
}

}  // namespace sinkscope::bench
