#include "gguf/block_rounding.h"

#include <ggml.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace sinkscope {

void round_to_blocks(BlockType type, std::span<float> values) {
  if (values.size() % kBlockNumbers != 0) {
    throw Error(ErrorCode::kShape,
                "blocks: expected a multiple of 32 numbers, got " + std::to_string(values.size()));
  }
  const ggml_type stored = type == BlockType::kQ8_0 ? GGML_TYPE_Q8_0 : GGML_TYPE_Q4_0;
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<std::uint8_t> bytes(ggml_row_size(stored, n));
  ggml_quantize_chunk(stored, values.data(), bytes.data(), 0, 1, n, nullptr);
  ggml_get_type_traits(stored)->to_float(bytes.data(), values.data(), n);
}

}  // namespace sinkscope
