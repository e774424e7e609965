#pragma once

#include <cstdint>
#include <span>

#include "probe/edit.h"

namespace sinkscope {

// A micro-batch, and where the tokens of its pack lie. The tokens run so far are keys 0 .. first_token + n_tokens - 1.
struct MicroBatch {
  int first_token = 0;
  int n_tokens = 0;
  std::span<const std::int32_t> position;  // [tokens of the pack] in the token's own sequence
  std::span<const std::int32_t> sequence;  // [tokens of the pack]
  int min_distance = 0;
  int n_threads = 1;  // for what is made of its attention on the processor

  RunTokens tokens() const {
    const auto so_far = static_cast<std::size_t>(first_token + n_tokens);
    return {position.first(so_far), sequence.first(so_far), first_token};
  }
};

}  // namespace sinkscope
