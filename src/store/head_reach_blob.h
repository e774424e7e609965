#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "impact/head_reach.h"

namespace sinkscope {

// What heads of one sequence showed, as bytes, little endian, with a checksum behind them. The sizes are no part of them:
// they are in the specification.
std::vector<std::byte> encode_reach(const SequenceReach& reach);

// The inverse: decode(encode(x)) equals x bit for bit.
//
// request   whose sizes they were measured with
// n_tokens  of the sequence
// n_layers  of the model
// what      names the bytes in messages
// throws    Error{kInput} for bytes that cannot have been written of such a sequence
SequenceReach decode_reach(std::span<const std::byte> bytes, const HeadReachRequest& request, std::int64_t n_tokens,
                           std::size_t n_layers, const std::string& what);

}  // namespace sinkscope
