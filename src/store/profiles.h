#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sinkscope {

// How an array's numbers lie in the results file.
enum class ProfileEncoding : int {
  kScaledHalf = 0,  // binary16, each row under a power of two of its own: relative error at most 2^-11
  kFloat = 1,       // binary32, for counts
};

// What an array is, without its numbers. Two axes [n_layers, n_tokens]; three [n_layers, n_heads, n_tokens].
struct ProfileShape {
  std::string name;
  std::vector<std::size_t> axes;
  ProfileEncoding encoding = ProfileEncoding::kScaledHalf;

  std::size_t columns() const { return axes.empty() ? 0 : axes.back(); }
  std::size_t rows() const {
    std::size_t n = axes.empty() ? 0 : 1;
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) n *= axes[i];
    return n;
  }
};

// One array over the tokens of a document; row after row, NaN where nothing was measured.
struct Profile {
  ProfileShape shape;
  std::vector<float> values;
};

}  // namespace sinkscope
