#pragma once

#include <vector>

#include "gguf/writer.h"
#include "plant/tiny/tiny.h"
#include "plant/tiny/tiny_arch.h"

namespace sinkscope {

// All tensors of a tiny model, by llama.cpp's names and shapes.
//
// returns  float32 tensors; equal options give equal numbers
// cost     O(parameters)
std::vector<NewGgufTensor> tiny_weights(const TinyArch& arch, const TinyOptions& options);

}  // namespace sinkscope
