#include "plant/tiny/tiny.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "plant/sink_spec.h"

namespace sinkscope {
namespace {

struct TinyVerbOptions {
  TinyOptions model;
  std::vector<std::string> sinks;
  std::string output;
  bool no_sinks = false;
};

ExitCode tiny(const TinyVerbOptions& options) {
  TinyOptions model = options.model;
  model.primary = !options.no_sinks;
  for (const std::string& text : options.sinks) {
    const SinkSpec spec = parse_sink_spec(text);
    const int byte = spec.id ? *spec.id : static_cast<unsigned char>(spec.token[0]);
    if ((spec.id ? *spec.id > 255 : spec.token.size() != 1) || spec.direction) {
      throw Error(ErrorCode::kUsage, fmt::format("sink \"{}\": expected one byte as token, and no direction", text));
    }
    model.sinks.push_back({spec.layer, static_cast<std::uint8_t>(byte), static_cast<float>(spec.norm.value_or(200))});
  }
  write_tiny_model(model, options.output);
  return ExitCode::kDone;
}

}  // namespace

void register_tiny(CLI::App& program, Action& action) {
  const auto options = std::make_shared<TinyVerbOptions>();
  CLI::App& verb = add_verb(program, action, "tiny", "Write a small random model of a family, for tests",
                            "The model has a vocabulary of the 256 bytes and BOS, random weights from a seed, and a "
                            "few MiB at most. BOS is a "
                            "primary sink by construction, and so is every byte that --sink names, from its layer on.",
                            {{"sinkscope tiny --arch qwen3 -o tiny.gguf", "eight layers of width 64"},
                             {"sinkscope tiny --arch gpt-oss --sink \"layer=4,token='#',norm=150\" -o tiny.gguf",
                              "with a secondary sink at every '#' from layer 4 on"}},
                            [options] { return tiny(*options); });
  const std::string group = "Model";
  const auto size = [&](const char* name, int& target, const char* what) {
    verb.add_option(name, target, fmt::format("{} ({})", what, target))
        ->type_name("N")
        ->check(whole_number(0, 1 << 20))
        ->group(group);
  };
  const std::vector<std::string> archs(tiny_archs().begin(), tiny_archs().end());
  verb.add_option("--arch", options->model.arch, fmt::format("The family: {}", fmt::join(archs, ", ")))
      ->type_name("FAMILY")
      ->required()
      ->group(group);
  size("--layers", options->model.n_layers, "Blocks");
  size("--heads", options->model.n_heads, "Heads of the queries");
  size("--kv-heads", options->model.n_kv_heads, "Heads of keys and values");
  size("--width", options->model.d_model, "Width of the residual stream");
  size("--ff", options->model.d_ff, "Width of the MLP; experts have half of it");
  size("--ctx", options->model.n_ctx, "Trained length");
  verb.add_option("--seed", options->model.seed, "Of all random numbers")->type_name("N")->group(group);
  verb.add_option("--sink", options->sinks, "\"layer=L,token='#',norm=X\". May be given again")
      ->type_name("SINK")
      ->allow_extra_args(false)
      ->group(group);
  size("--primary-layer", options->model.primary_layer, "Where the primary is born");
  verb.add_flag("--no-sinks", options->no_sinks, "Random weights only")->group(group);
  add_output_option(verb, "-o,--output", options->output, "OUT.gguf", MadeKind::kTinyModel, "The model")->required();
}

}  // namespace sinkscope
