#include "store/protection_rows.h"

#include "store/protection_blob.h"

namespace sinkscope {

CacheEffect protection_from(const std::string& specification, const StoredEffects& stored) {
  return decode_protection(stored.bytes, request_of_protection(specification).caches.front(), stored.n_tokens,
                           stored.label);
}

std::optional<CacheEffect> ProtectionRows::find(const std::string& specification, std::int64_t ordinal) const {
  const auto stored = rows_.find(specification, ordinal);
  return stored ? std::optional(protection_from(specification, *stored)) : std::nullopt;
}

void ProtectionRows::add(std::int64_t ordinal, const std::vector<Measured>& caches) {
  std::vector<EffectRows::Added> rows;
  for (const auto& [specification, effect] : caches) rows.emplace_back(specification, encode_protection(*effect));
  rows_.add(ordinal, rows);
}

std::vector<std::string> ProtectionRows::specifications() const {
  std::vector<std::string> specifications = rows_.specifications();
  std::erase_if(specifications, [](const std::string& specification) { return !is_protection(specification); });
  return specifications;
}

}  // namespace sinkscope
