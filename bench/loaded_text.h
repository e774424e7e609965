#pragma once

#include <memory>
#include <vector>

#include "engine/accel/precision.h"
#include "engine/llama/model.h"
#include "forward_loop.h"

namespace sinkscope::bench {

// The model of the command line, and its text as one document of that many tokens.
struct LoadedText {
  std::unique_ptr<Model> model;
  Pack pack;
};

inline LoadedText load_text(const Arguments& arguments) {
  LoadOptions load;
  load.path = arguments.model;
  load.n_ctx = arguments.n_tokens;
  load.n_ubatch = arguments.n_ubatch;
  load.runtime.n_threads = arguments.n_threads;
  load.precision = precision_of_name(arguments.precision);
  LoadedText loaded{load_model(load), {}};
  std::vector<TokenId> tokens = loaded.model->vocabulary().tokenize(arguments.text, false);
  if (loaded.model->facts().adds_bos) tokens.insert(tokens.begin(), loaded.model->facts().bos);
  loaded.pack = Pack{{repeat_to(tokens, arguments.n_tokens)}};
  return loaded;
}

}  // namespace sinkscope::bench
