#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sinkscope {

class ScanFile;
struct SqliteConnection;

// What was measured of one sequence with one edit, as stored.
struct StoredEffects {
  std::vector<std::byte> bytes;
  std::int64_t ordinal = 0;   // of the sequence
  std::int64_t n_tokens = 0;  // of it
  std::size_t n_layers = 0;   // of the model
  std::string label;          // names them in messages
};

// Rows of `edits` and `edit_effects` in a results file: one row an edit, one an edit and document. Tables are made when
// they are first needed; files of programs that know none stay as they are. What the bytes mean is known to those who
// use it: ablation_rows.h, protection_rows.h, head_reach_rows.h. The file must outlive it, and be open for writing for add().
class EffectRows {
 public:
  explicit EffectRows(const ScanFile& file);

  std::optional<StoredEffects> find(const std::string& specification, std::int64_t ordinal) const;
  // Several edits of one document, all or none of them; each has none yet.
  using Added = std::pair<std::string, std::vector<std::byte>>;  // specification and bytes
  void add(std::int64_t ordinal, const std::vector<Added>& rows);
  std::vector<std::string> specifications() const;  // of all edits

 private:
  SqliteConnection& connection_;
};

// Reads them as what their specification says they are.
//
// throws  Error{kInput} if they are damaged
void check_effects(const std::string& specification, const StoredEffects& stored);

// One line for each stored row that is damaged, or is of no document or edit.
std::vector<std::string> verify_effects(SqliteConnection& connection);

}  // namespace sinkscope
