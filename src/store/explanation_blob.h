#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "formation/explanation.h"
#include "formation/layer_map.h"

namespace sinkscope {

// What explain measured of a sequence, and of a layer's MLP, as bytes, little endian, with a checksum behind them;
// docs/file-formats.md says what they hold. A sequence's ordinal is no part of them.
std::vector<std::byte> encode_explanation(const SequenceExplanation& explanation);
std::vector<std::byte> encode_map(const LayerMap& map);

// The inverse: decode(encode(x)) equals x bit for bit.
//
// n_layers  of the model
// what      names the bytes in messages
// throws    Error{kInput} for bytes that cannot have been written, or whose lists contradict each other
SequenceExplanation decode_explanation(std::span<const std::byte> bytes, std::size_t n_layers, const std::string& what);
LayerMap decode_map(std::span<const std::byte> bytes, std::size_t n_layers, const std::string& what);

}  // namespace sinkscope
