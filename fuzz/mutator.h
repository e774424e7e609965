#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace sinkscope {

// Inputs that are like the seeds and not quite: bits, numbers at the edges of what they can be, pieces left out,
// doubled, or taken from another seed.
class Mutator {
 public:
  // seeds  one at least
  Mutator(std::vector<std::string> seeds, std::uint64_t seed) : seeds_(std::move(seeds)), random_(seed) {}
  std::string next();

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  void change(std::string& bytes);

  std::vector<std::string> seeds_;
  std::mt19937_64 random_;
};

}  // namespace sinkscope
