#include "engine/llama/model.h"

#include <ggml-backend.h>
#include <llama-ext.h>
#include <llama.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/accel/device.h"
#include "engine/llama/decode_probe.h"
#include "engine/llama/graph_map.h"
#include "engine/llama/model_description.h"
#include "engine/llama/model_file.h"
#include "engine/llama/node_edits.h"
#include "engine/llama/rpc_servers.h"
#include "engine/llama/runtime.h"
#include "engine/llama/sampler.h"
#include "engine/llama/unused_logits.h"
#include "engine/llama/vocabulary.h"
#include "engine/llama/write_check.h"
#include "engine/memory/file_pages.h"
#include "engine/memory/pages_on_demand.h"

namespace sinkscope {
namespace {

int round_up(int value, int step) { return (value + step - 1) / step * step; }

std::string because(const std::string& otherwise) {
  const std::string logged = take_llama_error();
  return logged.empty() ? otherwise : logged;
}

// A context's key-value cache for one run. It is empty before, and again when this ends, however the run ended: what
// comes next needs the room.
class CacheInUse {
 public:
  explicit CacheInUse(llama_context* context) : context_(context) {}
  ~CacheInUse() { llama_memory_clear(llama_get_memory(context_), true); }
  CacheInUse(const CacheInUse&) = delete;
  CacheInUse& operator=(const CacheInUse&) = delete;

 private:
  llama_context* context_;
};

class LlamaModel final : public Model {
 public:
  explicit LlamaModel(const LoadOptions& options) : options_(options) {
    start_llama();
    set_llama_verbose(options.verbose);
    check_model_file(options.path);
    if (!options.vocab_only) precision_ = precision_of(options);
    register_accel_device();
    add_rpc_servers(options.rpc_servers);
    set_parallel_threads(n_threads());
    take_llama_error();
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = options.n_gpu_layers;
    params.vocab_only = options.vocab_only;
    // Layouts of the CPU's own would keep weights from every other device.
    params.use_extra_bufts = precision_.precision == Precision::kNative;
    model_.reset(llama_model_load_from_file(options.path.c_str(), params));
    if (!model_) {
      throw Error(ErrorCode::kModel, options.path + ": expected a model that llama.cpp can load, got: " +
                                         because("a file that it refuses without a reason"));
    }
    release_weight_pages(options.path);
    vocab_ = llama_model_get_vocab(model_.get());
    tokenizer_.emplace(vocab_);
    facts_ = facts_of(model_.get(), options.path);
    if (!options.vocab_only) {
      refuse_what_is_not_causal();
      make_context(std::min(max_tokens(), options.n_ubatch));
      map_for(options.n_ubatch);
      finish_facts();
    }
  }

  const ModelFacts& facts() const override { return facts_; }
  std::span<const Lacking> lacking() const override { return lacking_; }
  std::span<const ProbeNode> probe_nodes() const override { return probe_nodes_; }
  int max_tokens() const override { return options_.n_ctx > 0 ? options_.n_ctx : facts_.n_ctx_train; }
  int max_sequences() const override {
    const bool reads_one_by_one = llama_model_is_recurrent(model_.get()) || llama_model_is_hybrid(model_.get());
    return reads_one_by_one ? 1 : options_.max_sequences;
  }
  int n_ubatch() const override { return options_.n_ubatch; }

  std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const override {
    return tokenizer_->tokenize(text, parse_special);
  }

  std::string token_bytes(TokenId token) const override {
    check_token(token);
    return tokenizer_->token_bytes(token);
  }

  std::string chat_template() const override {
    const char* text = llama_model_chat_template(model_.get(), nullptr);
    return text ? text : "";
  }

  void run(const Pack& pack, Observer& observer, const RunOptions& options) override {
    const int n_tokens = pack.n_tokens();
    check_pack(pack, n_tokens);
    make_context(n_tokens);
    const CacheInUse cache(context_.get());
    place_tokens(pack, n_tokens);
    check_edits_of(options, std::min(n_tokens, options_.n_ubatch), lengths_of(pack));
    WriteCheck checked(facts_, observer);
    run_tokens(0, n_tokens, options_.n_ubatch, checked, options);
  }

  Generation generate(const std::vector<TokenId>& prompt, Observer& observer, const GenerateOptions& options) override {
    const Pack pack{{prompt}};
    const int n_prompt = pack.n_tokens();
    check_pack(pack, n_prompt);
    Sampler sampler(options.sampling);
    const int most = std::min(options.max_tokens, max_tokens() - n_prompt);
    make_context(n_prompt + most);
    const CacheInUse cache(context_.get());
    place_tokens(pack, n_prompt);
    check_edits_of(options.run, std::clamp(n_prompt - 1, 1, options_.n_ubatch), {n_prompt + most});
    WriteCheck checked(facts_, observer);
    run_tokens(0, n_prompt - 1, options_.n_ubatch, checked, options.run);
    Generation generation;
    for (int last = n_prompt - 1; static_cast<int>(generation.tokens.size()) < most; ++last) {
      run_tokens(last, last + 1, 1, checked, options.run);
      const TokenId token = sampler.draw(context_.get());
      generation.ended = llama_vocab_is_eog(vocab_, token);
      if (generation.ended) break;
      generation.tokens.push_back(token);
      if (options.on_token) options.on_token(token);
      place_token(token, last + 1, 0);
    }
    return generation;
  }

 private:
  int n_threads() const {
    return options_.n_threads > 0 ? options_.n_threads
                                  : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  void refuse_what_is_not_causal() const {
    const bool encoder = llama_model_has_encoder(model_.get()) || !llama_model_has_decoder(model_.get());
    const bool causal = metadata_of(model_.get(), facts_.arch + ".attention.causal") != "false";
    if (encoder || !causal || llama_model_is_diffusion(model_.get())) {
      throw Error(ErrorCode::kModel, options_.path + ": expected a causal language model, got " + facts_.arch +
                                         ", whose tokens also see later ones; attention sinks are defined for causal "
                                         "attention only");
    }
  }

  // Makes a context that holds n_tokens, unless there is one. Grows in large steps: a corpus makes few of them.
  void make_context(int n_tokens) {
    const int needed = std::max(n_tokens, options_.n_ubatch);
    if (context_ && needed <= n_ctx_) return;
    int size = options_.n_ctx > 0 ? std::max(options_.n_ctx, needed)
                                  : std::max(needed, std::min(2 * n_ctx_, facts_.n_ctx_train));
    context_.reset();
    maps_.clear();
    size = round_up(size, 256);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<std::uint32_t>(size);
    params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(options_.n_ubatch);
    params.n_seq_max = static_cast<std::uint32_t>(max_sequences());
    params.n_threads = params.n_threads_batch = n_threads();
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.cb_eval = DecodeProbe::on_node;
    params.cb_eval_user_data = &probe_;
    params.type_k = options_.cache_type_k == CacheType::kF32 ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.type_v = params.type_k;  // float32 keys are for reference, and half of a reference is none
    params.swa_full = true;         // columns of attention are then tokens, in order
    params.kv_unified = true;       // so that the sequences of a pack are not reordered
    params.no_perf = true;
    take_llama_error();
    const AccelScope scope(precision_);
    const PagesOnDemand pages;
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_ || !llama_get_memory(context_.get())) {
      throw Error(ErrorCode::kModel,
                  options_.path + ": expected a context of " + std::to_string(size) +
                      " tokens, got: " + because("no key-value cache; is this a causal language model?"));
    }
    n_ctx_ = size;
    reserve_unbacked_logits(context_.get(), options_.n_ubatch, pages);
    take_llama_error();
  }

  const GraphMap& map_for(int n_tokens) {
    const auto found = maps_.find(n_tokens);
    if (found != maps_.end()) return found->second;
    const auto n = static_cast<std::uint32_t>(n_tokens);
    const AccelScope scope(precision_);
    ggml_cgraph* graph = llama_graph_reserve(context_.get(), n, 1, n);
    if (!graph) throw Error(ErrorCode::kModel, options_.path + ": expected a compute graph, got: " + because("none"));
    GraphMap map = map_graph(graph, facts_.n_layers);
    if (options_.final_norm) take_final_norm(map);
    return maps_.emplace(n_tokens, std::move(map)).first->second;
  }

  void take_final_norm(GraphMap& map) const {
    if (!map.final_norm) {
      throw Error(ErrorCode::kModel, options_.path + ": expected a final norm (result_norm), got none");
    }
    BlockNodes& last = map.blocks.back();
    last.block_output = map.final_norm;
    last.attention_write = last.mid_residual = last.mlp_write = std::nullopt;
  }

  void finish_facts() {
    const GraphMap& map = maps_.begin()->second;
    lacking_ = map.lacking;
    const auto add = [&](int layer, const char* what, const std::optional<GraphNode>& node) {
      if (node) probe_nodes_.push_back({layer, what, node->name});
    };
    add(-1, "embedding", map.embedding);
    for (int layer = 0; layer < facts_.n_layers; ++layer) {
      const BlockNodes& block = map.blocks[static_cast<std::size_t>(layer)];
      facts_.n_heads.push_back(block.n_heads);
      facts_.n_kv_heads.push_back(block.n_kv_heads);
      facts_.n_heads_max = std::max(facts_.n_heads_max, block.n_heads);
      facts_.has_attention.push_back(block.attention.has_value());
      facts_.has_mid_residual.push_back(block.mid_residual.has_value());
      facts_.has_writes.push_back(block.mid_residual || (block.attention_write && block.mlp_write));
      facts_.has_attention_input.push_back(block.attention_input.has_value());
      add(layer, block.attention_input_is_keys ? "attention_input (keys before RoPE)" : "attention_input",
          block.attention_input);
      add(layer, "attention", block.attention);
      add(layer, "attention_write", block.attention_write);
      add(layer, "mid_residual", block.mid_residual);
      add(layer, "mlp_input", block.mlp_input);
      add(layer, "mlp_write", block.mlp_write);
      add(layer, "block_output", block.block_output);
    }
  }

  void check_token(TokenId token) const {
    if (token < 0 || token >= facts_.n_vocab) {
      throw Error(ErrorCode::kInput, "token id " + std::to_string(token) + ": expected 0 to " +
                                         std::to_string(facts_.n_vocab - 1) + ", the vocabulary of this model");
    }
  }

  void check_pack(const Pack& pack, int n_tokens) const {
    if (options_.vocab_only)
      throw Error(ErrorCode::kInternal, "run: expected a model with weights, got its vocabulary");
    if (n_tokens == 0) throw Error(ErrorCode::kInput, "text: expected at least one token, got none");
    if (static_cast<int>(pack.sequences.size()) > max_sequences()) {
      throw Error(ErrorCode::kInternal, "run: expected at most " + std::to_string(max_sequences()) +
                                            " sequences in a pack, got " + std::to_string(pack.sequences.size()));
    }
    for (const auto& sequence : pack.sequences) {
      if (static_cast<int>(sequence.size()) > max_tokens()) {
        throw Error(ErrorCode::kInput, "text: expected at most " + std::to_string(max_tokens()) + " tokens, got " +
                                           std::to_string(sequence.size()) + "; raise -c, or cut it with --chunk");
      }
      for (const TokenId token : sequence) check_token(token);
    }
  }

  // first_batch  tokens of the first micro-batch
  void check_edits_of(const RunOptions& options, int first_batch, const std::vector<int>& n_tokens) {
    if (!options.edits.empty()) check_edits(options.edits, map_for(first_batch), facts_, n_tokens);
  }

  static std::vector<int> lengths_of(const Pack& pack) {
    std::vector<int> lengths;
    for (const auto& sequence : pack.sequences) lengths.push_back(static_cast<int>(sequence.size()));
    return lengths;
  }

  void place_tokens(const Pack& pack, int n_tokens) {
    tokens_.clear();
    position_.clear();
    sequence_.clear();
    tokens_.reserve(static_cast<std::size_t>(n_tokens));
    for (std::size_t s = 0; s < pack.sequences.size(); ++s) {
      for (std::size_t i = 0; i < pack.sequences[s].size(); ++i) {
        place_token(pack.sequences[s][i], static_cast<int>(i), static_cast<int>(s));
      }
    }
  }

  void place_token(TokenId token, int position, int sequence) {
    tokens_.push_back(token);
    position_.push_back(position);
    sequence_.push_back(sequence);
  }

  void run_tokens(int first, int end, int most_at_once, Observer& observer, const RunOptions& options) {
    for (; first < end; first += most_at_once) {
      if (options.should_stop && options.should_stop()) {
        throw Error(ErrorCode::kInterrupted, "stopped after " + std::to_string(first) + " tokens");
      }
      decode(first, std::min(most_at_once, end - first), observer, options);
      // By now oneDNN has compiled most of what this run needs.
      if (!started_up_ && most_at_once > 1 && first + most_at_once < end) {
        release_start_up_pages();
        started_up_ = true;
      }
    }
  }

  void decode(int first, int n, Observer& observer, const RunOptions& options) {
    const GraphMap& map = map_for(n);
    probe_.begin(map, {first, n, position_, sequence_, options.min_distance}, observer, options.edits);
    llama_batch batch{};
    batch.n_tokens = n;
    batch.token = tokens_.data() + first;
    batch.pos = position_.data() + first;
    const auto count = static_cast<std::size_t>(n);
    one_each_.assign(count, 1);
    all_output_.assign(count, 1);
    sequence_pointers_.resize(count);
    for (std::size_t i = 0; i < count; ++i) sequence_pointers_[i] = &sequence_[static_cast<std::size_t>(first) + i];
    batch.n_seq_id = one_each_.data();
    batch.seq_id = sequence_pointers_.data();
    batch.logits = all_output_.data();
    take_llama_error();
    const AccelScope scope(precision_, &probe_);
    const int result = llama_decode(context_.get(), batch);
    scope.rethrow();
    probe_.end();
    if (result != 0) {
      throw Error(ErrorCode::kModel, options_.path + ": expected to run tokens " + std::to_string(first) + " to " +
                                         std::to_string(first + n - 1) +
                                         ", got: " + because("llama_decode's code " + std::to_string(result)));
    }
  }

  LoadOptions options_;
  ResolvedPrecision precision_;
  LlamaModelPtr model_;
  const llama_vocab* vocab_ = nullptr;
  std::optional<Tokenizer> tokenizer_;
  ModelFacts facts_;
  std::vector<Lacking> lacking_;
  std::vector<ProbeNode> probe_nodes_;
  DecodeProbe probe_;
  LlamaContextPtr context_;  // after probe_, which it points to
  int n_ctx_ = 0;
  bool started_up_ = false;       // what only that needed is given back
  std::map<int, GraphMap> maps_;  // by tokens of the micro-batch

  std::vector<llama_token> tokens_;
  std::vector<std::int32_t> position_, sequence_;
  std::vector<std::int32_t> one_each_;  // of the micro-batch, as the next two
  std::vector<llama_seq_id*> sequence_pointers_;
  std::vector<std::int8_t> all_output_;
};

}  // namespace

ResolvedPrecision precision_of(const LoadOptions& options) {
  ResolvedPrecision precision = resolve_precision(options.precision);
  const bool rounds = options.precision == Precision::kAuto && precision.precision == Precision::kBf16;
  return rounds && is_stored_in_f32(options.path) ? resolve_precision(Precision::kF32) : precision;
}

std::unique_ptr<Model> load_model(const LoadOptions& options) { return std::make_unique<LlamaModel>(options); }

void convert_to_f32(const std::string& in, const std::string& out) {
  start_llama();
  check_model_file(in);
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_ALL_F32;
  params.allow_requantize = true;
  take_llama_error();
  if (llama_model_quantize(in.c_str(), out.c_str(), &params) != 0) {
    std::error_code ignored;
    std::filesystem::remove(out, ignored);
    throw Error(ErrorCode::kOutput, out + ": expected to write " + in + " in float32, got: " + because("a failure"));
  }
}

std::vector<std::string> engine_versions() {
  start_llama();
  return {std::string("ggml ") + ggml_version() + " " + ggml_commit(), llama_print_system_info()};
}

}  // namespace sinkscope
