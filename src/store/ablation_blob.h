#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "impact/ablation.h"

namespace sinkscope {

// What ablate measured of a sequence with one edit, as bytes, little endian, with a checksum behind them. Its ordinal
// and names are no part of them.
std::vector<std::byte> encode_ablation(const SequenceAblation& ablation);

// The inverse: decode(encode(x)) equals x bit for bit.
//
// n_layers  of the model
// what      names the bytes in messages
// throws    Error{kInput} for bytes that cannot have been written, or whose lists contradict each other
SequenceAblation decode_ablation(std::span<const std::byte> bytes, std::size_t n_layers, const std::string& what);

}  // namespace sinkscope
