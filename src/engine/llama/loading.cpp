#include "engine/llama/loading.h"

namespace sinkscope {

std::string llama_reason(const std::string& otherwise) {
  const std::string logged = take_llama_error();
  return logged.empty() ? otherwise : logged;
}

LlamaModelPtr load_llama_model(const std::string& path, const llama_model_params& params) {
  take_llama_error();
  LlamaModelPtr model(of_model(path, [&] { return llama_model_load_from_file(path.c_str(), params); }));
  if (model) return model;
  throw Error(ErrorCode::kModel, path + ": expected a model that llama.cpp can load, got: " +
                                     llama_reason("a file that it refuses without a reason"));
}

}  // namespace sinkscope
