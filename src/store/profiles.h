#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sinkscope {

// How an array's numbers lie in the results file.
enum class ProfileEncoding : int {
  kScaledHalf = 0,  // binary16, each row under a power of two of its own: relative error at most 2^-11
  kFloat = 1,       // binary32, for arrays of whole numbers: counts stay exact
  // The same of those tokens only that have a number, where at most half of them do.
  kScaledHalfOfSome = 2,
  kFloatOfSome = 3,
};

// What a profile array is, without its numbers: [n_layers], then n_heads, then n_tokens, as far as it has those axes.
struct ProfileShape {
  std::string name;
  std::vector<std::size_t> shape;
  ProfileEncoding encoding = ProfileEncoding::kScaledHalf;
  bool by_token = true;  // the last axis is n_tokens

  std::size_t columns() const { return shape.empty() ? 0 : shape.back(); }
  std::size_t rows() const {
    std::size_t n = shape.empty() ? 0 : 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) n *= shape[i];
    return n;
  }
};

}  // namespace sinkscope
