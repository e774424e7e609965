#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/accel/precision.h"
#include "engine/llama/runtime.h"
#include "probe/model.h"

namespace sinkscope {

enum class CacheType { kF16, kF32 };

struct LoadOptions {
  std::string path;
  Runtime runtime;
  int n_ctx = 0;          // longest sequence in tokens; 0: the trained length, memory being taken as packs need it
  int n_ubatch = 512;     // tokens of a micro-batch
  int n_gpu_layers = -1;  // -1: all that fit
  int max_sequences = 1;  // of a pack, where the network can have several
  std::vector<std::string> rpc_servers;  // "host:port"
  CacheType cache_type_k = CacheType::kF16;
  Precision precision = Precision::kAuto;  // of products on this machine's own processor
  bool final_norm = false;                 // h_{L-1} is taken after the final norm, as the paper's code does; the last
                                           // block then shows no writes
  bool vocab_only = false;                 // tokenisation only; run() is refused
  bool verbose = false;                    // llama.cpp's own log on standard error
};

// Loads a GGUF model for observation.
//
// throws  Error{kModel} if the file is missing, empty, cut off, no GGUF, or no causal language model that this
//         build of llama.cpp knows, and for an RPC server that does not answer; Error{kUsage} if the processor or
//         the build has no products of that precision
// cost    maps the file into memory; builds one compute graph to find the probe points
std::unique_ptr<Model> load_model(const LoadOptions& options);

// In which precision such a load multiplies. Auto is float32 for a model whose weights are stored so, however much
// faster bf16 is: what a user converts to float32 is to be measured in it.
//
// throws  Error{kModel} if the file is no whole GGUF file, Error{kUsage} as load_model
ResolvedPrecision precision_of(const LoadOptions& options);

// Writes a copy of a model with all weights in float32, for reference measurements.
//
// throws  Error{kModel} if `in` cannot be read, Error{kOutput} if `out` cannot be written
void convert_to_f32(const std::string& in, const std::string& out);

// What the engine is made of: one "name version" a line, processor features last.
std::vector<std::string> engine_versions();

}  // namespace sinkscope
