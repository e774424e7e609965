// The full scan with every measurement on, from tokens to judged sinks, as `sinkscope scan` does it.
//
//   full_scan MODEL TEXT n_tokens n_ubatch n_threads precision      then a line on standard input for each pass
#include "loaded_text.h"
#include "scan/examine.h"

namespace {

using namespace sinkscope;

int run(const bench::Arguments& arguments) {
  const bench::LoadedText loaded = bench::load_text(arguments);
  return bench::answer_lines([&] { examine(*loaded.model, loaded.pack, ExamineOptions{}); });
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
