#include "report/shown_effects.h"

#include <utility>

namespace sinkscope {

std::optional<ShownAblation> shown_ablation(const ScanFile& file) {
  std::optional<AblatedFile> ablated = ablated_of(file);
  if (!ablated) return std::nullopt;
  JudgedAblation judged = judge_ablation(ablated->ablation, ablated->request);
  return ShownAblation{std::move(*ablated), std::move(judged)};
}

std::optional<ShownProtection> shown_protection(const ScanFile& file) {
  std::optional<ProtectedFile> kept = protected_of(file);
  if (!kept) return std::nullopt;
  JudgedProtection judged = judge_protection(kept->sequences, kept->request, file.model().facts.adds_bos);
  return ShownProtection{std::move(*kept), std::move(judged)};
}

ShownEffects shown_effects(const ScanFile& file) { return {shown_ablation(file), shown_protection(file)}; }

}  // namespace sinkscope
