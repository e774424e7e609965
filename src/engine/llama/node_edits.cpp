#include "engine/llama/node_edits.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "engine/attention/attention_mask.h"
#include "engine/llama/node_mask.h"
#include "engine/llama/tensor_access.h"

namespace sinkscope {
namespace {

constexpr ProbePoint kBlockPoints[] = {ProbePoint::kAttentionInput, ProbePoint::kAttentionWrite,
                                       ProbePoint::kMidResidual,    ProbePoint::kMlpInput,
                                       ProbePoint::kMlpWrite,       ProbePoint::kBlockOutput,
                                       ProbePoint::kCachedKeys,     ProbePoint::kCachedValues};

const std::optional<GraphNode>& node_at(const BlockNodes& block, ProbePoint point) {
  switch (point) {
    case ProbePoint::kAttentionInput:
      return block.attention_input;
    case ProbePoint::kAttentionWrite:
      return block.attention_write;
    case ProbePoint::kMidResidual:
      return block.mid_residual;
    case ProbePoint::kMlpInput:
      return block.mlp_input;
    case ProbePoint::kMlpWrite:
      return block.mlp_write;
    case ProbePoint::kCachedKeys:
      return block.cached_keys;
    case ProbePoint::kCachedValues:
      return block.cached_values;
    default:
      return block.block_output;
  }
}

// Why an edit cannot change a point by itself; empty if it can, or says that it changes the other point too.
std::string obstacle(const Edit& edit, const GraphMap& map, ProbePoint point, int layer) {
  if (point == ProbePoint::kEmbedding) return map.embedding ? "" : "the network has no node for it";
  const BlockNodes& block = map.blocks[static_cast<std::size_t>(layer)];
  const auto& node = node_at(block, point);
  if (!node) return "the network has no node for it";
  if (point == ProbePoint::kAttentionInput && block.attention_input_is_keys) {
    return "attention reads the residual stream itself here, and keys stand in for its input; edit the block output "
           "before";
  }
  for (const ProbePoint other : kBlockPoints) {
    // The stream between attention and MLP may be what the MLP reads: changing it changes both, as it should.
    if (other == point || (point == ProbePoint::kMidResidual && other == ProbePoint::kMlpInput)) continue;
    const auto& shared = node_at(block, other);
    if (shared && !edit.touches(other, layer) && shared->ordinal == node->ordinal) {
      return "one node (" + node->name + ") is " + std::string(name_of(other)) + " too";
    }
  }
  return {};
}

[[noreturn]] void refuse(const Edit& edit, const std::string& what, int layer, const std::string& why) {
  throw Error(ErrorCode::kModel, "edit: " + edit.description() + ": expected " + what + " of layer " +
                                     std::to_string(layer) + " that can be changed, got none: " + why);
}

void check_points(const Edit& edit, const GraphMap& map, int layer) {
  const auto check = [&](ProbePoint point) {
    if (!edit.touches(point, layer)) return;
    const std::string why = obstacle(edit, map, point, layer);
    if (!why.empty()) refuse(edit, std::string(name_of(point)), layer, why);
  };
  if (layer < 0) return check(ProbePoint::kEmbedding);
  for (const ProbePoint point : kBlockPoints) check(point);
  if (!edit.touches_attention(layer) || map.blocks[static_cast<std::size_t>(layer)].attention) return;
  const auto lacking =
      std::ranges::find_if(map.lacking, [&](const Lacking& l) { return l.layer == layer && l.what == "attention"; });
  refuse(edit, "attention", layer, lacking == map.lacking.end() ? "the network has none" : lacking->why);
}

void hide(std::uint8_t* number, ElementType type) {
  const std::uint32_t wide = 0xff800000u;
  const std::uint16_t narrow = type == ElementType::kF16 ? 0xfc00u : 0xff80u;
  if (type == ElementType::kF32) {
    std::memcpy(number, &wide, sizeof wide);
  } else {
    std::memcpy(number, &narrow, sizeof narrow);
  }
}

}  // namespace

void check_edits(std::span<Edit* const> edits, const GraphMap& map, const ModelFacts& facts,
                 std::span<const int> n_tokens) {
  for (const Edit* edit : edits) {
    edit->check(facts, n_tokens);
    for (int layer = -1; layer < facts.n_layers; ++layer) check_points(*edit, map, layer);
  }
}

// A mask with keys hidden. Kept for later layers that hide the same.
struct NodeEdits::EditedMask {
  ggml_tensor* tensor = nullptr;
  std::vector<std::uint8_t> original, edited;
  std::vector<HiddenKey> hidden;
  std::size_t first_byte = 0, n_bytes = 0;  // rows that differ
  AttentionMask mask;                       // of edited
};

NodeEdits::NodeEdits() = default;
NodeEdits::~NodeEdits() = default;

void NodeEdits::begin(std::span<Edit* const> edits, const MicroBatch& batch, int n_layers) {
  edits_ = edits;
  batch_ = batch;
  pending_.clear();
  written_ = nullptr;
  hides_ = false;
  for (int layer = 0; layer < n_layers; ++layer) hides_ = hides_ || touches_attention(layer);
  if (!hides_) masks_.clear();
  for (const auto& mask : masks_) mask->tensor = nullptr;
}

bool NodeEdits::touches(ProbePoint point, int layer) const {
  return std::ranges::any_of(edits_, [&](const Edit* edit) { return edit->touches(point, layer); });
}

bool NodeEdits::touches_attention(int layer) const {
  return std::ranges::any_of(edits_, [&](const Edit* edit) { return edit->touches_attention(layer); });
}

std::span<const std::uint8_t> NodeEdits::edit_states(ggml_tensor* node, ProbePoint point, int layer,
                                                     MatrixView<const float> rows) {
  changed_.assign(rows.rows(), 0);
  const RunTokens tokens = batch_.tokens();
  // The rows are memory of the node or of a copy, neither of which is constant.
  EditableStates states(point, layer, tokens, {const_cast<float*>(rows.data()), rows.rows(), rows.cols()}, changed_);
  for (Edit* edit : edits_) {
    if (edit->touches(point, layer)) edit->edit_states(states);
  }
  if (std::ranges::count(changed_, 1) == 0) return {};
  if (node->op == GGML_OP_SET_ROWS) {
    write_cells(node, rows, changed_);
    return changed_;
  }
  if (node->type != GGML_TYPE_F32) {
    throw Error(ErrorCode::kModel, std::string("edit: expected float32 numbers in ") + node->name + ", got " +
                                       ggml_type_name(node->type) + "; this node cannot be changed");
  }
  if (rows.data() == node->data) return changed_;
  const std::size_t row_bytes = rows.cols() * sizeof(float);
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (changed_[row]) ggml_backend_tensor_set(node, rows.row(row).data(), row * row_bytes, row_bytes);
  }
  return changed_;
}

void NodeEdits::asked(const ggml_tensor* node) {
  if (hides_) pending_.push_back(node);
}

NodeEdits::EditedMask& NodeEdits::edited_mask(ggml_tensor* tensor) {
  auto found = std::ranges::find_if(masks_, [&](const auto& mask) { return mask->tensor == tensor; });
  const bool known = found != masks_.end();
  if (!known) found = std::ranges::find_if(masks_, [](const auto& mask) { return mask->tensor == nullptr; });
  if (found == masks_.end()) found = masks_.insert(found, std::make_unique<EditedMask>());
  EditedMask& mask = **found;
  if (!known) {
    mask.original.resize(ggml_nbytes(tensor));
    ggml_backend_tensor_get(tensor, mask.original.data(), 0, mask.original.size());
    mask.tensor = tensor;
    mask.hidden.clear();
  }
  if (mask.hidden == hidden_) return mask;
  const MaskTensor read{nullptr, element_type_of(tensor), tensor->nb[1], static_cast<int>(tensor->ne[0])};
  const std::size_t element = ggml_type_size(tensor->type);
  mask.hidden = hidden_;
  mask.edited = mask.original;
  int first = batch_.n_tokens, end = 0;
  for (const HiddenKey& key : hidden_) {
    for (int row = key.first_row; row < key.end_row; ++row) {
      hide(mask.edited.data() + static_cast<std::size_t>(row) * read.row_stride +
               static_cast<std::size_t>(key.key) * element,
           read.type);
    }
    first = std::min(first, key.first_row);
    end = std::max(end, key.end_row);
  }
  mask.first_byte = static_cast<std::size_t>(first) * read.row_stride;
  mask.n_bytes = static_cast<std::size_t>(end - first) * read.row_stride;
  MaskTensor edited = read;
  edited.data = mask.edited.data();
  read_causal_mask(edited, batch_, mask.mask);
  return mask;
}

const AttentionMask* NodeEdits::hide_keys(const ggml_tensor* attention, int layer) {
  const RunTokens tokens = batch_.tokens();
  hidden_.clear();
  EditableAttention editable(layer, tokens, hidden_);
  for (Edit* edit : edits_) {
    if (edit->touches_attention(layer)) edit->edit_attention(editable);
  }
  if (hidden_.empty()) return nullptr;
  ggml_tensor* mask = attention->src[3];
  if (!mask || mask->op != GGML_OP_NONE || mask->view_src || mask->ne[2] != 1 || mask->ne[3] != 1 ||
      mask->ne[1] < batch_.n_tokens || !ggml_is_contiguous(mask)) {
    throw Error(ErrorCode::kModel, "edit: expected the attention of layer " + std::to_string(layer) +
                                       " to read one mask that llama.cpp gives it, got " +
                                       (mask ? "a computed one" : "none") + "; no keys can be hidden here");
  }
  for (const ggml_tensor* node : pending_) {
    if (node != attention && std::ranges::find(node->src, mask) != std::end(node->src)) {
      throw Error(ErrorCode::kModel, "edit: expected nothing but the attention of layer " + std::to_string(layer) +
                                         " to read its mask at a time, got " + node->name +
                                         " too; no keys can be hidden here");
    }
  }
  written_ = &edited_mask(mask);
  ggml_backend_tensor_set(mask, written_->edited.data() + written_->first_byte, written_->first_byte,
                          written_->n_bytes);
  return &written_->mask;
}

void NodeEdits::show_keys() {
  if (!written_) return;
  ggml_backend_tensor_set(written_->tensor, written_->original.data() + written_->first_byte, written_->first_byte,
                          written_->n_bytes);
  written_ = nullptr;
}

}  // namespace sinkscope
