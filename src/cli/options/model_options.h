#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/llama/model.h"

namespace sinkscope {

// The model and how it is run, under llama.cpp's own names.
struct ModelOptions {
  std::string path;
  std::optional<int> n_ctx;
  int n_ubatch = 512;
  std::optional<int> n_threads;
  std::optional<int> n_gpu_layers;
  std::vector<std::string> devices;
  std::string split_mode = "layer";
  int main_gpu = 0;
  std::vector<std::string> rpc_servers;
  double rpc_timeout_s = 30;
  std::string cache_type_k, cache_type_v;  // empty: by default, deployment_of
  Deployment deployment;                   // all of it but the caches
  std::string precision = "auto";
  bool verbose = false;
};

void add_model_options(CLI::App& verb, ModelOptions& options);
// What else llama.cpp may be told of how a model is deployed: RoPE, metadata, adapters.
void add_deployment_options(CLI::App& verb, ModelOptions& options);
// Adapters alone.
void add_lora_option(CLI::App& verb, ModelOptions& options);

// throws  Error{kModel} if the file cannot be read, or is no model; Error{kUsage} for an override that cannot be
ModelFile open_model_file(const std::string& path, std::span<const std::string> override_kv = {});

// The tokens that a sequence may have: -c, or what the model was trained for.
//
// throws  Error{kModel} if the file names no trained length and -c is missing
int longest_sequence(const ModelOptions& options, const ModelFile& file);

// The settings that were asked for. By default values are cached as keys are where these are f32, and in f16 else: half
// of a reference is none.
Deployment deployment_of(const ModelOptions& options);
LoadOptions load_options(const ModelOptions& options);

// Where digests of model files are kept; empty where there is no cache folder.
std::filesystem::path model_hash_folder();

}  // namespace sinkscope
