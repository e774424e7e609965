#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/display_text.h"
#include "base/words.h"
#include "cli/options/model_options.h"
#include "cli/program_runtime.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

namespace sinkscope {
namespace {

struct ProbePointsOptions {
  std::string model;
  std::string json;
};

std::string as_json(const Model& model) {
  const ModelFacts& facts = model.facts();
  nlohmann::ordered_json json;
  json["schema"] = "sinkscope.probe-points/1";
  json["model"] = {{"name", facts.name}, {"arch", facts.arch}, {"n_layers", facts.n_layers}};
  json["found"] = nlohmann::ordered_json::array();
  for (const ProbeNode& node : model.probe_nodes()) {
    json["found"].push_back({{"layer", node.layer}, {"quantity", node.what}, {"node", node.node}});
  }
  json["lacking"] = nlohmann::ordered_json::array();
  for (const Lacking& lacking : model.lacking()) {
    json["lacking"].push_back({{"layer", lacking.layer}, {"quantity", lacking.what}, {"why", lacking.why}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// "l_out-17" -> "l_out-L": nodes of all layers that are named alike share a row.
std::string pattern_of(const std::string& node, int layer) {
  const std::string suffix = fmt::format("-{}", layer);
  return node.ends_with(suffix) ? node.substr(0, node.size() - suffix.size()) + "-L" : node;
}

void print(const Model& model) {
  const ModelFacts& facts = model.facts();
  std::cout << fmt::format("{}: {}, {} layers\n\n", facts.name, facts.type, facts.n_layers);
  // Rows in the order in which they were first seen.
  std::vector<std::pair<std::string, std::string>> order;
  std::map<std::pair<std::string, std::string>, std::vector<int>> layers;
  for (const ProbeNode& node : model.probe_nodes()) {
    // The engine numbers unnamed nodes: their numbers differ by layer and tell nothing.
    const std::string name = node.node.starts_with("node_") ? "(unnamed)" : pattern_of(node.node, node.layer);
    const std::pair<std::string, std::string> key{node.what, name};
    if (!layers.contains(key)) order.push_back(key);
    layers[key].push_back(node.layer);
  }
  // Nodes of one quantity may be named differently by layer: their rows stand together.
  std::map<std::string, std::size_t> first_seen;
  for (std::size_t i = 0; i < order.size(); ++i) first_seen.try_emplace(order[i].first, i);
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return first_seen[a.first] < first_seen[b.first]; });
  Table table({{"", "quantity", false}, {"", "node", false}, {"", "layers", false}});
  for (const auto& key : order) {
    const std::vector<int>& at = layers[key];
    const std::string where = at.front() < 0 ? "before layer 0" : plain_ranges(ranges_of(at));
    table.add({key.first, displayable(key.second), where});
  }
  table.write("", Paint(TerminalStyle::of(STDOUT_FILENO)), std::cout);
  if (model.lacking().empty()) {
    std::cout << "\nNothing is lacking.\n";
    return;
  }
  std::vector<std::pair<std::string, std::string>> lacking_order;
  std::map<std::pair<std::string, std::string>, std::vector<int>> lacking_layers;
  for (const Lacking& lacking : model.lacking()) {
    const std::pair<std::string, std::string> key{lacking.what, lacking.why};
    if (!lacking_layers.contains(key)) lacking_order.push_back(key);
    lacking_layers[key].push_back(lacking.layer);
  }
  std::cout << "\nLacking:\n";
  for (const auto& key : lacking_order) {
    std::cout << fmt::format("  {} in layers {}: {}\n", key.first, plain_ranges(ranges_of(lacking_layers[key])), key.second);
  }
}

ExitCode probe_points(const ProbePointsOptions& options) {
  const ModelFile file = open_model_file(options.model);
  LoadOptions load;
  load.runtime = program_runtime(0);
  const std::unique_ptr<Model> model = load_model(file, load);
  if (!options.json.empty()) write_output(options.json, [&](std::ostream& out) { out << as_json(*model); });
  if (options.json != "-") print(*model);
  return ExitCode::kDone;
}

}  // namespace

void register_probe_points(CLI::App& program, Action& action) {
  const auto options = std::make_shared<ProbePointsOptions>();
  CLI::App& verb = add_verb(
      program, action, "probe-points", "Say where in a model each quantity is measured, and what it lacks",
      "Networks differ: blocks with a parallel residual have no state between attention and MLP, some attention is not "
      "computed in one piece. What cannot be measured is named here, and is null in results.",
      {{"sinkscope probe-points model.gguf", "the nodes of llama.cpp's graph, by quantity and layer"}},
      [options] { return probe_points(*options); });
  verb.add_option("MODEL.gguf", options->model, "The model")->required()->type_name("MODEL.gguf");
  add_json_option(verb, options->json, MadeKind::kPlacesOfProbes);
}

}  // namespace sinkscope
