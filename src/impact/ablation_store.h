#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "impact/ablation.h"

namespace sinkscope {

// What decides the figures of one edit, as JSON of a fixed form: equal texts, equal figures of a document. How many
// documents are run is no part of it, and neither are margins: what was measured can be judged again.
std::string edit_specification(const AblateRequest& request, const EditHow& how);

// What a specification was made of: a request with that one edit. Sinks that were listed are not in it: `named` is there,
// and empty.
//
// throws  Error{kInput} if the text is no specification
AblateRequest request_of_specification(const std::string& specification);

// The same of two specifications that differ in how sinks are removed, and in nothing else.
std::string shared_specification(const std::string& specification);

// Where ablations are kept: a results file, or memory.
class AblationStore {
 public:
  virtual ~AblationStore() = default;
  // Of one edit, by its specification, and one sequence. Names of documents are not filled in.
  //
  // throws  Error{kInput} if what is stored is damaged
  virtual std::optional<SequenceAblation> find(const std::string& specification, std::int64_t ordinal) const = 0;
  // Keeps several edits of one sequence, all or none of them; each has none yet.
  using Edited = std::pair<std::string, const SequenceAblation*>;  // specification and figures
  virtual void add(std::int64_t ordinal, const std::vector<Edited>& edits) = 0;
};

class AblationsInMemory final : public AblationStore {
 public:
  std::optional<SequenceAblation> find(const std::string& specification, std::int64_t ordinal) const override {
    const auto found = kept_.find({specification, ordinal});
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  void add(std::int64_t ordinal, const std::vector<Edited>& edits) override {
    for (const auto& [specification, ablation] : edits) kept_.insert_or_assign({specification, ordinal}, *ablation);
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, SequenceAblation> kept_;
};

}  // namespace sinkscope
