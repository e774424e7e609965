#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/spool.h"
#include "text/chunks.h"

namespace sinkscope {

// Sequences that were tokenised and wait to be run, in order: in memory while they are few, then in a temporary
// file that has no name. So a corpus is read once, from a pipe too, and its lengths are known before a model loads.
class TokenSpool {
 public:
  explicit TokenSpool(std::size_t memory_bytes = Spool::kMemoryBytes) : spool_(std::make_unique<Spool>(memory_bytes)) {}

  // throws  Error{kOutput} if the temporary file cannot be written
  void append(const Sequence& sequence);
  std::size_t size() const { return entries_.size(); }
  // Tokens of sequence i, BOS included.
  int length(std::size_t i) const { return entries_[i].n_tokens; }
  int longest() const { return longest_; }
  std::int64_t total_tokens() const { return total_tokens_; }

  // throws  Error{kOutput} if the temporary file does not hold what was written
  Sequence read(std::size_t i) const;

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint64_t n_bytes;
    std::int32_t n_tokens;
  };

  std::unique_ptr<Spool> spool_;
  std::vector<Entry> entries_;
  std::int64_t total_tokens_ = 0;
  int longest_ = 0;
};

}  // namespace sinkscope
