#pragma once

#include <optional>
#include <string>

#include "impact/head_reach_store.h"
#include "store/effect_rows.h"

namespace sinkscope {

// What heads read, in a results file. As EffectRows.
class HeadReachRows final : public HeadReachStore {
 public:
  explicit HeadReachRows(const ScanFile& file) : rows_(file) {}

  std::optional<SequenceReach> find(const std::string& specification, std::int64_t ordinal) const override;
  void add(const std::string& specification, std::int64_t ordinal, const SequenceReach& reach) override;

 private:
  EffectRows rows_;
};

// throws  Error{kInput} if it is damaged, or of another sequence, model or sizes
SequenceReach reach_from(const std::string& specification, const StoredEffects& stored);

}  // namespace sinkscope
