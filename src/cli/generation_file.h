#pragma once

#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "report/data/generation_json.h"
#include "store/file_lock.h"

namespace sinkscope {

// Generated texts as JSONL, a line each, in the order of the prompts. What append() returned from stays, whatever
// happens to the process afterwards.
class GenerationFile {
 public:
  // A new file, or one that an earlier run began and this one goes on with. A line that was cut off is taken away.
  //
  // throws  Error{kOutput} if the path cannot be written, is locked by another writer, or holds anything but texts
  //         of this source: says what; the file is then left as it is
  GenerationFile(const std::string& path, const GenerationSource& source);

  std::size_t size() const { return texts_.size(); }
  std::int64_t n_output_tokens() const { return n_output_tokens_; }
  // Whether the i-th text that is there continues this prompt.
  //
  // throws  Error{kOutput} if it continues another
  void check_prompt(std::size_t i, std::span<const TokenId> prompt) const;

  // Whether a scanned document, by its key, is one of the texts.
  bool holds(const std::string& document_key) const { return documents_.contains(document_key); }

  // The seed of the i-th text.
  std::uint32_t seed(std::size_t i) const { return source_.sampling.seed + static_cast<std::uint32_t>(i); }
  // throws  Error{kOutput} if it cannot be written
  void append(const GeneratedText& text);

 private:
  void read_texts();
  void add(std::span<const TokenId> prompt, std::span<const TokenId> output);

  std::string path_;
  GenerationSource source_;
  FileLock lock_;
  std::vector<std::string> texts_;  // what identifies the prompt of each
  std::unordered_set<std::string> documents_;  // keys of prompts with what continues them
  std::int64_t n_output_tokens_ = 0;
};

}  // namespace sinkscope
