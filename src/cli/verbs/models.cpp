#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/display_text.h"
#include "cli/model_list.h"
#include "cli/one_line.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

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
  constexpr int kNameColumns = 40;
  Table table({{"", "name", false}, {"", "arch", false}, {"", "quant", false}, {"", "size"}, {"", "file", false}});
  for (const ListedModel& model : models) {
    const std::string file = model.path.string() + (model.problem.empty() ? "" : "  (" + model.problem + ")");
    table.add({clip_end(displayable(model.name), kNameColumns), displayable(model.arch), displayable(model.quantisation),
               size_text(model.n_bytes), displayable(file)});
  }
  table.write("", Paint(TerminalStyle::of(STDOUT_FILENO)), std::cout);
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
  add_json_option(verb, options->json, MadeKind::kModels);
}

}  // namespace sinkscope
