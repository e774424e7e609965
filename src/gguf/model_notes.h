#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gguf/file.h"

namespace sinkscope {

// The number that a file's metadata give for the token that begins a text, if the vocabulary has such a token.
// llama.cpp takes another where there is none, by the kind of vocabulary: 11 in byte-level BPE, which is a comma.
std::optional<std::int64_t> named_bos(const GgufFile& file);

// The longest text that is taken for a trained length. Some files give the largest number that fits.
inline constexpr std::int64_t kMostTrainedTokens = std::int64_t{1} << 24;

// What of a language model's file is missing or odd and changes numbers, where llama.cpp says so in its log at most.
// One sentence each: what it is, and what is done instead.
//
// cost  looks at the names of all tokens once
std::vector<std::string> model_notes(const GgufFile& file);

}  // namespace sinkscope
