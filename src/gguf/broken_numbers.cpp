#include "gguf/broken_numbers.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/model_parts.h"

namespace sinkscope {
namespace {

std::optional<BrokenNumber> find_in(const GgufFile& file) {
  const auto is_broken = [](float x) { return !std::isfinite(x); };
  for (const GgufTensor& tensor : file.tensors()) {
    std::vector<float> values;
    try {
      values = file.to_floats(tensor);
    } catch (const Error&) {
      continue;  // of a type that ggml does not unpack
    }
    const auto first = std::ranges::find_if(values, is_broken);
    if (first == values.end()) continue;
    return BrokenNumber{file.path(), tensor.name, first - values.begin(), std::ranges::count_if(values, is_broken)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<BrokenNumber> find_broken_number(const std::string& path) {
  const GgufFile first(path);
  for (const std::string& part : model_parts(first)) {
    auto found = part == path ? find_in(first) : find_in(GgufFile(part));
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace sinkscope
