#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "impact/ablation_store.h"

namespace sinkscope {

class ScanFile;
struct SqliteConnection;

// What ablate measured, in a results file: one row an edit, one an edit and document. Tables are made when they are
// first needed; files of programs that know none stay as they are. The file must outlive it, and be open for writing
// for add().
class EffectRows final : public AblationStore {
 public:
  explicit EffectRows(const ScanFile& file);

  std::optional<SequenceAblation> find(const std::string& specification, std::int64_t ordinal) const override;
  void add(std::int64_t ordinal, const std::vector<Edited>& edits) override;
  std::vector<std::string> specifications() const;  // of all edits

 private:
  SqliteConnection& connection_;
};

// One line for each stored row that is damaged, or is of no document or edit.
std::vector<std::string> verify_effects(SqliteConnection& connection);

}  // namespace sinkscope
