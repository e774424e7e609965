#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "gguf/file.h"

namespace sinkscope {

// A file or folder that was handed over as a model and is something else.
struct OtherFile {
  std::string what;    // "a LoRA adapter": completes "got ..."
  std::string advice;  // what to do instead
};

// Thrown for such a file, with what it is.
class OtherFileError : public Error {
 public:
  OtherFileError(const std::string& message, OtherFile other)
      : Error(ErrorCode::kModel, message), other_(std::move(other)) {}
  const OtherFile& other() const { return other_; }

 private:
  OtherFile other_;
};

// What a file is that does not begin as a GGUF file does: a pointer of Git LFS, a saved web page, safetensors, ...
//
// head     the file's first bytes; 4 KiB are plenty
// returns  always something; text and bytes that are not known are called so
OtherFile what_is_no_gguf(std::span<const std::byte> head);

// What a folder, or a path that is no regular file, is; nothing for a regular file.
std::optional<OtherFile> what_is_no_file(const std::string& path);

// What a GGUF file is that holds no causal language model, by its metadata: a projector, an adapter, an importance
// matrix, a vocabulary, a later part of a split model, an encoder, a model of images or sound, or a language model
// without a key that its architecture needs.
//
// returns  nothing for a causal language model, as far as its metadata tell
std::optional<OtherFile> what_is_other(const GgufFile& file);

// Both questions about one path: whether it is something else than a causal language model, and what.
//
// returns  nothing for a language model
// throws   Error{kModel} for a GGUF file that is broken, or cannot be read
std::optional<OtherFile> what_is(const std::string& path);

// throws  OtherFileError "... expected a causal language model ..., got a LoRA adapter; ..."
[[noreturn]] void refuse_other_file(const std::string& path, const OtherFile& other);

// What a type of tensors is called that llama.cpp does not read: those of other programs, and those that it once had.
OtherFile foreign_tensor_type(std::uint32_t type);

}  // namespace sinkscope
