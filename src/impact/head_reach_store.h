#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "impact/head_reach.h"

namespace sinkscope {

// What decides the figures of heads of one sequence, as JSON of a fixed form: equal texts, equal figures.
std::string reach_specification(const HeadReachRequest& request);

// Whether it is such a specification: a store may hold others.
bool is_reach(const std::string& specification);

// What a specification was made of.
//
// throws  Error{kInput} if the text is no specification of heads
HeadReachRequest request_of_reach(const std::string& specification);

// Where figures of heads are kept: a results file, or memory.
class HeadReachStore {
 public:
  virtual ~HeadReachStore() = default;
  // Of one pair of sizes, by its specification, and one sequence.
  //
  // throws  Error{kInput} if what is stored is damaged
  virtual std::optional<SequenceReach> find(const std::string& specification, std::int64_t ordinal) const = 0;
  // There is none yet.
  virtual void add(const std::string& specification, std::int64_t ordinal, const SequenceReach& reach) = 0;
};

class HeadReachInMemory final : public HeadReachStore {
 public:
  std::optional<SequenceReach> find(const std::string& specification, std::int64_t ordinal) const override {
    const auto found = kept_.find({specification, ordinal});
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  void add(const std::string& specification, std::int64_t ordinal, const SequenceReach& reach) override {
    kept_.insert_or_assign({specification, ordinal}, reach);
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, SequenceReach> kept_;
};

}  // namespace sinkscope
