#pragma once

#include <llama.h>

#include <string>

#include "engine/llama/llama_library.h"

namespace sinkscope {

// What llama.cpp logged as its reason since take_llama_error(), or `otherwise` if it gave none.
std::string llama_reason(const std::string& otherwise);

// throws  Error{kModel} with llama.cpp's reason if it refuses the file
LlamaModelPtr load_llama_model(const std::string& path, const llama_model_params& params);

}  // namespace sinkscope
