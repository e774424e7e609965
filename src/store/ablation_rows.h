#pragma once

#include <optional>
#include <string>
#include <vector>

#include "impact/ablation_store.h"
#include "store/effect_rows.h"

namespace sinkscope {

// What ablate measured, in a results file. As EffectRows.
class AblationRows final : public AblationStore {
 public:
  explicit AblationRows(const ScanFile& file) : rows_(file) {}

  std::optional<SequenceAblation> find(const std::string& specification, std::int64_t ordinal) const override;
  void add(std::int64_t ordinal, const std::vector<Edited>& edits) override;
  std::vector<std::string> specifications() const;  // of all edits of ablate

 private:
  EffectRows rows_;
};

// throws  Error{kInput} if it is damaged, or of another sequence
SequenceAblation ablation_from(const StoredEffects& stored);

}  // namespace sinkscope
