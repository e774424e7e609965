#pragma once

#include <string>

namespace sinkscope {

// Refuses files that llama.cpp would crash or hang over, or describe in its own terms.
//
// path    a file of one model, or the first of its parts
// throws  Error{kModel} if it is no whole GGUF file, or has no number where llama.cpp divides or steps by it
// cost    reads the metadata, not the tensors
void check_model_file(const std::string& path);

// Whether most of the model's numbers are stored as float32: rounding them to bf16 would lose what quantised ones never
// had.
//
// throws  Error{kModel} if the file is no whole GGUF file
bool is_stored_in_f32(const std::string& path);

}  // namespace sinkscope
