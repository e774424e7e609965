#pragma once

#include <string>

namespace sinkscope {

// Writes a random model of any architecture that llama.cpp knows: llama.cpp itself says which tensors it wants. Four
// blocks of width 128; every second one with attention where others are recurrent. The vocabulary is that of tiny
// models.
//
// throws  Error{kModel} if llama.cpp wants metadata that is not given here
// cost    a few MiB, some milliseconds
void write_made_up_model(const std::string& arch, const std::string& path);

inline constexpr int kMadeUpBlocks = 4;

}  // namespace sinkscope
