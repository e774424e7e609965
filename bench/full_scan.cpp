// The full scan with every measurement on, from tokens to judged sinks, as `sinkscope scan` does it.
//
//   full_scan MODEL TEXT n_tokens n_ubatch n_threads precision      then a line on standard input for each pass
#include "engine/accel/precision.h"
#include "engine/llama/model.h"
#include "forward_loop.h"
#include "scan/examine.h"

namespace {

using namespace sinkscope;

int run(const bench::Arguments& arguments) {
  LoadOptions load;
  load.path = arguments.model;
  load.n_ctx = arguments.n_tokens;
  load.n_ubatch = arguments.n_ubatch;
  load.runtime.n_threads = arguments.n_threads;
  load.precision = precision_of_name(arguments.precision);
  const std::unique_ptr<Model> model = load_model(load);

  std::vector<TokenId> tokens = model->vocabulary().tokenize(arguments.text, false);
  if (model->facts().adds_bos) tokens.insert(tokens.begin(), model->facts().bos);
  const Pack pack{{bench::repeat_to(tokens, arguments.n_tokens)}};

  return bench::answer_lines([&] { examine(*model, pack, ExamineOptions{}); });
}

}  // namespace

int main(int n_arguments, char** arguments) {
  try {
    return run(sinkscope::bench::read_arguments(n_arguments, arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "full_scan: %s\n", error.what());
    return 1;
  }
}
