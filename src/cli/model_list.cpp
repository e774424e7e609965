#include "cli/model_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "cli/paths.h"
#include "gguf/file.h"
#include "gguf/file_kind.h"
#include "gguf/model_parts.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 6;  // folders below a usual place: hub/models--x/snapshots/hash/file

// general.file_type, as llama.cpp numbers it.
std::optional<std::string> file_type_name(std::int64_t type) {
  static const std::map<std::int64_t, std::string> kNames = {
      {0, "F32"},     {1, "F16"},     {2, "Q4_0"},     {3, "Q4_1"},    {7, "Q8_0"},    {8, "Q5_0"},    {9, "Q5_1"},
      {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},  {13, "Q3_K_L"}, {14, "Q4_K_S"}, {15, "Q4_K_M"}, {16, "Q5_K_S"},
      {17, "Q5_K_M"}, {18, "Q6_K"},   {19, "IQ2_XXS"}, {20, "IQ2_XS"}, {21, "Q2_K_S"}, {22, "IQ3_XS"}, {23, "IQ3_XXS"},
      {24, "IQ1_S"},  {25, "IQ4_NL"}, {26, "IQ3_S"},   {27, "IQ3_M"},  {28, "IQ2_S"},  {29, "IQ2_M"},  {30, "IQ4_XS"},
      {31, "IQ1_M"},  {32, "BF16"},   {36, "TQ1_0"},   {37, "TQ2_0"},  {38, "MXFP4"}};
  const auto found = kNames.find(type);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

std::string commonest_type(const std::vector<std::string>& parts) {
  std::map<std::uint32_t, std::uint64_t> bytes;
  for (const std::string& part : parts) {
    const GgufFile file(part);
    for (const GgufTensor& tensor : file.tensors()) bytes[tensor.type] += tensor.n_bytes;
  }
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::string name = most == bytes.end() ? "none" : std::string(gguf_type_name(most->first));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

bool is_later_part(const fs::path& path) {
  try {
    return GgufFile(path.string()).metadata().integer("split.no").value_or(0) > 0;
  } catch (const Error&) {
    return false;
  }
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

std::vector<fs::path> usual_model_folders() {
  std::vector<fs::path> folders = {"."};
  const fs::path cache = user_cache_folder();
  if (const char* models = environment("SINKSCOPE_MODELS")) folders.emplace_back(models);
  if (const char* hub = environment("HF_HUB_CACHE")) {
    folders.emplace_back(hub);
  } else if (const char* home = environment("HF_HOME")) {
    folders.push_back(fs::path(home) / "hub");
  } else if (!cache.empty()) {
    folders.push_back(cache / "huggingface" / "hub");
  }
  if (const char* llama = environment("LLAMA_CACHE")) {
    folders.emplace_back(llama);
  } else if (!cache.empty()) {
    folders.push_back(cache / "llama.cpp");
  }
  if (!cache.empty()) folders.push_back(cache / "sinkscope" / "models");
  return folders;
}

ListedModel describe_model(const fs::path& path) {
  ListedModel model;
  model.path = path;
  model.name = path.filename().string();
  std::error_code error;
  model.n_bytes = fs::file_size(path, error);
  if (error) model.n_bytes = 0;
  try {
    if (const auto other = what_is(path.string())) {
      model.other = other->what;
      return model;
    }
    const GgufFile file(path.string());
    const GgufMetadata& metadata = file.metadata();
    if (const auto name = metadata.text("general.name"); name && !name->empty()) model.name = *name;
    model.arch = metadata.text("general.architecture").value_or("");
    const std::vector<std::string> parts = model_parts(file);
    for (std::size_t part = 1; part < parts.size(); ++part) model.n_bytes += fs::file_size(parts[part], error);
    const auto type = metadata.integer("general.file_type");
    model.quantisation = (type ? file_type_name(*type) : std::nullopt).value_or(commonest_type(parts));
  } catch (const OtherFileError& file) {
    model.other = file.other().what;
  } catch (const Error& broken) {
    model.problem = broken.what();
  }
  return model;
}

std::vector<ListedModel> list_models(const std::vector<fs::path>& folders) {
  std::vector<ListedModel> models;
  std::set<fs::path> seen;
  for (const fs::path& folder : folders) {
    // The current folder may be anything, a home folder too: its own files and those of its folders are enough.
    const int deepest = folder == "." ? 1 : kDeepest;
    std::error_code error;
    std::vector<fs::path> found;
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
         !error && at != end; at.increment(error)) {
      if (at.depth() >= deepest) at.disable_recursion_pending();
      if (at->path().extension() == ".gguf" && at->is_regular_file(error)) found.push_back(at->path());
      error.clear();
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) {
      const fs::path canonical = fs::canonical(path, error);
      if (error || !seen.insert(canonical).second) continue;
      ListedModel model = describe_model(path.lexically_normal());
      if (model.other.empty() || !is_later_part(path)) models.push_back(std::move(model));
    }
  }
  return models;
}

}  // namespace sinkscope
