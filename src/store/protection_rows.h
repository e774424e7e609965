#pragma once

#include <optional>
#include <string>
#include <vector>

#include "impact/protection_store.h"
#include "store/effect_rows.h"

namespace sinkscope {

// What protect measured, in a results file. As EffectRows.
class ProtectionRows final : public ProtectionStore {
 public:
  explicit ProtectionRows(const ScanFile& file) : rows_(file) {}

  std::optional<CacheEffect> find(const std::string& specification, std::int64_t ordinal) const override;
  void add(std::int64_t ordinal, const std::vector<Measured>& caches) override;
  std::vector<std::string> specifications() const;  // of all caches

 private:
  EffectRows rows_;
};

// throws  Error{kInput} if it is damaged, or of another sequence or cache
CacheEffect protection_from(const std::string& specification, const StoredEffects& stored);

}  // namespace sinkscope
