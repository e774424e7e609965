// Prints the sinks of a text:   embed MODEL.gguf TEXT.txt
#include <sinkscope/api/sinkscope.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: embed MODEL.gguf TEXT.txt\n"), 2;
  std::ifstream file(argv[2], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    sinkscope::LoadOptions load;
    load.path = argv[1];
    const sinkscope::Scanner scanner(load);
    const sinkscope::ScannedText scanned = scanner.scan(text, argv[2]);
    if (const auto& primary = scanned.primary()) {
      std::printf("primary: position %d, born in layer %d\n", primary->position, primary->birth_layer);
    }
    const sinkscope::ArrayView boost = scanned.array("far_boost");
    for (const sinkscope::Run& sink : scanned.sinks()) {
      const auto kind = name_of(sink.kind);
      std::printf("%.*s: position %d, layers %d-%d, far boost %.1f in layer %d\n", static_cast<int>(kind.size()),
                  kind.data(), sink.position, sink.l_start, sink.l_end,
                  static_cast<double>(boost.at(sink.l_end, sink.position)), sink.l_end);
    }
  } catch (const sinkscope::Error& error) {
    return std::fprintf(stderr, "embed: %s\n", error.what()), 1;
  }
}
