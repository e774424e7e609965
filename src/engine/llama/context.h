#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "engine/accel/accel_sums.h"
#include "engine/accel/precision.h"
#include "engine/llama/decode_probe.h"
#include "engine/llama/deployed_context.h"
#include "engine/llama/graph_map.h"
#include "engine/llama/host_sums.h"
#include "engine/llama/llama_library.h"
#include "engine/llama/vocabulary_product.h"
#include "probe/model.h"

namespace sinkscope {

// Tokens to be run, with where each stands: its position in its own sequence, and which sequence of the pack that is.
struct PlacedTokens {
  std::vector<llama_token> tokens;
  std::vector<std::int32_t> position, sequence;

  PlacedTokens() = default;
  explicit PlacedTokens(const Pack& pack);
  void add(TokenId token, int token_position, int token_sequence);
};

struct ContextOptions {
  std::string path;  // of the model, for messages
  int n_layers = 0;
  int n_ctx = 0;        // tokens that the context holds; 0: what packs need
  int n_ctx_train = 0;  // up to which a context grows in large steps
  int n_ubatch = 512;
  int n_seq_max = 1;
  int n_threads = 1;
  Deployment deployment;
  bool final_norm = false;               // the last block's output is taken after the final norm
  std::optional<int> short_rope_tokens;  // a context of more tokens has the long RoPE factors: ModelFile
  ResolvedPrecision precision;
};

// A llama.cpp context, the maps of its graphs, and the probe that looks into them: runs micro-batches.
class DecodeContext {
 public:
  // model  must outlive this
  DecodeContext(llama_model* model, const ContextOptions& options)
      : model_(model), options_(options), adapters_(model, options.deployment.lora), host_sums_(options.n_threads) {}
  DecodeContext(const DecodeContext&) = delete;
  DecodeContext& operator=(const DecodeContext&) = delete;

  // Makes a context that holds n_tokens, unless there is one. Grows in large steps: a corpus makes few of them.
  //
  // has_long_rope  with the long RoPE factors, of two sets; else n_tokens is at most short_rope_tokens
  // throws  Error{kModel} with llama.cpp's reason if it makes none
  void make_room(int n_tokens, bool has_long_rope);
  // Where the probe points lie in the graph of a micro-batch.
  //
  // throws  Error{kModel} if they cannot be found
  const GraphMap& map_for(int n_tokens);
  // Runs tokens [first, first + n), and shows them to the observer. Those before must have been run.
  //
  // throws  Error{kModel} with llama.cpp's reason; whatever the observer threw
  void decode(PlacedTokens& tokens, int first, int n, Observer& observer, const RunOptions& options);

  // As Model::next_token_logits.
  void next_token_logits(MatrixView<const float> states, Matrix<float>& logits);

  llama_context* get() { return context_.get(); }

 private:
  void take_final_norm(GraphMap& map) const;

  llama_model* model_;
  ContextOptions options_;
  LoadedAdapters adapters_;
  DecodeProbe probe_;
  AccelSums accel_sums_{probe_};
  HostSums host_sums_;
  ColumnSummers column_summers_{&accel_sums_, &host_sums_};
  LlamaContextPtr context_;  // after probe_, which it points to
  int n_ctx_ = 0;
  bool has_long_rope_ = false;
  std::map<int, GraphMap> maps_;  // by tokens of the micro-batch
  std::optional<VocabularyProduct> vocabulary_product_;

  std::vector<std::int32_t> one_each_;  // of the micro-batch, as the next two
  std::vector<llama_seq_id*> sequence_pointers_;
  std::vector<std::int8_t> all_output_;
};

// A context's key-value cache for one run. It is empty before, and again when this ends, however the run ended: what
// comes next needs the room.
class CacheInUse {
 public:
  explicit CacheInUse(DecodeContext& context) : context_(context) {}
  ~CacheInUse() { llama_memory_clear(llama_get_memory(context_.get()), true); }
  CacheInUse(const CacheInUse&) = delete;
  CacheInUse& operator=(const CacheInUse&) = delete;

 private:
  DecodeContext& context_;
};

}  // namespace sinkscope
