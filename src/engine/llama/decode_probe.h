#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/attention/attention_mask.h"
#include "engine/attention/eviction_cost.h"
#include "engine/attention/summer.h"
#include "engine/llama/device_probe.h"
#include "engine/llama/graph_map.h"
#include "engine/llama/host_sums.h"
#include "engine/llama/micro_batch.h"
#include "engine/llama/node_edits.h"
#include "probe/observer.h"

struct ggml_tensor;

namespace sinkscope {

// Stands between llama.cpp's evaluation callback and an observer, for one micro-batch after another. Edits of a node
// come before the observer sees it.
//
// Nothing may be thrown through llama.cpp: the first exception is kept, the rest of the graph passes unobserved,
// and end() throws it.
class DecodeProbe final : public ColumnAsker {
 public:
  DecodeProbe();
  ~DecodeProbe() override;

  // The arguments must live until end().
  //
  // summer  makes the column sums of this micro-batch
  void begin(const GraphMap& map, const MicroBatch& batch, Observer& observer, std::span<Edit* const> edits,
             ColumnSummer& summer);
  // Throws what was kept, or Error{kModel} if a node that was asked for did not come by.
  void end();

  // What proxy devices tell while they compute: be it in a WatchScope.
  DeviceProbe& devices() { return devices_; }

  // ggml_backend_sched_eval_callback; user_data is the DecodeProbe.
  static bool on_node(ggml_tensor* node, bool ask, void* user_data);

  std::optional<ColumnQuestion> question_for(const ggml_tensor& node) override;

 private:
  struct Wanted {
    int ordinal;
    const GraphNode* node;
    int layer;
    bool attention;
    ProbePoint point;
    bool observed, edited;    // neither: what was asked for before is to be computed by then
    bool for_device = false;  // wanted only if the node lies on a device, where states come as figures
    bool final_states = false;
  };
  enum class Way : std::uint8_t { kUnknown, kHost, kDevice };
  struct MaskInUse;

  // Generation reads the logits of single tokens, which cost little. It is the size that decides, since llama.cpp uses
  // a graph again for the next micro-batch of that size, and what was skipped once stays skipped.
  bool keeps_logits() const { return batch_.n_tokens == 1; }
  void want(const std::optional<GraphNode>& node, int layer, ProbePoint point);
  void want_attention(int layer);
  void want_writes_on_device(const BlockNodes& block, int layer);
  bool leave_to_device(const ggml_tensor* node, std::size_t last);
  void note_way(const Wanted& wanted, Way way);
  bool ask(ggml_tensor* node);
  void deliver(ggml_tensor* node);
  void deliver_state(ggml_tensor* node, const Wanted& wanted);
  void deliver_attention(const ggml_tensor* node, const Wanted& wanted);
  const AttentionMask& mask_of(const ggml_tensor* attention);
  ColumnQuestion question_about(const ggml_tensor* attention, int layer);
  EvictionCosts eviction_costs(const ggml_tensor* attention, const HeadVectors& values, const ColumnQuestion& question,
                               const AttentionSums& sums);

  HeadAttention attention_by_head(const ggml_tensor* attention, const AttentionMask& mask,
                                  std::span<const std::int32_t> keys);

  const GraphMap* map_ = nullptr;
  MicroBatch batch_;
  Observer* observer_ = nullptr;
  ColumnSummer* summer_ = nullptr;
  NodeEdits edits_;
  DeviceProbe devices_;
  bool figures_ = false;                        // states on devices come as figures in this micro-batch
  std::vector<Way> ways_;                       // [n_layers] in which the states of a block come
  const AttentionMask* edited_mask_ = nullptr;  // of the attention node at hand
  std::vector<Wanted> wanted_;                  // by ordinal
  std::size_t next_wanted_ = 0;
  int next_ordinal_ = 0;
  int last_needed_ = 0;  // the output of the last block, or the final norm where that is wanted
  int last_kept_ = 0;    // what follows is skipped, and stays so in later micro-batches: on the processor the final norm
                         // never is
  std::exception_ptr failure_;

  std::vector<std::unique_ptr<MaskInUse>> masks_;  // of this micro-batch, then spare ones
  std::size_t n_masks_ = 0;
  std::optional<ColumnQuestion> question_;  // of the attention node at hand, once it was asked for
  EvictionCost eviction_cost_;
  std::unique_ptr<HostSums> by_head_;  // once keys by head are asked for
  std::vector<float> key_norms_, value_norms_, rows_;
  std::vector<std::uint8_t> state_bytes_, key_bytes_, value_bytes_, output_bytes_;
};

}  // namespace sinkscope
