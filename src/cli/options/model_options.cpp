#include "cli/options/model_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "cli/converted_model.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/paths.h"
#include "cli/program_runtime.h"
#include "cli/verbs/verb.h"

namespace sinkscope {

namespace {

// "FILE" or "FILE:SCALE". What follows the last colon is a scale if it reads as a number.
LoraAdapter adapter_from(const std::string& text) {
  LoraAdapter adapter{text, "", 1};
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return adapter;
  const char* end = text.data() + text.size();
  float scale = 0;
  const auto [read, problem] = std::from_chars(text.data() + colon + 1, end, scale);
  if (problem != std::errc() || read != end || !std::isfinite(scale)) return adapter;
  return {text.substr(0, colon), "", scale};
}

template <typename Number>
CLI::Option* add_number(CLI::App& verb, const std::string& names, std::optional<Number>& target, double least,
                        double most, const std::string& description) {
  return verb.add_option(names, target, description)->type_name("X")->check(number(least, most))->group(kModelInDetail);
}

}  // namespace

void add_model_options(CLI::App& verb, ModelOptions& options) {
  const std::string group = "Model";
  verb.add_option("-m,--model", options.path,
                  "The model: a GGUF file; a folder of a Hugging Face model, or its name, with the Python package's "
                  "extra convert")
      ->type_name("MODEL.gguf")
      ->required()
      ->group(group);
  verb.parse_complete_callback([&options] { options.path = converted_model(options.path); });
  verb.add_option(
          "-c,--ctx-size", options.n_ctx,
          "Tokens that a sequence may have; by default as many as the longest document, up to the trained length")
      ->type_name("N")
      ->check(whole_number(1, 1 << 24))
      ->group(group);
  verb.add_option("--ub,--ubatch-size", options.n_ubatch, "Tokens of a micro-batch")
      ->type_name("N")
      ->check(whole_number(1, 65536))
      ->group(kModelInDetail);
  verb.add_option("-t,--threads", options.n_threads,
                  "Threads; by default one for each processor that the process may use")
      ->type_name("N")
      ->check(whole_number(1, 4096))
      ->group(group);
  verb.add_option("--ngl,--n-gpu-layers", options.n_gpu_layers, "Layers on the GPU; by default all that fit")
      ->type_name("N")
      ->check(whole_number(0, 1 << 16))
      ->group(group);
  verb.add_option("--dev,--device", options.devices, "GPUs that take part, or none; sinkscope devices lists them")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  add_choice(verb, "--sm,--split-mode", options.split_mode, {"layer", "none"},
             "Layers over all GPUs, or on the main one")
      ->group(kModelInDetail);
  verb.add_option("--mg,--main-gpu", options.main_gpu, "With --split-mode none: which of the GPUs, from 0")
      ->type_name("N")
      ->check(whole_number(0, 1 << 10))
      ->group(kModelInDetail);
  verb.add_option("--rpc", options.rpc_servers, "llama.cpp RPC servers that take part")
      ->type_name("HOST:PORT,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(kModelInDetail);
  verb.add_option("--rpc-timeout", options.rpc_timeout_s,
                  "Longest silence of an RPC server that owes an answer, in seconds: more than a micro-batch takes it")
      ->type_name("S")
      ->check(number(0.1, 1e6))
      ->group(kModelInDetail);
  add_choice(verb, "--ctk,--cache-type-k", options.cache_type_k, cache_type_names(),
             "Type of cached keys; by default f16")
      ->group(kModelInDetail);
  add_choice(verb, "--ctv,--cache-type-v", options.cache_type_v, cache_type_names(),
             "Type of cached values; by default f32 where the keys are, else f16")
      ->group(kModelInDetail);
  add_choice(
      verb, "--precision", options.precision, {"auto", "bf16", "f32", "native"},
      "Products: auto is the faster of bf16 and f32, and f32 for models stored in float32; f32 is the reference; "
      "native is llama.cpp's own")
      ->group(group);
  add_help_of_details(verb);
  verb.add_flag("--verbose", options.verbose, "llama.cpp's own log on standard error")->group(kModelInDetail);
}

void add_deployment_options(CLI::App& verb, ModelOptions& options) {
  Deployment& set = options.deployment;
  const std::string group = kModelInDetail;
  add_choice(verb, "--rope-scaling", set.rope_scaling, {"none", "linear", "yarn"},
             "How RoPE reaches beyond the trained length; by default as the model says")
      ->group(group);
  verb.add_option_function<float>(
          "--rope-scale", [&set](float factor) { set.rope_freq_scale = 1.0F / factor; },
          "Reach so many times as far: --rope-freq-scale 1/X")
      ->type_name("X")
      ->check(number(1e-3, 1e6))
      ->group(group);
  add_number(verb, "--rope-freq-scale", set.rope_freq_scale, 1e-6, 1e3, "RoPE multiplies positions by this")
      ->excludes("--rope-scale");
  add_number(verb, "--rope-freq-base", set.rope_freq_base, 1, 1e12, "RoPE's base; by default the model's");
  verb.add_option("--yarn-orig-ctx", set.yarn_orig_ctx,
                  "YaRN: tokens that the model was first trained on; by default the model's")
      ->type_name("N")
      ->check(whole_number(1, 1 << 24))
      ->group(group);
  add_number(verb, "--yarn-ext-factor", set.yarn_ext_factor, 0, 1, "YaRN: 1 extrapolates, 0 interpolates");
  add_number(verb, "--yarn-attn-factor", set.yarn_attn_factor, 0, 1e3, "YaRN: scale of attention's logits");
  add_number(verb, "--yarn-beta-slow", set.yarn_beta_slow, 0, 1e6, "YaRN: rotations below which it interpolates");
  add_number(verb, "--yarn-beta-fast", set.yarn_beta_fast, 0, 1e6, "YaRN: rotations above which it extrapolates");
  verb.add_option("--override-kv", set.override_kv,
                  "A value in place of the file's metadata; TYPE is int, float, bool or str. May be given again")
      ->type_name("KEY=TYPE:VALUE")
      ->allow_extra_args(false)
      ->group(group);
  add_lora_option(verb, options);
}

void add_lora_option(CLI::App& verb, ModelOptions& options) {
  verb.add_option_function<std::vector<std::string>>(
          "--lora",
          [&options](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) options.deployment.lora.push_back(adapter_from(text));
          },
          "A LoRA adapter, a GGUF file, added to the weights. May be given again")
      ->type_name("FILE[:SCALE]")
      ->allow_extra_args(false)
      ->group(kModelInDetail);
}

ModelFile open_model_file(const std::string& path, std::span<const std::string> override_kv) {
  if (access(path.c_str(), R_OK) == 0) return ModelFile(path, override_kv);
  throw Error(ErrorCode::kModel, fmt::format("cannot read model '{}': {}; sinkscope models lists those found here",
                                             path, std::strerror(errno)));
}

int longest_sequence(const ModelOptions& options, const ModelFile& file) {
  if (options.n_ctx) return *options.n_ctx;
  const auto trained = file.trained_length();
  if (!trained || *trained < 1) {
    throw Error(ErrorCode::kModel,
                fmt::format("model '{}': expected a positive {}.context_length, got none; give -c N, or fetch the "
                            "model again",
                            options.path, file.arch()));
  }
  return static_cast<int>(*trained);
}

Deployment deployment_of(const ModelOptions& options) {
  Deployment deployment = options.deployment;
  if (!options.cache_type_k.empty()) deployment.cache_type_k = options.cache_type_k;
  deployment.cache_type_v = deployment.cache_type_k == "f32" ? "f32" : "f16";
  if (!options.cache_type_v.empty()) deployment.cache_type_v = options.cache_type_v;
  return deployment;
}

LoadOptions load_options(const ModelOptions& options) {
  LoadOptions load;
  load.path = options.path;
  load.n_ctx = options.n_ctx.value_or(0);
  load.n_ubatch = options.n_ubatch;
  load.runtime = program_runtime(options.n_threads.value_or(0));
  load.n_gpu_layers = options.n_gpu_layers.value_or(-1);
  load.devices = {options.devices, options.split_mode == "layer", options.main_gpu};
  load.rpc_servers = options.rpc_servers;
  load.rpc_timeout = std::chrono::milliseconds(std::llround(options.rpc_timeout_s * 1000));
  load.should_stop = interrupted;
  load.deployment = deployment_of(options);
  load.precision = precision_of_name(options.precision);
  load.verbose = options.verbose;
  return load;
}

std::filesystem::path model_hash_folder() {
  const std::filesystem::path cache = user_cache_folder();
  return cache.empty() ? cache : cache / "sinkscope" / "model-digests";
}

}  // namespace sinkscope
