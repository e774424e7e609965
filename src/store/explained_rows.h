#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formation/explain_request.h"
#include "formation/explanation_store.h"

namespace sinkscope {

class ScanFile;
struct SqliteConnection;

// What explain measured, in a results file: one row a sequence, one a map, all of one request's options. The file must
// outlive it, and be open for writing for all that changes it.
class ExplainedRows final : public ExplanationStore {
 public:
  explicit ExplainedRows(const ScanFile& file);

  // What the rows were measured for; nothing in a file that explain has not seen.
  //
  // throws  Error{kInput} if what is stored makes no sense
  std::optional<ExplainRequest> request() const;
  // From now on rows are of this request. Rows that were measured for another are dropped.
  //
  // returns  the option that made them be dropped; nothing if none were
  std::optional<OptionDifference> begin(const ExplainRequest& request);
  std::int64_t n_sequences() const;  // that have a row

  std::optional<SequenceExplanation> find(std::int64_t ordinal) const override;
  void add(const SequenceExplanation& explanation) override;
  void replace(const SequenceExplanation& explanation) override;
  std::vector<LayerMap> maps() const override;
  void set_maps(std::span<const LayerMap> maps) override;

 private:
  SqliteConnection& connection_;
};

// One line for each stored row that is damaged, or is of no document.
std::vector<std::string> verify_explained(SqliteConnection& connection);

}  // namespace sinkscope
