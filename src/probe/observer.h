#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/views.h"
#include "probe/state_figures.h"

namespace sinkscope {

// Places in a transformer block whose vectors may be observed. Every point is [n_tokens, width] float32.
enum class ProbePoint : std::uint8_t {
  kEmbedding,       // h_{-1}; its layer is -1
  kAttentionInput,  // what the attention of block l reads: h_{l-1} after norm and gain. In post-norm models: the
                    // keys of block l before RoPE, which is what the norm acts on there
  kMidResidual,     // r_l, the residual stream between attention and MLP; lacking in parallel blocks, whose writes
                    // are to be had at kAttentionWrite and kMlpWrite only
  kMlpInput,        // what the MLP of block l reads: r_l after norm and gain
  kBlockOutput,     // h_l
  kAttentionWrite,  // the network's own node that is added to h_{l-1}
  kMlpWrite,        // the network's own node that is added to r_l
  kCachedKeys,      // keys as they are written to the cache, after RoPE, all KV heads one after the other: float32,
                    // before they are rounded to the cache's type. Lacking where values are views of keys (MLA), and in
                    // blocks that read another block's cache
  kCachedValues,    // likewise the values
};
inline constexpr int kProbePoints = 9;
inline constexpr int kWatchedKeys = 64;  // keys of a sequence that are watched beside its primary candidates

std::string_view name_of(ProbePoint point);

// Vectors of one probe point, for consecutive tokens of a pack.
struct StateEvent {
  ProbePoint point;
  int layer;
  int first_token;                            // index in the pack of the first row
  MatrixView<const float> states;             // [n_tokens, width]; valid during the call only
  std::span<const std::uint8_t> edited = {};  // [n_tokens] 1 for rows that an edit changed here; empty without any
};

// What the mask lets keys receive from the queries of one micro-batch. Shared by layers with equal masks.
//
// Where a layer selects keys by their content (an indexer's top k), a query counts for all keys that it could have
// selected: what it left out receives nothing from it. Otherwise a key's score would rise by being selected seldom.
struct KeyVisibility {
  std::span<const std::int32_t> queries;       // [n_keys] queries that see the key
  std::span<const std::int32_t> far_queries;   // [n_keys] of these, at least min_distance positions later
  std::span<const double> far_uniform;         // [n_keys] sum over far queries of 1 / (keys that the query sees)
  std::span<const std::int32_t> far_selected;  // [n_keys] far queries that selected it; empty where all are seen
};

// What removing watched keys would do to the attention output: see AttentionEvent. With MLA, to that of the latent.
struct EvictionCosts {
  MatrixView<const double> cost;              // [n_heads, n_watched] sum over far queries of |o[q, h] - o'[q, h]|^2
  MatrixView<const std::int32_t> left_out;    // [n_heads, n_watched] queries whose attention is the key's almost alone
  std::span<const std::int32_t> far_queries;  // [n_watched] far queries that see the key
};

// What each head of each query gives to some keys, and its normaliser: see AttentionEvent. Where a query does not see a
// key, attention is 0. The logits' log-sum over keys K is log(sum over K of attention) + log_z. A logit's zero is of no
// meaning, so only differences of such are.
struct HeadAttention {
  std::span<const std::int32_t> keys;      // those that Observer::keys_by_head named, in its order
  MatrixView<const float> log_z;           // [n_heads, n_queries] log of the sum of exp(logit) over visible keys
                                           // and the learned sink logit
  MatrixView<const float> attention;       // [n_heads * n_queries, keys] A of head h and query q in row
                                           // h * n_queries + q
  MatrixView<const std::uint8_t> visible;  // [n_queries, keys] 1 where the mask lets q see the key
};

// Attention that keys received from the queries of one micro-batch, in one layer.
//
// Keys are tokens of the pack, in its order: key 0 .. n_keys-1, n_keys = first_query + n_queries.
struct AttentionEvent {
  int layer;
  int first_query;
  int n_queries;
  int n_keys;
  int n_heads;
  int n_kv_heads;
  MatrixView<const float> sums;          // [n_heads, n_keys] sum over queries of A[h, q, k]
  MatrixView<const float> far_sums;      // [n_heads, n_keys] the same over far queries
  std::span<const double> learned_mass;  // [n_heads] sum over queries of what a learned sink logit took
  KeyVisibility visibility;
  // Watched keys: those that Observer::watched_keys named, in its order.
  std::span<const std::int32_t> watched;           // [n_watched] keys
  MatrixView<const float> watched_attention;       // [n_queries, n_watched] mean over heads of A; 0 where not visible
  MatrixView<const float> watched_logit;           // [n_queries, n_watched] mean over heads of the attention logit
  MatrixView<const std::uint8_t> watched_visible;  // [n_queries, n_watched] 1 where the mask lets q see the key
  // o: the head's attention output; o': the same of a softmax without the key. Empty unless wants_eviction_cost.
  EvictionCosts eviction = {};
  // Made in float32 from the queries and keys of the node, whatever number and device the network computes it in.
  HeadAttention by_head = {};  // empty where no keys were named
};

// Norms of the keys and values of one micro-batch's tokens in one layer, all KV heads concatenated.
// With MLA both are norms of the shared latent.
struct KeyValueEvent {
  int layer;
  int first_token;
  std::span<const float> key_norm;    // [n_tokens]
  std::span<const float> value_norm;  // [n_tokens]
};

// Receives what a model shows while it runs. Calls come on one thread, layer after layer within a micro-batch:
// of block l first kAttentionInput, then kCachedKeys and kCachedValues, then attention and norms of keys, then
// kMidResidual, ..., then kBlockOutput.
// What a call throws ends the run and is thrown by Model::run.
//
// As it stands, it wants nothing: a pass costs what the network costs.
class Observer {
 public:
  virtual ~Observer() = default;
  // Asked once for each micro-batch, point and layer; a point that nobody wants costs nothing.
  virtual bool wants(ProbePoint, int /*layer*/) { return false; }
  virtual bool wants_attention(int /*layer*/) { return false; }
  // Asked before the attention of each layer. At most kPrimaryCandidates + kWatchedKeys keys a sequence; ascending,
  // without repeats.
  virtual std::span<const std::int32_t> watched_keys(int /*layer*/) { return {}; }
  // Asked with watched_keys: whether events bring their eviction costs.
  virtual bool wants_eviction_cost(int /*layer*/) { return false; }
  // Asked with watched_keys: keys whose attention is wanted by head and query. Keys that have come, ascending, without
  // repeats; any number of them. Costs the product of queries and keys once more.
  virtual std::span<const std::int32_t> keys_by_head(int /*layer*/) { return {}; }
  virtual void on_state(const StateEvent&) {}
  // Whether states that lie on a device may come as figures. A block's states come one way or the other, whole.
  virtual bool takes_figures() { return false; }
  // Asked before a micro-batch's first figures: the candidates of each sequence that has tokens in it, in their order.
  // Positions in the sequence, ascending, at most kPrimaryCandidates; the same in every micro-batch of the sequence.
  virtual std::span<const std::vector<int>> figure_candidates() { return {}; }
  virtual void on_state_figures(const StateFigures&) {}
  // Asked after the figures of each block output. What is returned must stay until on_state_answers, which comes
  // before the figures of the next block output.
  virtual StateQuestions state_questions(int /*layer*/) { return {}; }
  virtual void on_state_answers(const StateAnswers&) {}
  // Whether it looks at WriteFigures of this micro-batch.
  virtual bool checks_writes() { return false; }
  virtual void on_writes(const WriteFigures&) {}
  virtual void on_attention(const AttentionEvent&) {}
  virtual void on_key_value(const KeyValueEvent&) {}
  // Whether the states after the final norm are wanted: what Model::next_token_logits takes. Asked once a micro-batch.
  virtual bool wants_final_states() { return false; }
  // states  [n_tokens, d_model] of the micro-batch's tokens; valid during the call only
  virtual void on_final_states(int /*first_token*/, MatrixView<const float> /*states*/) {}
  // Before anything is asked about a micro-batch or shown of it.
  virtual void on_micro_batch_begin(int /*first_token*/, int /*n_tokens*/) {}
  // After the last block of a micro-batch; first_token and n_tokens as in the pack.
  virtual void on_micro_batch_end(int /*first_token*/, int /*n_tokens*/) {}
};

}  // namespace sinkscope
