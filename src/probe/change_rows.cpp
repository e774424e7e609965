#include "probe/change_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/sha256.h"

namespace sinkscope {
namespace {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

using Vector = std::vector<float>;

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void check_length(const Vector& vector, std::span<const float> row) {
  if (vector.size() == row.size()) return;
  throw Error(ErrorCode::kShape, "edit: wrong shape; expected a vector of the row's " + std::to_string(row.size()) +
                                     " numbers, got " + std::to_string(vector.size()));
}

// w += factor * direction
bool add(std::span<float> row, const Vector& direction, double factor) {
  if (factor == 0) return false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = static_cast<float>(static_cast<double>(row[i]) + factor * static_cast<double>(direction[i]));
  }
  return true;
}

bool move_component(std::span<float> row, const Vector& direction, double factor, double to) {
  check_length(direction, row);
  const double length = std::sqrt(dot(direction, direction));
  return add(row, direction, factor * (to - dot(row, direction) / length) / length);
}

bool replace_rest(std::span<float> row, const ReplaceRest& change) {
  check_length(change.direction, row);
  check_length(change.row, row);
  const double kept = dot(row, change.direction), replaced = dot(change.row, change.direction);
  std::ranges::copy(change.row, row.begin());
  add(row, change.direction, (kept - replaced) / dot(change.direction, change.direction));
  return true;
}

bool clip(std::span<float> row, double largest) {
  const double norm = std::sqrt(dot(row, row));
  if (norm <= largest) return false;
  for (float& value : row) value = static_cast<float>(static_cast<double>(value) * (largest / norm));
  return true;
}

std::string digest(const Vector& vector) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(vector)));
  return hash.hex().substr(0, 12);
}

// The shortest text that reads as the same number.
std::string text_of(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::string described(const RowPlace& place) {
  return std::string(name_of(place.point)) + " of layer " + std::to_string(place.layer) + ", sequence " +
         std::to_string(place.sequence) + ", position " + std::to_string(place.position);
}

std::string described(const RowChange& change) {
  return std::visit(Overloaded{[](const ReplaceRow& c) { return "replaced by " + digest(c.row); },
                               [](const AddToRow& c) { return "plus " + digest(c.vector); },
                               [](const SetComponent& c) {
                                 return "component along " + digest(c.direction) + " set to " + text_of(c.value);
                               },
                               [](const ScaleComponent& c) {
                                 return "component along " + digest(c.direction) + " scaled by " + text_of(c.factor) +
                                        " about " + text_of(c.about);
                               },
                               [](const ReplaceRest& c) {
                                 return "all but the component along " + digest(c.direction) + " replaced by " +
                                        digest(c.row);
                               },
                               [](const ClipNorm& c) { return "clipped to norm " + text_of(c.norm); }},
                    change);
}

std::string described(const ChangeRows::Change& change) {
  return described(change.first) + ": " + described(change.second);
}

int width_at(const ModelFacts& facts, const RowPlace& place) {
  const auto layer = static_cast<std::size_t>(place.layer);
  if (place.point == ProbePoint::kCachedKeys) return facts.cached_key_width[layer];
  return place.point == ProbePoint::kCachedValues ? facts.cached_value_width[layer] : facts.d_model;
}

// What is wrong with the numbers of a change; empty if nothing.
//
// width  of the row that is changed
std::string fault_of(const RowChange& change, int width) {
  const auto of_vector = [&](const Vector& vector) -> std::string {
    if (static_cast<int>(vector.size()) != width) {
      return "a vector of " + std::to_string(width) + " numbers, got " + std::to_string(vector.size());
    }
    const bool finite = std::ranges::all_of(vector, [](float value) { return std::isfinite(value); });
    return finite ? "" : "finite numbers, got others";
  };
  const auto of_direction = [&](const Vector& vector) {
    std::string fault = of_vector(vector);
    if (fault.empty() && dot(vector, vector) == 0) fault = "a direction with a length, got a vector of zeros";
    return fault;
  };
  const auto of_number = [](double value) -> std::string {
    return std::isfinite(value) ? "" : "a finite number, got " + text_of(value);
  };
  const auto first = [](std::initializer_list<std::string> faults) {
    for (const std::string& fault : faults) {
      if (!fault.empty()) return fault;
    }
    return std::string();
  };
  return std::visit(
      Overloaded{[&](const ReplaceRow& c) { return of_vector(c.row); },
                 [&](const AddToRow& c) { return of_vector(c.vector); },
                 [&](const SetComponent& c) { return first({of_direction(c.direction), of_number(c.value)}); },
                 [&](const ScaleComponent& c) {
                   return first({of_direction(c.direction), of_number(c.factor), of_number(c.about)});
                 },
                 [&](const ReplaceRest& c) { return first({of_direction(c.direction), of_vector(c.row)}); },
                 [&](const ClipNorm& c) {
                   return c.norm >= 0 ? of_number(c.norm) : "a norm of at least 0, got " + text_of(c.norm);
                 }},
      change);
}

}  // namespace

bool change_row(const RowChange& change, std::span<float> row) {
  return std::visit(
      Overloaded{[&](const ReplaceRow& c) {
                   check_length(c.row, row);
                   std::ranges::copy(c.row, row.begin());
                   return true;
                 },
                 [&](const AddToRow& c) {
                   check_length(c.vector, row);
                   return add(row, c.vector, 1);
                 },
                 [&](const SetComponent& c) { return move_component(row, c.direction, 1, c.value); },
                 [&](const ScaleComponent& c) { return move_component(row, c.direction, 1 - c.factor, c.about); },
                 [&](const ReplaceRest& c) { return replace_rest(row, c); },
                 [&](const ClipNorm& c) { return clip(row, c.norm); }},
      change);
}

ChangeRows::ChangeRows(std::vector<Change> changes) : changes_(std::move(changes)) {
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    at_[{changes_[i].first.point, changes_[i].first.layer}].push_back(i);
  }
}

std::string ChangeRows::description() const {
  std::string all;
  for (const Change& change : changes_) all += (all.empty() ? "" : "; ") + described(change);
  return all;
}

void ChangeRows::check(const ModelFacts& facts, std::span<const int> n_tokens) const {
  for (const Change& change : changes_) {
    const std::string what = "edit: " + described(change);
    const RowPlace& place = change.first;
    const bool embedding = place.point == ProbePoint::kEmbedding;
    if (embedding ? place.layer != -1 : place.layer < 0 || place.layer >= facts.n_layers) {
      throw Error(ErrorCode::kUsage, what + ": expected layer " +
                                         (embedding ? "-1" : "0 to " + std::to_string(facts.n_layers - 1)) + ", got " +
                                         std::to_string(place.layer));
    }
    check_position(place.sequence, place.position, n_tokens, what);
    const int width = width_at(facts, place);
    if (width == 0) continue;  // a point that is not there is refused by name
    if (const std::string fault = fault_of(change.second, width); !fault.empty()) {
      throw Error(ErrorCode::kUsage, what + ": expected " + fault);
    }
  }
}

void ChangeRows::edit_states(EditableStates& states) {
  const auto found = at_.find({states.point(), states.layer()});
  if (found == at_.end()) return;
  for (const std::size_t i : found->second) {
    const auto& [place, change] = changes_[i];
    const auto row = states.tokens().row(place.sequence, place.position);
    if (!row) continue;
    const auto before = states.row(*row);
    scratch_.assign(before.begin(), before.end());
    if (change_row(change, scratch_)) std::ranges::copy(scratch_, states.change(*row).begin());
  }
}

}  // namespace sinkscope
