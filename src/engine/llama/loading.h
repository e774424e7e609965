#pragma once

#include <llama.h>

#include <exception>
#include <new>
#include <string>

#include "base/error.h"
#include "engine/llama/fatal_signals.h"
#include "engine/llama/llama_library.h"

namespace sinkscope {

// What llama.cpp logged as its reason since take_llama_error(), or `otherwise` if it gave none.
std::string llama_reason(const std::string& otherwise);

// Does what llama.cpp or ggml may throw at for reasons of their own, none of which is a fault of ours: such an
// exception is the model's, and so is a fatal signal meanwhile.
//
// throws  Error{kModel} for every exception but an Error and std::bad_alloc, which pass
template <typename Work>
auto of_model(const std::string& path, const Work& work) {
  const EngineAtWork at_work;
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kModel, path + ": expected a model that llama.cpp can run, got: " + error.what() +
                                       "; fetch it again, or convert it again");
  }
}

// throws  Error{kModel} with llama.cpp's reason if it refuses the file
LlamaModelPtr load_llama_model(const std::string& path, const llama_model_params& params);

}  // namespace sinkscope
