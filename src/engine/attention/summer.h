#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "engine/attention/attention_mask.h"
#include "engine/attention/column_sums.h"

struct ggml_tensor;

namespace sinkscope {

// What is asked of one attention node.
struct ColumnQuestion {
  const AttentionMask* mask = nullptr;    // of this node's mask; must live until the sums are made
  std::span<const std::int32_t> watched;  // keys, ascending, without repeats; likewise
  bool by_head = false;                   // AttentionSums::watched_by_head as well
  bool sums = true;                       // false: the mask is another than the node's, but no sums are asked for
};

// Says what will be asked of a node, to a summer that works while the node is computed.
class ColumnAsker {
 public:
  virtual ~ColumnAsker() = default;
  // Called before an attention node is computed, when its inputs are.
  //
  // returns  nothing if no sums of this node are wanted
  virtual std::optional<ColumnQuestion> question_for(const ggml_tensor& node) = 0;
};

// Sums the columns of attention nodes. One interface for several siblings, which differ in where they work:
//
//   AccelSums  (engine/accel)  the oneDNN device makes the sums as it computes the node
//   HostSums   (engine/llama)  on the processor, from the node's inputs, once it is computed; takes every node
//
// A sibling that works on a node's own backend, by operations of ggml, comes between the two: its takes() asks that
// backend for the operations, and its sum() runs a graph of them. A sibling that a build lacks takes no node.
class ColumnSummer {
 public:
  virtual ~ColumnSummer() = default;
  // A micro-batch begins; what is known of nodes of the one before does not hold any more.
  virtual void begin_micro_batch() {}
  // Whether sum() can be called for this node. Asked once the node is computed, while its inputs are intact.
  virtual bool takes(const ggml_tensor& node) const = 0;
  // Sums of a node that takes() accepts, called at the same time; as ColumnSums::compute. Call it once a node.
  //
  // question  that of question_for(), where it was called
  // returns   views of memory of this object, valid until the next node is computed
  // throws    Error{kModel} if the node's numbers are of a type that cannot be summed; Error{kModel} if shapes do not
  //           agree
  virtual AttentionSums sum(const ggml_tensor& node, const ColumnQuestion& question) = 0;
};

// Several siblings as one: each node goes to the first one that takes it.
class ColumnSummers final : public ColumnSummer {
 public:
  // siblings  in the order in which they are asked; must outlive this
  ColumnSummers(std::initializer_list<ColumnSummer*> siblings) : siblings_(siblings) {}

  void begin_micro_batch() override;
  bool takes(const ggml_tensor& node) const override { return sibling_for(node) != nullptr; }
  // throws  Error{kInternal} if takes() is false
  AttentionSums sum(const ggml_tensor& node, const ColumnQuestion& question) override;

 private:
  ColumnSummer* sibling_for(const ggml_tensor& node) const;

  std::vector<ColumnSummer*> siblings_;
};

}  // namespace sinkscope
