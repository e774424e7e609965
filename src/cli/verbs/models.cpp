#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/model_list.h"
#include "cli/one_line.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"

namespace sinkscope {
namespace {

struct ModelsOptions {
  std::vector<std::string> folders;
  std::string json;
};

std::string as_json(const std::vector<ListedModel>& models) {
  nlohmann::ordered_json json;
  json["schema"] = "sinkscope.models/1";
  json["models"] = nlohmann::ordered_json::array();
  for (const ListedModel& model : models) {
    if (!model.other.empty()) continue;
    nlohmann::ordered_json entry;
    entry["path"] = model.path.string();
    entry["name"] = model.name;
    entry["arch"] = model.arch;
    entry["quantisation"] = model.quantisation;
    entry["n_bytes"] = model.n_bytes;
    entry["problem"] = model.problem.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(model.problem);
    json["models"].push_back(entry);
  }
  json["others"] = nlohmann::ordered_json::array();
  for (const ListedModel& file : models) {
    if (!file.other.empty()) json["others"].push_back({{"path", file.path.string()}, {"what", file.other}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string size_text(std::uint64_t n_bytes) {
  const double mib = static_cast<double>(n_bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

void print_table(const std::vector<ListedModel>& models) {
  std::size_t name_width = 4, arch_width = 4, type_width = 5;
  for (const ListedModel& model : models) {
    name_width = std::max(name_width, std::min<std::size_t>(40, model.name.size()));
    arch_width = std::max(arch_width, model.arch.size());
    type_width = std::max(type_width, model.quantisation.size());
  }
  std::cout << fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>9}  {}\n", "name", name_width, "arch", arch_width, "quant",
                           type_width, "size", "file");
  for (const ListedModel& model : models) {
    const std::string file = model.path.string() + (model.problem.empty() ? "" : "  (" + model.problem + ")");
    std::cout << fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>9}  {}\n", one_line(model.name).substr(0, 40), name_width,
                             one_line(model.arch), arch_width, model.quantisation, type_width, size_text(model.n_bytes),
                             one_line(file));
  }
}

void print_others(const std::vector<ListedModel>& others) {
  std::cout << "No language models:\n";
  for (const ListedModel& file : others) {
    std::cout << fmt::format("  {}: {}\n", one_line(file.path.string()), one_line(file.other));
  }
}

ExitCode models(const ModelsOptions& options) {
  std::vector<std::filesystem::path> folders(options.folders.begin(), options.folders.end());
  for (const auto& folder : folders) {
    if (!std::filesystem::is_directory(folder)) {
      throw Error(ErrorCode::kInput, fmt::format("'{}': expected a folder", folder.string()));
    }
  }
  if (folders.empty()) folders = usual_model_folders();
  std::vector<ListedModel> found = list_models(folders);
  if (!options.json.empty()) {
    write_output(options.json, [&](std::ostream& out) { out << as_json(found); });
    if (options.json == "-") return ExitCode::kDone;
  }
  const auto first_other =
      std::stable_partition(found.begin(), found.end(), [](const ListedModel& file) { return file.other.empty(); });
  const std::vector<ListedModel> others(first_other, found.end());
  found.erase(first_other, found.end());
  if (!found.empty()) {
    print_table(found);
  } else {
    std::cout << "No models in:\n";
    for (const auto& folder : folders) std::cout << "  " << folder.string() << "\n";
    std::cout << "Name another folder: sinkscope models DIR, or set SINKSCOPE_MODELS.\n";
  }
  if (!others.empty()) print_others(others);
  return ExitCode::kDone;
}

}  // namespace

void register_models(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ModelsOptions>();
  CLI::App& verb =
      add_verb(program, action, "models", "List the GGUF models on this machine",
               "Looks into the current folder, $SINKSCOPE_MODELS, the caches of Hugging Face ($HF_HOME) and llama.cpp "
               "($LLAMA_CACHE), and sinkscope's own.",
               {{"sinkscope models", "what there is"},
                {"sinkscope models /data/gguf", "what there is in one folder, and below"}},
               [options] { return models(*options); });
  verb.add_option("DIR", options->folders, "Look here instead")->type_name("DIR");
  add_json_option(verb, options->json);
}

}  // namespace sinkscope
