#include <fmt/format.h>

#include <memory>

#include "base/arrays/safetensors.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/options/model_options.h"
#include "cli/outputs.h"
#include "cli/verbs/verb.h"
#include "engine/llama/model.h"
#include "formation/mlp_map.h"
#include "report/data/output_file.h"

namespace sinkscope {
namespace {

struct MlpVerbOptions {
  ModelOptions model;
  int layer = 0;
  std::string inputs, output;
};

ExitCode run_mlp_verb(const MlpVerbOptions& options) {
  const ModelFile file = open_model_file(options.model.path);
  const Matrix<float> inputs = SafetensorsFile(options.inputs).matrix("inputs");
  ModelOptions with_context = options.model;
  if (!with_context.n_ctx) with_context.n_ctx = options.model.n_ubatch;
  const std::unique_ptr<Model> model = load_model(file, load_options(with_context));
  if (inputs.cols() != static_cast<std::size_t>(model->facts().d_model)) {
    throw Error(ErrorCode::kInput, fmt::format("'{}', array 'inputs': expected float32 [n, {}], got [{}, {}]",
                                               options.inputs, model->facts().d_model, inputs.rows(), inputs.cols()));
  }
  RunOptions run;
  run.should_stop = interrupted;
  const Matrix<float> outputs = run_mlp(*model, options.layer, inputs.view(), run);
  const NamedMatrix arrays[] = {{"outputs", outputs.view()}};
  const TextPair metadata[] = {
      {"schema", "sinkscope.mlp/1"}, {"model", model->facts().name}, {"layer", std::to_string(options.layer)}};
  write_output(options.output, [&](std::ostream& out) { write_safetensors_arrays(arrays, metadata, out); });
  return ExitCode::kDone;
}

}  // namespace

void register_mlp(CLI::App& program, Action& action) {
  const auto options = std::make_shared<MlpVerbOptions>();
  CLI::App& verb = add_verb(
      program, action, "mlp", "Run one layer's MLP on vectors of your own",
      "A layer's MLP as a map: what it would add to the residual stream for each row. The rows are put where the MLP "
      "reads, behind the norm before it; what comes out is what the block adds, behind a norm after it.",
      {{"sinkscope mlp -m model.gguf --layer 5 --inputs in.safetensors -o out.safetensors",
        "`inputs` [n, d_model] to `outputs` [n, d_model], both float32"}},
      [options] { return run_mlp_verb(*options); });
  add_model_options(verb, options->model);
  verb.add_option("--layer", options->layer, "Which layer's MLP, from 0")
      ->required()
      ->type_name("L")
      ->check(whole_number(0, 100000));
  verb.add_option("--inputs", options->inputs, "A safetensors file with the array `inputs`")
      ->required()
      ->type_name("FILE");
  add_output_option(verb, "-o,--output", options->output, "FILE", MadeKind::kMlp,
                    "The safetensors file to be written")
      ->required();
}

}  // namespace sinkscope
