#include "probe/edit.h"

#include <algorithm>

#include "base/error.h"

namespace sinkscope {

std::optional<int> RunTokens::token(int sequence, int position) const {
  if (position < 0) return {};
  const auto first = std::ranges::lower_bound(sequence_, sequence);
  if (sequence_.end() - first <= position || first[position] != sequence) return {};
  return static_cast<int>(first - sequence_.begin()) + position;
}

std::optional<int> RunTokens::row(int sequence, int position) const {
  const std::optional<int> found = token(sequence, position);
  if (!found || *found < first_token_) return {};
  return *found - first_token_;
}

void EditableAttention::hide(int sequence, int key_position, int first_query, int end_query) {
  const std::optional<int> key = tokens_.token(sequence, key_position);
  if (!key) return;
  const std::int64_t first_token = std::int64_t{*key} + std::max(first_query, key_position + 1) - key_position;
  const std::int64_t first = std::max<std::int64_t>(0, first_token - tokens_.first_token());
  if (first >= tokens_.n_rows()) return;
  const auto first_row = static_cast<int>(first);
  int end_row = first_row;  // the sequence may end within the micro-batch
  while (end_row < tokens_.n_rows() && tokens_.sequence(end_row) == sequence && tokens_.position(end_row) < end_query) {
    ++end_row;
  }
  if (first_row < end_row) hidden_.push_back({*key, first_row, end_row});
}

void check_position(int sequence, int position, std::span<const int> n_tokens, const std::string& what) {
  if (sequence < 0 || sequence >= static_cast<int>(n_tokens.size())) {
    throw Error(ErrorCode::kUsage, what + ": expected sequence 0 to " + std::to_string(n_tokens.size() - 1) + ", got " +
                                       std::to_string(sequence));
  }
  const int n = n_tokens[static_cast<std::size_t>(sequence)];
  if (position < 0 || position >= n) {
    throw Error(ErrorCode::kUsage,
                what + ": expected position 0 to " + std::to_string(n - 1) + ", got " + std::to_string(position));
  }
}

std::string description_of(std::span<Edit* const> edits) {
  std::string all;
  for (const Edit* edit : edits) all += (all.empty() ? "" : "; ") + edit->description();
  return all;
}

}  // namespace sinkscope
