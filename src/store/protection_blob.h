#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "impact/protect.h"

namespace sinkscope {

// What protect measured of a sequence with one cache, as bytes, little endian, with a checksum behind them. The cache is
// no part of them: it is in the specification.
std::vector<std::byte> encode_protection(const CacheEffect& effect);

// The inverse: decode(encode(x)) equals x bit for bit.
//
// n_tokens  of the sequence
// what      names the bytes in messages
// throws    Error{kInput} for bytes that cannot have been written of such a sequence with this cache
CacheEffect decode_protection(std::span<const std::byte> bytes, const CacheForm& cache, std::int64_t n_tokens,
                              const std::string& what);

}  // namespace sinkscope
