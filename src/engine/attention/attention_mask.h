#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/views.h"
#include "engine/attention/elements.h"
#include "probe/observer.h"

namespace sinkscope {

// The mask of an attention node: what is added to the logits, 0 or a finite bias, -inf where a key is hidden.
struct MaskTensor {
  const void* data = nullptr;  // [n_queries, n_columns]; null: every query sees every key
  ElementType type = ElementType::kF16;
  std::size_t row_stride = 0;  // bytes
  int n_columns = 0;           // at least the number of keys; columns beyond it are padding and must be hidden
  bool selects = false;  // it was computed: of all earlier tokens of a sequence, it shows those that a query selected
};

// Where the queries of a micro-batch and the keys lie.
struct AttentionPlaces {
  std::span<const std::int32_t> query_position;  // [n_queries] position in its sequence
  std::span<const std::int32_t> query_sequence;  // [n_queries]
  std::span<const std::int32_t> key_position;    // [n_keys]
  std::span<const std::int32_t> key_sequence;    // [n_keys]
};

// What one query sees: keys from first up to last, exclusive.
struct VisibleKeys {
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::int32_t count = 0;  // keys seen; less than last - first where some between are hidden
  bool plain = true;       // all of first .. last are seen, with no bias
};

// One distinct mask of one micro-batch, read once and shared by the layers that have it.
class AttentionMask {
 public:
  // Reads a mask. Reusable: memory is kept from one call to the next.
  //
  // mask    its memory must stay as it is until the last use of this object
  // places  copied
  // throws  Error{kModel} if lengths do not agree, or a column beyond the keys is visible
  // cost    O(n_queries * n_keys), on n_threads threads
  void read(const MaskTensor& mask, const AttentionPlaces& places, int min_distance, int n_threads = 1);

  std::uint64_t version() const { return version_; }  // another one after each read(), of any object
  int n_queries() const { return static_cast<int>(visible_.size()); }
  int n_keys() const { return static_cast<int>(key_position_.size()); }
  int min_distance() const { return min_distance_; }
  const MaskTensor& tensor() const { return mask_; }
  std::span<const VisibleKeys> visible() const { return visible_; }
  std::span<const std::int32_t> query_position() const { return query_position_; }
  std::span<const std::int32_t> query_sequence() const { return query_sequence_; }
  std::span<const std::int32_t> key_position() const { return key_position_; }
  std::span<const std::int32_t> key_sequence() const { return key_sequence_; }
  int queries_that_see() const { return queries_that_see_; }  // queries with at least one visible key
  bool sees(int query, int key) const;
  // What is added to the logit, before ALiBi's slope; -inf where hidden.
  float bias(int query, int key) const;

  // Of these, far queries whose mask shows the key.
  std::int32_t far_queries_that_see(std::size_t key) const {
    return mask_.selects ? far_selected_[key] : far_queries_[key];
  }
  // Valid until the next read().
  KeyVisibility visibility() const { return {queries_, far_queries_, far_uniform_, far_selected_}; }

 private:
  void read_rows(int n_threads);
  void count_columns(int n_threads);
  void count_selectable(int n_threads);

  template <typename Body>
  void for_visible_runs(int query, std::int32_t first, std::int32_t last, const Body& body) const;

  std::uint64_t version_ = 0;
  MaskTensor mask_;
  int min_distance_ = 0;
  int queries_that_see_ = 0;
  std::vector<std::int32_t> query_position_, query_sequence_, key_position_, key_sequence_;
  std::vector<VisibleKeys> visible_;
  std::vector<std::int32_t> queries_, far_queries_, far_selected_;
  std::vector<double> far_uniform_;
};

}  // namespace sinkscope
