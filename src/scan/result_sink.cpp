#include "scan/result_sink.h"

#include <algorithm>

#include "base/error.h"

namespace sinkscope {

void ResultList::add(std::span<const ScannedDocument> documents) {
  for (const ScannedDocument& document : documents) {
    const std::string key = document_key(document.tokens, document.figures.prompt_tokens);
    if (index_.try_emplace(key, documents_.size()).second) {
      documents_.push_back(document);
    } else {
      for (const Origin& origin : document.origins) add_origin(key, origin);
    }
  }
}

void ResultList::add_origin(const std::string& key, const Origin& origin) {
  const auto found = index_.find(key);
  if (found == index_.end()) throw Error(ErrorCode::kInternal, "an origin for a document that is not kept: " + key);
  std::vector<Origin>& origins = documents_[found->second].origins;
  if (std::ranges::find(origins, origin) == origins.end()) origins.push_back(origin);
}

}  // namespace sinkscope
