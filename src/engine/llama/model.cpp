#include "engine/llama/model.h"

#include <ggml.h>
#include <llama.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/thread_limits.h"
#include "engine/accel/device.h"
#include "engine/llama/context.h"
#include "engine/llama/llama_library.h"
#include "engine/llama/llama_overrides.h"
#include "engine/llama/loading.h"
#include "engine/llama/model_description.h"
#include "engine/llama/node_edits.h"
#include "engine/llama/plain_forward.h"
#include "engine/llama/rpc_servers.h"
#include "engine/llama/sampler.h"
#include "engine/llama/vocabulary.h"
#include "engine/llama/write_check.h"
#include "engine/memory/file_pages.h"
#include "gguf/broken_numbers.h"
#include "gguf/digest.h"
#include "probe/not_finite.h"

namespace sinkscope {
namespace {

// Keeps llama.cpp from building a vocabulary that is there already: it makes tokens without names, as many.
void leave_out_vocabulary(LlamaOverrides& overrides, const std::string& arch, int n_vocab) {
  overrides.add({"tokenizer.ggml.model", "no_vocab"});
  overrides.add({arch + ".vocab_size", std::int64_t{n_vocab}});
}

// may_go_on  asked before each weight is read; false ends the load
std::shared_ptr<llama_model> load_weights(const ModelFile& file, Precision precision, const Placement& placement,
                                          const Vocabulary* vocabulary, std::function<bool()> may_go_on) {
  llama_model_params params = llama_model_default_params();
  std::vector<ggml_backend_dev_t> devices = placement.devices;
  devices.push_back(nullptr);  // ends the list
  params.devices = devices.data();
  params.n_gpu_layers = placement.n_gpu_layers;
  // Layouts of the CPU's own would keep weights from every other device.
  params.use_extra_bufts = precision == Precision::kNative;
  LlamaOverrides overrides;
  if (vocabulary != nullptr) leave_out_vocabulary(overrides, file.arch(), vocabulary->facts().n_vocab);
  overrides.add(file.overrides());
  params.kv_overrides = overrides.list();
  params.progress_callback = [](float, void* asked) { return (*static_cast<std::function<bool()>*>(asked))(); };
  params.progress_callback_user_data = &may_go_on;
  std::shared_ptr<llama_model> model = load_llama_model(file.path(), params);
  release_weight_pages(file.path());
  return model;
}

std::string name_of_arithmetic(const ResolvedPrecision& on_processor, const Placement& placement) {
  if (placement.devices.empty()) return on_processor.name;
  if (placement.n_gpu_layers > placement.n_layers) return placement.arithmetic;
  return on_processor.name + ", " + placement.arithmetic;
}

// With what the user need not say: digests of adapters, and whether the process turns llama.cpp's rotation off.
Deployment resolved(Deployment deployment) {
  const bool quantised = ggml_is_quantized(cache_type_of(deployment.cache_type_k)) ||
                         ggml_is_quantized(cache_type_of(deployment.cache_type_v));
  const char* disabled = std::getenv("LLAMA_ATTN_ROT_DISABLE");
  deployment.cache_rotation = !(quantised && disabled != nullptr && std::atoi(disabled) != 0);
  for (LoraAdapter& adapter : deployment.lora) {
    if (adapter.sha256.empty()) adapter.sha256 = model_sha256(adapter.path, {});
  }
  return deployment;
}

class LlamaModel final : public Model {
 public:
  LlamaModel(const ModelFile& file, const LoadOptions& options, std::shared_ptr<const Vocabulary> vocabulary)
      : path_(file.path()),
        options_(options),
        n_threads_(threads_or_default(options.runtime.n_threads)),
        short_rope_tokens_(file.short_rope_tokens()) {
    options_.deployment = resolved(options.deployment);
    apply(options.runtime.tuning);
    start_llama();
    const LlamaLogScope log(options.verbose);
    const ResolvedPrecision precision = precision_of(file, options.precision);
    register_accel_device();
    servers_.emplace(options.rpc_servers, rpc::Patience{options.rpc_timeout, options.should_stop});
    servers_->with([&] { load(file, precision, std::move(vocabulary)); });
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
  std::optional<int> short_rope_tokens() const override { return short_rope_tokens_; }
  int n_threads() const override { return n_threads_; }
  std::string precision() const override { return precision_; }
  Deployment deployment() const override { return options_.deployment; }
  const Vocabulary& vocabulary() const override { return *vocabulary_; }
  llama_model* weights() const { return model_.get(); }

  void run(const Pack& pack, Observer& observer, const RunOptions& options) override {
    const LlamaLogScope log(options_.verbose);
    const int n_tokens = pack.n_tokens();
    check_pack(pack, n_tokens);
    make_room(n_tokens, has_long_rope(pack, n_tokens));
    const CacheInUse cache(*context_);
    tokens_ = PlacedTokens(pack);
    check_edits_of(options, std::min(n_tokens, options_.n_ubatch), lengths_of(pack));
    WriteCheck checked(facts_, observer);
    explain_not_finite([&] { run_tokens(0, n_tokens, options_.n_ubatch, checked, options); });
  }

  void next_token_logits(MatrixView<const float> states, Matrix<float>& logits) override {
    const LlamaLogScope log(options_.verbose);
    servers_->with([&] { context_->next_token_logits(states, logits); });
  }

  Generation generate(const std::vector<TokenId>& prompt, Observer& observer, const GenerateOptions& options) override {
    const LlamaLogScope log(options_.verbose);
    const Pack pack{{prompt}};
    const int n_prompt = pack.n_tokens();
    check_pack(pack, n_prompt);
    Sampler sampler(options.sampling);
    const int most = std::min(options.max_tokens, max_tokens() - n_prompt);
    bool long_rope = has_long_rope(pack, n_prompt);
    const int most_short = short_rope_tokens_.value_or(n_prompt + most);
    make_room(long_rope ? n_prompt + most : std::min(n_prompt + most, most_short), long_rope);
    std::optional<CacheInUse> cache(*context_);
    tokens_ = PlacedTokens(pack);
    check_edits_of(options.run, std::clamp(n_prompt - 1, 1, options_.n_ubatch), {n_prompt + most});
    WriteCheck checked(facts_, observer);
    run_tokens(0, n_prompt - 1, options_.n_ubatch, checked, options.run);
    Generation generation;
    for (int last = n_prompt - 1; static_cast<int>(generation.tokens.size()) < most; ++last) {
      if (!long_rope && last >= most_short) {
        // From here on it is a long text, all of it: the next token is drawn as from that text given as a prompt.
        cache.reset();
        long_rope = true;
        make_room(n_prompt + most, long_rope);
        cache.emplace(*context_);
        Observer nobody;
        run_tokens(0, last, options_.n_ubatch, nobody, options.run);
      }
      run_tokens(last, last + 1, 1, checked, options.run);
      const TokenId token = sampler.draw(context_->get());
      generation.ended = vocabulary_->ends_text(token);
      if (generation.ended) break;
      generation.tokens.push_back(token);
      if (options.on_token) options.on_token(token);
      tokens_.add(token, last + 1, 0);
    }
    return generation;
  }

 private:
  // The work of the constructor.
  void load(const ModelFile& file, const ResolvedPrecision& precision, std::shared_ptr<const Vocabulary> vocabulary) {
    placement_ = place_layers(file, options_.devices, servers_->devices(), options_.n_gpu_layers,
                              tokens_at_most(file), options_.n_ubatch);
    precision_ = name_of_arithmetic(precision, placement_);
    const auto should_stop = [&] { return options_.should_stop && options_.should_stop(); };
    try {
      model_ = load_weights(file, precision.precision, placement_, vocabulary.get(),
                            [&] { return !should_stop() && !servers_->is_lost(); });
    } catch (const Error&) {
      if (should_stop()) throw Error(ErrorCode::kInterrupted, "stopped while " + path_ + " was being loaded");
      throw;
    }
    vocabulary_ = vocabulary ? std::move(vocabulary) : std::make_shared<LlamaVocabulary>(model_, path_);
    facts_ = facts_of(model_.get(), vocabulary_->facts(), path_);
    refuse_what_is_not_causal();
    context_.emplace(model_.get(), context_options(precision));
    context_->make_room(std::min(max_tokens(), options_.n_ubatch), short_rope_tokens_ == 0);
    const int most_short = short_rope_tokens_.value_or(0);
    finish_facts(context_->map_for(most_short > 0 ? std::min(options_.n_ubatch, most_short) : options_.n_ubatch));
  }

  // Names the weight where a network that computes no numbers has one that is none.
  template <typename Work>
  void explain_not_finite(const Work& work) const {
    try {
      work();
    } catch (const NotFinite&) {
      const auto broken = find_broken_number(path_);
      if (!broken) throw;
      throw Error(ErrorCode::kModel, broken->file + ": expected numbers, got " + std::to_string(broken->count) +
                                         " that are NaN or infinite in tensor " + broken->tensor + ", the first at " +
                                         std::to_string(broken->place) + "; the file is damaged, fetch it again");
    }
  }

  // Tokens that the cache may have to hold; a trained length is seldom filled.
  int tokens_at_most(const ModelFile& file) const {
    constexpr std::int64_t kUsual = 8192;
    return options_.n_ctx > 0 ? options_.n_ctx
                              : static_cast<int>(std::min(kUsual, file.trained_length().value_or(kUsual)));
  }

  ContextOptions context_options(const ResolvedPrecision& precision) const {
    ContextOptions context;
    context.path = path_;
    context.n_layers = facts_.n_layers;
    context.n_ctx = options_.n_ctx;
    context.n_ctx_train = facts_.n_ctx_train;
    context.n_ubatch = options_.n_ubatch;
    context.n_seq_max = max_sequences();
    context.n_threads = n_threads_;
    context.deployment = options_.deployment;
    context.final_norm = options_.final_norm;
    context.short_rope_tokens = short_rope_tokens_;
    context.precision = precision;
    return context;
  }

  void refuse_what_is_not_causal() const {
    const bool encoder = llama_model_has_encoder(model_.get()) || !llama_model_has_decoder(model_.get());
    const bool causal = metadata_of(model_.get(), facts_.arch + ".attention.causal") != "false";
    if (encoder || !causal || llama_model_is_diffusion(model_.get())) {
      throw Error(ErrorCode::kModel, path_ + ": expected a causal language model, got " + facts_.arch +
                                         ", whose tokens also see later ones; attention sinks are defined for causal "
                                         "attention only");
    }
  }

  void finish_facts(const GraphMap& map) {
    lacking_ = map.lacking;
    facts_.sliding_window = llama_model_n_swa(model_.get());
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
      facts_.cached_key_width.push_back(block.cached_key_width);
      facts_.cached_value_width.push_back(block.cached_value_width);
      add(layer, block.attention_input_is_keys ? "attention_input (keys before RoPE)" : "attention_input",
          block.attention_input);
      const bool on_device = layer > facts_.n_layers - placement_.n_gpu_layers;  // the output is one of them
      const char* summed = block.summed_on_device ? "attention (summed on the GPU)" : "attention (read to the host)";
      add(layer, on_device && !placement_.devices.empty() ? summed : "attention", block.attention);
      add(layer, "attention_write", block.attention_write);
      add(layer, "mid_residual", block.mid_residual);
      add(layer, "mlp_input", block.mlp_input);
      add(layer, "mlp_write", block.mlp_write);
      add(layer, "block_output", block.block_output);
    }
  }

  void make_room(int n_tokens, bool has_long_rope) {
    servers_->with([&] { context_->make_room(n_tokens, has_long_rope); });
  }

  bool has_long_rope(const Pack& pack, int n_tokens) const {
    if (!short_rope_tokens_) return false;
    const auto is_long = [&](const auto& sequence) { return static_cast<int>(sequence.size()) > *short_rope_tokens_; };
    const auto n_long = std::ranges::count_if(pack.sequences, is_long);
    if (n_long == 0 ? n_tokens > *short_rope_tokens_ : n_long != std::ssize(pack.sequences)) {
      throw Error(ErrorCode::kInternal, "run: expected a pack of texts beyond " + std::to_string(*short_rope_tokens_) +
                                            " tokens, or of shorter ones with no more together; got others");
    }
    return n_long > 0;
  }

  void check_pack(const Pack& pack, int n_tokens) const {
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
      for (const TokenId token : sequence) check_token(token, facts_.n_vocab);
    }
  }

  // first_batch  tokens of the first micro-batch
  void check_edits_of(const RunOptions& options, int first_batch, const std::vector<int>& n_tokens) {
    if (!options.edits.empty()) check_edits(options.edits, context_->map_for(first_batch), facts_, n_tokens);
  }

  static std::vector<int> lengths_of(const Pack& pack) {
    std::vector<int> lengths;
    for (const auto& sequence : pack.sequences) lengths.push_back(static_cast<int>(sequence.size()));
    return lengths;
  }

  void run_tokens(int first, int end, int most_at_once, Observer& observer, const RunOptions& options) {
    for (; first < end; first += most_at_once) {
      if (options.should_stop && options.should_stop()) {
        throw Error(ErrorCode::kInterrupted, "stopped in the middle of a text");
      }
      servers_->with([&] {
        context_->decode(tokens_, first, std::min(most_at_once, end - first), observer, options);
      });
      // By now oneDNN has compiled most of what this run needs.
      if (releases_start_up_pages_ && most_at_once > 1 && first + most_at_once < end) {
        release_start_up_pages();
        releases_start_up_pages_ = false;
      }
    }
  }

  std::string path_;
  LoadOptions options_;
  int n_threads_;
  std::optional<int> short_rope_tokens_;
  std::optional<RpcServers> servers_;
  Placement placement_;
  std::string precision_;
  std::shared_ptr<llama_model> model_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  ModelFacts facts_;
  std::vector<Lacking> lacking_;
  std::vector<ProbeNode> probe_nodes_;
  std::optional<DecodeContext> context_;
  PlacedTokens tokens_;                                                            // of the present run
  bool releases_start_up_pages_ = options_.runtime.tuning.release_start_up_pages;  // once a model
};

}  // namespace

llama_model* weights_of(Model& model) {
  auto* loaded = dynamic_cast<LlamaModel*>(&model);
  if (!loaded) throw Error(ErrorCode::kInternal, "weights: expected a model of load_model, got another");
  return loaded->weights();
}

ResolvedPrecision precision_of(const ModelFile& file, Precision requested) {
  ResolvedPrecision precision = resolve_precision(requested);
  const bool rounds = requested == Precision::kAuto && precision.precision == Precision::kBf16;
  return rounds && file.stored_in_f32() ? resolve_precision(Precision::kF32) : precision;
}

std::unique_ptr<Model> load_model(const ModelFile& file, const LoadOptions& options,
                                  std::shared_ptr<const Vocabulary> vocabulary) {
  try {
    return of_model(file.path(), [&] { return std::make_unique<LlamaModel>(file, options, std::move(vocabulary)); });
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kModel, file.path() +
                                       ": expected room for the model in memory, got none; free some, or take "
                                       "a smaller model or a smaller -c");
  }
}

std::unique_ptr<Model> load_model(const LoadOptions& options) {
  return load_model(ModelFile(options.path, options.deployment.override_kv), options);
}

void convert_to_f32(const std::string& in, const std::string& out) {
  start_llama();
  const ModelFile checked(in);
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_ALL_F32;
  params.allow_requantize = true;
  take_llama_error();
  if (llama_model_quantize(in.c_str(), out.c_str(), &params) != 0) {
    std::error_code ignored;
    std::filesystem::remove(out, ignored);
    throw Error(ErrorCode::kOutput,
                out + ": expected to write " + in + " in float32, got: " + llama_reason("a failure"));
  }
}

std::vector<std::string> engine_versions() {
  start_llama();
  std::string gpus = "GPU backends:";
  for (const std::string& name : gpu_backends()) gpus += " " + name;
  if (gpu_backends().empty()) gpus += " none";
  return {std::string("ggml ") + ggml_version() + " " + ggml_commit(), gpus, llama_print_system_info()};
}

}  // namespace sinkscope
