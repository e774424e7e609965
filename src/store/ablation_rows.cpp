#include "store/ablation_rows.h"

#include "impact/head_reach_store.h"
#include "impact/protection_store.h"
#include "store/ablation_blob.h"
#include "store/bytes.h"

namespace sinkscope {

SequenceAblation ablation_from(const StoredEffects& stored) {
  SequenceAblation ablation = decode_ablation(stored.bytes, stored.n_layers, stored.label);
  if (ablation.n_tokens != stored.n_tokens) ByteReader(stored.bytes, stored.label).fail("they are of another document");
  ablation.ordinal = stored.ordinal;
  return ablation;
}

std::optional<SequenceAblation> AblationRows::find(const std::string& specification, std::int64_t ordinal) const {
  const auto stored = rows_.find(specification, ordinal);
  return stored ? std::optional(ablation_from(*stored)) : std::nullopt;
}

void AblationRows::add(std::int64_t ordinal, const std::vector<Edited>& edits) {
  std::vector<EffectRows::Added> rows;
  for (const auto& [specification, ablation] : edits) rows.emplace_back(specification, encode_ablation(*ablation));
  rows_.add(ordinal, rows);
}

std::vector<std::string> AblationRows::specifications() const {
  std::vector<std::string> specifications = rows_.specifications();
  std::erase_if(specifications, [](const std::string& one) { return is_protection(one) || is_reach(one); });
  return specifications;
}

}  // namespace sinkscope
