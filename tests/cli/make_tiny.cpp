#include <cstdio>
#include <exception>

#include "plant/tiny/tiny.h"

// make_tiny ARCH OUT.gguf [SEED]: a small random model with byte tokens, for tests of the program.
int main(int argc, char** argv) {
  if (argc < 3) return 2;
  try {
    sinkscope::TinyOptions options;
    options.arch = argv[1];
    options.seed = argc > 3 ? static_cast<std::uint64_t>(argv[3][0]) : 1;
    sinkscope::write_tiny_model(options, argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
