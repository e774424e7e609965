#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/accel/precision.h"
#include "engine/llama/gpu_devices.h"
#include "engine/llama/model_file.h"
#include "engine/llama/runtime.h"
#include "probe/deployment.h"
#include "probe/model.h"

namespace sinkscope {

struct LoadOptions {
  std::string path;
  Runtime runtime;        // threads, and what may be changed of the process
  int n_ctx = 0;          // longest sequence in tokens; 0: the trained length, memory being taken as packs need it
  int n_ubatch = 512;     // tokens of a micro-batch
  int n_gpu_layers = -1;  // -1: all that fit
  DeviceOptions devices;  // on which GPUs
  int max_sequences = 1;  // of a pack, where the network can have several
  std::vector<std::string> rpc_servers;  // "host:port"
  // Longest silence of a server that an answer is awaited of; a micro-batch on it is silence too (engine/rpc/relay.h).
  std::chrono::milliseconds rpc_timeout = std::chrono::seconds(30);
  // Asked while weights are read, and while a server is waited for, on other threads too: true ends that, and throws
  // Error{kInterrupted}. A server that was waited for is then lost to the model. May be empty.
  std::function<bool()> should_stop;
  Deployment deployment;                   // its override_kv are the ModelFile's, where one is given
  Precision precision = Precision::kAuto;  // of products on this machine's own processor
  bool final_norm = false;                 // h_{L-1} is taken after the final norm, as the paper's code does; the last
                                           // block then shows no writes
  bool verbose = false;                    // llama.cpp's own log on standard error
};

// Loads a GGUF model for observation.
//
// file        what is loaded; options.path is not asked
// vocabulary  of the same file, loaded before: it is then not built again, and becomes the model's own; null: none
// throws      Error{kModel} if the file is missing, empty, cut off, no GGUF, or no causal language model that this
//             build of llama.cpp knows, and for an RPC server that does not answer; so do the model's own functions when
//             a server is lost later. Error{kInterrupted} if should_stop says so. Error{kUsage} if the processor or
//             the build has no products of that precision
// cost        maps the file into memory; builds one compute graph to find the probe points. Most of it is the
//             vocabulary: some 0.1 s for each 50,000 tokens
std::unique_ptr<Model> load_model(const ModelFile& file, const LoadOptions& options,
                                  std::shared_ptr<const Vocabulary> vocabulary = nullptr);
// The same of options.path.
std::unique_ptr<Model> load_model(const LoadOptions& options);

// In which precision a model of this file multiplies. Auto is float32 for a model whose weights are stored so, however
// much faster bf16 is: what a user converts to float32 is to be measured in it.
//
// throws  Error{kUsage} as load_model
ResolvedPrecision precision_of(const ModelFile& file, Precision requested);

// Writes a copy of a model with all weights in float32, for reference measurements.
//
// throws  Error{kModel} if `in` cannot be read, Error{kOutput} if `out` cannot be written
void convert_to_f32(const std::string& in, const std::string& out);

// What the engine is made of: one "name version" a line, processor features last.
std::vector<std::string> engine_versions();

}  // namespace sinkscope
