#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/llama/graph_map.h"
#include "engine/llama/micro_batch.h"
#include "probe/edit.h"

struct ggml_tensor;

namespace sinkscope {

class AttentionMask;

// Refuses edits that cannot be made in a network.
//
// n_tokens  [n_sequences] as Edit::check takes it
// throws    Error{kUsage} as Edit::check; Error{kModel} where an edit touches a node that the network lacks, or one
//           that stands for another point too, so that it cannot be changed by itself
void check_edits(std::span<Edit* const> edits, const GraphMap& map, const ModelFacts& facts,
                 std::span<const int> n_tokens);

// The edits of a run, as they meet the nodes of one micro-batch after another.
//
// States: a node that was just computed is written to, on the device where it lies. What reads it is computed later.
//
// Masks: one tensor serves all blocks with the same window, so it is written before a block's attention and written
// back after it. Nothing else that reads it may be computed in between: hide_keys() comes when the scheduler asks for
// the attention node, after which it computes all that it asked for since the last node that was wanted. So the
// probe wants the block's input too, and pending nodes are looked through. The scheduler copies a mask to another
// device once a split, before it asks for the split's nodes; what is written to is what the node itself reads.
class NodeEdits {
 public:
  NodeEdits();
  ~NodeEdits();

  // edits and the batch's spans must live until the next begin()
  void begin(std::span<Edit* const> edits, const MicroBatch& batch, int n_layers);

  bool touches(ProbePoint point, int layer) const;
  bool touches_attention(int layer) const;

  // Lets the edits change a node's rows.
  //
  // rows     [n_tokens, width] as token_rows() gave them: the node's own memory, or a copy of it, which is written to;
  //          of a node that writes to a cache as rows_for_cells() did
  // returns  [n_tokens] 1 for changed rows, valid until the next call; empty if there are none
  std::span<const std::uint8_t> edit_states(ggml_tensor* node, ProbePoint point, int layer,
                                            MatrixView<const float> rows);

  // The scheduler asks for a node, or has computed all that it asked for.
  void asked(const ggml_tensor* node);
  void computed() { pending_.clear(); }

  // Lets the edits hide keys from an attention node that the scheduler asks for.
  //
  // returns  the mask as the node will read it, valid until the next call for a node with the same mask; null if
  // nothing
  //          is hidden
  const AttentionMask* hide_keys(const ggml_tensor* attention, int layer);
  // Once the node is computed: its mask as it was.
  void show_keys();

 private:
  struct EditedMask;

  EditedMask& edited_mask(ggml_tensor* mask);

  std::span<Edit* const> edits_;
  MicroBatch batch_;
  std::vector<std::uint8_t> changed_;
  bool hides_ = false;                       // some edit touches the attention of some layer
  std::vector<const ggml_tensor*> pending_;  // asked for and not computed
  std::vector<HiddenKey> hidden_;
  std::vector<std::unique_ptr<EditedMask>> masks_;  // by tensor
  EditedMask* written_ = nullptr;                   // in force
};

}  // namespace sinkscope
