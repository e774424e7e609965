#include "engine/llama/tensor_types.h"

#include <ggml-cpu.h>
#include <ggml.h>

#include <string>

#include "base/error.h"

namespace sinkscope {
namespace {

// Looked up by token, and multiplied with nothing.
bool is_table_of_integers(const GgufTensor& tensor) {
  return tensor.type == GGML_TYPE_I32 && tensor.name.ends_with("ffn_gate_tid2eid.weight");
}

bool is_float(ggml_type type) { return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16; }

}  // namespace

void check_tensor_types(const GgufFile& file) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(".weight") && !tensor.name.ends_with(".bias")) continue;
    const auto type = static_cast<ggml_type>(tensor.type);
    const bool is_matrix = tensor.rows() > 1;
    const bool computes = is_float(type) || (is_matrix && ggml_get_type_traits_cpu(type)->vec_dot != nullptr);
    if (computes || is_table_of_integers(tensor)) continue;
    throw Error(ErrorCode::kModel, file.path() + ": expected tensor '" + tensor.name + "' in a type that llama.cpp " +
                                       (is_matrix ? "multiplies with" : "adds and scales by") + ", got " +
                                       std::string(gguf_type_name(tensor.type)) +
                                       "; convert the model again, or fetch another quantisation");
  }
}

}  // namespace sinkscope
