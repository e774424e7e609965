#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "sinks/figures.h"
#include "store/profiles.h"

namespace sinkscope {

// An array's numbers as bytes, little endian; docs/file-formats.md gives the layout.
//
// Scaled halves: each row is divided by the power of two that brings its largest magnitude into [2^14, 2^15), so
// no norm overflows and numbers down to 2^-29 of the largest keep 11 bits.
// throws  Error{kInternal} if shape and number of values differ
std::vector<std::byte> encode_profile(const ProfileArray& profile, ProfileEncoding encoding);
ProfileEncoding encoding_for(const ProfileArray& profile);

// what    names the bytes in messages
// throws  Error{kInput} if the bytes are not those of an array of this shape
//
// cost    decode_profile allocates the array, check_profile only the columns that the bytes name
void check_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what);
ProfileArray decode_profile(const ProfileShape& shape, std::span<const std::byte> bytes, const std::string& what);

}  // namespace sinkscope
