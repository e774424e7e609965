#include "engine/llama/model_file.h"
#include "fuzz/targets.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "plant/tiny/tiny.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

// The head of a tiny model, and a small file with every type of key.
std::vector<std::string> model_seeds() {
  const TemporaryFolder folder;
  TinyOptions tiny;
  tiny.n_layers = 2;
  write_tiny_model(tiny, folder.file("tiny.gguf"));
  GgufMetadata metadata;
  metadata.set_text("general.architecture", "llama");
  metadata.set_u32("llama.context_length", 64);
  metadata.set_u32("llama.attention.head_count", 4);
  metadata.set_f32("llama.eps", 0.5F);
  metadata.set_flag("llama.flag", true);
  metadata.set_i32s("llama.list", std::vector<std::int32_t>{4, -5});
  metadata.set_texts("tokenizer.ggml.tokens", std::vector<std::string>{"a", "", "ccc"});
  metadata.set_text("tokenizer.ggml.model", "gpt2");
  const std::vector<NewGgufTensor> tensors = {{"a.weight", {2, 3}, kGgufF32, {1, 2, 3, 4, 5, 6}},
                                              {"b.bias", {4}, kGgufF16, {0.5F, -1, 2, 4}}};
  write_gguf(metadata, tensors, folder.file("small.gguf"));
  return {bytes_of_file(folder.file("small.gguf")), bytes_of_file(folder.file("tiny.gguf"))};
}

}  // namespace

std::vector<FuzzTarget> model_targets() {
  return {{"gguf", "model files: header, metadata, list of tensors, and what is checked before llama.cpp sees them",
           [](std::string_view bytes) {
             const BytesFile file(bytes);
             const GgufFile opened(file.path());
             for (const GgufTensor& tensor : opened.tensors()) opened.bytes(tensor);
             ModelFile checked(file.path());
           },
           model_seeds}};
}

}  // namespace sinkscope
