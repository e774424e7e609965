#pragma once

#include <cstddef>
#include <span>

namespace sinkscope {

// ggml's types of 32 numbers a block, with one half-precision scale.
enum class BlockType { kQ8_0, kQ4_0 };

inline constexpr std::size_t kBlockNumbers = 32;

// Rounds numbers to what ggml's own functions read back of them once they were stored in that type.
//
// values  [a multiple of 32], overwritten
// throws  Error{kShape} for any other number of values
void round_to_blocks(BlockType type, std::span<float> values);

}  // namespace sinkscope
