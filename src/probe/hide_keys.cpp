#include "probe/hide_keys.h"

#include <algorithm>

#include "base/error.h"
#include "base/words.h"

namespace sinkscope {
namespace {

// "224,366", "0-255": a window hides hundreds.
std::string list_of(std::vector<int> values) {
  std::ranges::sort(values);
  const auto again = std::ranges::unique(values);
  values.erase(again.begin(), again.end());
  std::string list;
  for (const auto& [first, last] : ranges_of(values)) {
    if (!list.empty()) list += ',';
    list += std::to_string(first);
    if (last > first) list += last > first + 1 ? '-' : ',';
    if (last > first) list += std::to_string(last);
  }
  return list;
}

std::string described(const HiddenKeys& keys) {
  const bool to_the_last = keys.last_layer == std::numeric_limits<int>::max();
  return "hide keys " + list_of(keys.positions) + " of sequence " + std::to_string(keys.sequence) + " in blocks " +
         std::to_string(keys.first_layer) + "-" + (to_the_last ? "" : std::to_string(keys.last_layer)) +
         " from distance " + std::to_string(keys.min_distance);
}

bool in_layer(const HiddenKeys& keys, int layer) { return layer >= keys.first_layer && layer <= keys.last_layer; }

}  // namespace

std::string HideKeys::description() const {
  std::string all;
  for (const HiddenKeys& keys : hidden_) {
    if (!all.empty()) all += "; ";
    all += described(keys);
  }
  return all;
}

void HideKeys::check(const ModelFacts& facts, std::span<const int> n_tokens) const {
  for (const HiddenKeys& keys : hidden_) {
    const auto refuse = [&](const std::string& expected, const std::string& got) {
      throw Error(ErrorCode::kUsage, "edit: " + described(keys) + ": expected " + expected + ", got " + got);
    };
    if (keys.first_layer < 0 || keys.first_layer >= facts.n_layers || keys.last_layer < keys.first_layer) {
      refuse("blocks within 0-" + std::to_string(facts.n_layers - 1),
             std::to_string(keys.first_layer) + " to " + std::to_string(keys.last_layer));
    }
    if (keys.min_distance < 1) {
      refuse("a distance of at least 1, since a token always sees itself", std::to_string(keys.min_distance));
    }
    for (const int position : keys.positions) {
      check_position(keys.sequence, position, n_tokens, "edit: " + described(keys));
    }
  }
}

bool HideKeys::touches_attention(int layer) const {
  for (const HiddenKeys& keys : hidden_) {
    if (in_layer(keys, layer) && !keys.positions.empty()) return true;
  }
  return false;
}

void HideKeys::edit_attention(EditableAttention& attention) {
  for (const HiddenKeys& keys : hidden_) {
    if (!in_layer(keys, attention.layer())) continue;
    for (const int position : keys.positions) {
      const std::int64_t first = std::int64_t{position} + keys.min_distance;
      if (first > std::numeric_limits<int>::max()) continue;
      attention.hide(keys.sequence, position, static_cast<int>(first), std::numeric_limits<int>::max());
    }
  }
}

}  // namespace sinkscope
