#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "impact/protect.h"

namespace sinkscope {

// What decides the figures of one cache, as JSON of a fixed form: equal texts, equal figures of a sequence.
std::string protection_specification(const ProtectRequest& request, const CacheForm& cache);

// Whether it is the specification of a cache, not of an edit of ablate: a store may hold both.
bool is_protection(const std::string& specification);

// What a specification was made of: a request with that one cache.
//
// throws  Error{kInput} if the text is no specification of a cache
ProtectRequest request_of_protection(const std::string& specification);

// The same of two specifications that differ in the cache, and in nothing else.
std::string shared_protection(const std::string& specification);

// Where the figures of caches are kept: a results file, or memory.
class ProtectionStore {
 public:
  virtual ~ProtectionStore() = default;
  // Of one cache, by its specification, and one sequence.
  //
  // throws  Error{kInput} if what is stored is damaged
  virtual std::optional<CacheEffect> find(const std::string& specification, std::int64_t ordinal) const = 0;
  // Keeps several caches of one sequence, all or none of them; each has none yet, and each was measured (n > 0).
  using Measured = std::pair<std::string, const CacheEffect*>;  // specification and figures
  virtual void add(std::int64_t ordinal, const std::vector<Measured>& caches) = 0;
};

class ProtectionsInMemory final : public ProtectionStore {
 public:
  std::optional<CacheEffect> find(const std::string& specification, std::int64_t ordinal) const override {
    const auto found = kept_.find({specification, ordinal});
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  void add(std::int64_t ordinal, const std::vector<Measured>& caches) override {
    for (const auto& [specification, effect] : caches) kept_.insert_or_assign({specification, ordinal}, *effect);
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, CacheEffect> kept_;
};

}  // namespace sinkscope
