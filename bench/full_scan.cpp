// The full scan with every measurement on, from tokens to judged sinks, as `sinkscope scan` does it.
//
//   full_scan MODEL TEXT n_tokens n_ubatch n_threads      then a line on standard input for each pass
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "engine/llama_model.h"
#include "forward_loop.h"
#include "measure/pack_meter.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace {

using namespace sinkscope;

int run(char** arguments) {
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto n_tokens = static_cast<std::size_t>(std::atoi(arguments[3]));

  LoadOptions load;
  load.path = arguments[1];
  load.n_ctx = static_cast<int>(n_tokens);
  load.n_ubatch = std::atoi(arguments[4]);
  load.n_threads = std::atoi(arguments[5]);
  const std::unique_ptr<Model> model = load_model(load);

  std::vector<TokenId> tokens = model->tokenize(text, false);
  if (model->facts().adds_bos) tokens.insert(tokens.begin(), model->facts().bos);
  if (tokens.empty()) throw std::runtime_error("the text: expected at least one token, got none");
  const Pack pack{{bench::repeat_to(tokens, n_tokens)}};

  return bench::answer_lines([&] {
    PackMeter meter(model->facts(), model->lacking(), pack, MeterOptions{});
    model->run(pack, meter, RunOptions{});
    const SequenceMeasurement measured = std::move(meter.take().front());
    detect_by_evidence(reduce(measured, 0, CandidateFloor{}), Thresholds{});
  });
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments != 6) {
    std::fprintf(stderr, "usage: full_scan MODEL TEXT n_tokens n_ubatch n_threads\n");
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "full_scan: %s\n", error.what());
    return 1;
  }
}
