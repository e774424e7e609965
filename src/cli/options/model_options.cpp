#include "cli/options/model_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "cli/paths.h"
#include "cli/program_runtime.h"
#include "cli/verbs/verb.h"

namespace sinkscope {

void add_model_options(CLI::App& verb, ModelOptions& options) {
  const std::string group = "Model";
  verb.add_option("-m,--model", options.path, "The model, a GGUF file")
      ->type_name("MODEL.gguf")
      ->required()
      ->group(group);
  verb.add_option(
          "-c,--ctx-size", options.n_ctx,
          "Tokens that a sequence may have; by default as many as the longest document, up to the trained length")
      ->type_name("N")
      ->check(whole_number(1, 1 << 24))
      ->group(group);
  verb.add_option("--ub,--ubatch-size", options.n_ubatch, "Tokens of a micro-batch")
      ->type_name("N")
      ->check(whole_number(1, 65536))
      ->group(group);
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
      ->group(group);
  verb.add_option("--mg,--main-gpu", options.main_gpu, "With --split-mode none: which of the GPUs, from 0")
      ->type_name("N")
      ->check(whole_number(0, 1 << 10))
      ->group(group);
  verb.add_option("--rpc", options.rpc_servers, "llama.cpp RPC servers that take part")
      ->type_name("HOST:PORT,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(group);
  add_choice(verb, "--cache-type-k", options.cache_type_k, {"f16", "f32"}, "Precision of cached keys")->group(group);
  add_choice(
      verb, "--precision", options.precision, {"auto", "bf16", "f32", "native"},
      "Products: auto is the faster of bf16 and f32, and f32 for models stored in float32; f32 is the reference; "
      "native is llama.cpp's own")
      ->group(group);
  verb.add_flag("--verbose", options.verbose, "llama.cpp's own log on standard error")->group(group);
}

ModelFile open_model_file(const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return ModelFile(path);
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

LoadOptions load_options(const ModelOptions& options) {
  LoadOptions load;
  load.path = options.path;
  load.n_ctx = options.n_ctx.value_or(0);
  load.n_ubatch = options.n_ubatch;
  load.runtime = program_runtime(options.n_threads.value_or(0));
  load.n_gpu_layers = options.n_gpu_layers.value_or(-1);
  load.devices = {options.devices, options.split_mode == "layer", options.main_gpu};
  load.rpc_servers = options.rpc_servers;
  load.cache_type_k = options.cache_type_k == "f32" ? CacheType::kF32 : CacheType::kF16;
  load.precision = precision_of_name(options.precision);
  load.verbose = options.verbose;
  return load;
}

std::filesystem::path model_hash_folder() {
  const std::filesystem::path cache = user_cache_folder();
  return cache.empty() ? cache : cache / "sinkscope" / "model-digests";
}

}  // namespace sinkscope
