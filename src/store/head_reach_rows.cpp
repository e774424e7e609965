#include "store/head_reach_rows.h"

#include "store/head_reach_blob.h"

namespace sinkscope {

SequenceReach reach_from(const std::string& specification, const StoredEffects& stored) {
  return decode_reach(stored.bytes, request_of_reach(specification), stored.n_tokens, stored.n_layers, stored.label);
}

std::optional<SequenceReach> HeadReachRows::find(const std::string& specification, std::int64_t ordinal) const {
  const auto stored = rows_.find(specification, ordinal);
  return stored ? std::optional(reach_from(specification, *stored)) : std::nullopt;
}

void HeadReachRows::add(const std::string& specification, std::int64_t ordinal, const SequenceReach& reach) {
  rows_.add(ordinal, {{specification, encode_reach(reach)}});
}

}  // namespace sinkscope
