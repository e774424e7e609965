#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "sinks/figures.h"

namespace sinkscope {

// SequenceFigures as bytes, little endian; docs/file-formats.md gives the layout.
//
// throws  Error{kInternal} if arrays have other lengths than n_layers says, or hold numbers that are not finite
std::vector<std::byte> encode_figures(const SequenceFigures& figures);

// The inverse: decode(encode(x)) equals x bit for bit.
//
// what    names the bytes in messages
// throws  Error{kInput} for any bytes that encode_figures cannot have written
// memory  at most about 100 times the bytes, whatever lengths they claim
SequenceFigures decode_figures(std::span<const std::byte> bytes, const std::string& what);

}  // namespace sinkscope
