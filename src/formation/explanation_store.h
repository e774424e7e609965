#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "formation/explanation.h"
#include "formation/layer_map.h"

namespace sinkscope {

// Where explanations are kept, all of one request's options: a results file, or memory.
class ExplanationStore {
 public:
  virtual ~ExplanationStore() = default;
  // throws  Error{kInput} if what is stored is damaged
  virtual std::optional<SequenceExplanation> find(std::int64_t ordinal) const = 0;
  // Of a sequence that has none yet. Maps are forgotten: they were made without it.
  virtual void add(const SequenceExplanation& explanation) = 0;
  // In place of the one that is there: edits have been made.
  virtual void replace(const SequenceExplanation& explanation) = 0;
  virtual std::vector<LayerMap> maps() const = 0;
  // In place of all maps.
  virtual void set_maps(std::span<const LayerMap> maps) = 0;
};

class ExplanationsInMemory final : public ExplanationStore {
 public:
  std::optional<SequenceExplanation> find(std::int64_t ordinal) const override {
    const auto found = sequences_.find(ordinal);
    return found == sequences_.end() ? std::nullopt : std::optional(found->second);
  }
  void add(const SequenceExplanation& explanation) override {
    sequences_.insert_or_assign(explanation.ordinal, explanation);
    maps_.clear();
  }
  void replace(const SequenceExplanation& explanation) override {
    sequences_.insert_or_assign(explanation.ordinal, explanation);
  }
  std::vector<LayerMap> maps() const override { return maps_; }
  void set_maps(std::span<const LayerMap> maps) override { maps_.assign(maps.begin(), maps.end()); }

 private:
  std::map<std::int64_t, SequenceExplanation> sequences_;
  std::vector<LayerMap> maps_;
};

}  // namespace sinkscope
