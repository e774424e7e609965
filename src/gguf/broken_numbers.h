#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sinkscope {

// A weight that is no number.
struct BrokenNumber {
  std::string file;     // the model's, or the part's
  std::string tensor;
  std::int64_t place = 0;  // of the first, in the order of the file
  std::int64_t count = 0;  // of the tensor's elements
};

// The first tensor of a model, over all its parts, that holds NaN or infinity.
//
// returns  nothing if there is none, among types that ggml can turn into floats
// throws   Error{kModel} as GgufFile
// cost     reads all weights: for messages only
std::optional<BrokenNumber> find_broken_number(const std::string& path);

}  // namespace sinkscope
