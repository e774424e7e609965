#pragma once

#include <optional>

#include "impact/judge_ablation.h"
#include "impact/judge_protection.h"
#include "store/ablated_file.h"
#include "store/protected_file.h"

namespace sinkscope {

struct ShownAblation {
  AblatedFile file;
  JudgedAblation judged;
};
struct ShownProtection {
  ProtectedFile file;
  JudgedProtection judged;
};

// What ablate and protect measured of a results file, judged under the usual margins; of each, what the last of several
// commands measured.
struct ShownEffects {
  std::optional<ShownAblation> ablated;
  std::optional<ShownProtection> kept;
  bool any() const { return ablated || kept; }
};

// throws  Error{kInput} if what is stored is damaged
std::optional<ShownAblation> shown_ablation(const ScanFile& file);
std::optional<ShownProtection> shown_protection(const ScanFile& file);
ShownEffects shown_effects(const ScanFile& file);

}  // namespace sinkscope
