#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sinkscope {

// A GGUF file that was found.
struct ListedModel {
  std::filesystem::path path;
  std::string name;  // general.name, or the file's name
  std::string arch;
  std::string quantisation;  // "Q4_K_M" where the file says so, else the type of most of its bytes
  std::uint64_t n_bytes = 0;
  std::string problem;  // why it cannot be used; empty for a sound file
  std::string other;    // what it is, if it is no language model at all; empty for one
};

// The usual places: the current folder, $SINKSCOPE_MODELS, the Hugging Face and llama.cpp caches, our own.
std::vector<std::filesystem::path> usual_model_folders();

// Files named *.gguf in the folders and below them, each file once, by path. Of a split model only the first part is
// listed.
//
// cost  reads the metadata of every file
std::vector<ListedModel> list_models(const std::vector<std::filesystem::path>& folders);

// One file.
ListedModel describe_model(const std::filesystem::path& path);

}  // namespace sinkscope
