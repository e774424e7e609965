#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "probe/model.h"

namespace sinkscope {

inline constexpr char kGenerationSchema[] = "sinkscope.generation/1";

// What all texts of a file of generated texts share.
struct GenerationSource {
  std::string model;  // its name
  std::string sha256;
  SamplingOptions sampling;  // with the seed of the first text
  int max_tokens = 0;
  std::string deployment;  // settings_in_words() of how the model ran
  bool operator==(const GenerationSource&) const = default;
};

// A text that a model wrote.
struct GeneratedText {
  std::string id;                      // of the document that the prompt came from
  std::int64_t line = 0;               // of the file with prompts, from 1; 0: it was no JSONL
  std::vector<TokenId> prompt_tokens;  // as the network read them, with BOS
  std::vector<TokenId> output_tokens;  // without the one that ended the text
  std::string prompt, output;          // their bytes; without a BOS that the document does not have itself
  bool ended = false;                  // by the model, not by max_tokens or the context
  std::uint32_t seed = 0;              // of this text alone
};

// One line of JSONL, with its line feed; docs/levels.md describes it.
std::string generation_line(const GenerationSource& source, const GeneratedText& text);

}  // namespace sinkscope
