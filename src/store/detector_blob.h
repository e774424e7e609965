#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "impact/detector_store.h"

namespace sinkscope {

// A detector and what caches lose that keep what it names, as bytes, little endian, with a checksum behind them.
std::vector<std::byte> encode_detector(const KeptDetector& detector);

// Of which file the bytes are.
struct DetectorFile {
  std::int64_t n_documents = 0;
  int n_layers = 0, d_model = 0;
};

// The inverse: decode(encode(x)) equals x bit for bit, part_of apart.
//
// what    names the bytes in messages
// throws  Error{kInput} for bytes that cannot have been written of such a file
KeptDetector decode_detector(std::span<const std::byte> bytes, const DetectorFile& file, const std::string& what);

}  // namespace sinkscope
