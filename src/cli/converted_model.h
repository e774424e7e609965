#pragma once

#include <string>

namespace sinkscope {

// The GGUF file of a model: the path itself, unless it is a folder of a Hugging Face model (it has a config.json), or
// nothing of that path exists and it reads as the name of one, org/name. These are converted by the Python package's
// extra `convert`, once; what that does, it says on standard error.
//
// throws  Error{kModel} if there is no such package, saying which command converts; or if it cannot convert the model
// cost    0.3 s to start Python; the first time minutes, and the digests of its files
std::string converted_model(const std::string& path);

}  // namespace sinkscope
