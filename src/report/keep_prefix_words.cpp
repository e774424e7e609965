#include "report/keep_prefix_words.h"

#include <fmt/format.h>

#include "base/words.h"

namespace sinkscope {

std::string llama_flags(const KeepPrefix& prefix) { return fmt::format("--context-shift --keep {}", prefix.keep); }

std::vector<std::string> llama_warnings(const KeepPrefix& prefix) {
  std::vector<std::string> warnings = {
      "--keep does nothing without --context-shift, which is off by default",
      "in a model with sliding windows --keep needs --swa-full too",
      "a context shift rotates the keys that stay to new positions; here positions stay"};
  if (prefix.keep < prefix.n_first) {
    warnings.push_back(fmt::format("--keep counts without BOS, which the vocabulary adds: it keeps {}",
                                   counted(prefix.keep + 1, "token")));
  }
  if (prefix.lost) {
    warnings.push_back(fmt::format(
        "it keeps a prefix, so the recommended tokens behind it are lost: KL {} nats a token",
        signed_fixed(*prefix.lost, 4)));
  }
  return warnings;
}

}  // namespace sinkscope
