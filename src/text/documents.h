#pragma once

#include <memory>
#include <string>

#include "text/document.h"

namespace sinkscope {

inline constexpr std::size_t kMaxDocumentBytes = std::size_t{256} << 20;

// One text, as it is.
//
// throws  Error{kInput} if it is empty
std::unique_ptr<DocumentSource> text_source(std::string text, InputPlace place);

// A plain text file, one document; "-" is standard input.
//
// throws  Error{kInput} if it cannot be read, is empty, or has more than kMaxDocumentBytes
std::unique_ptr<DocumentSource> text_file_source(const std::string& path);

// Token ids: a JSON array of them, or {"tokens": [...]}.
//
// throws  Error{kInput} as text_file_source, or if it is neither; whether a model has the ids is not known here
std::unique_ptr<DocumentSource> token_file_source(const std::string& path);

// Chat messages: what messages_of takes, or else a text, which becomes one user message.
//
// throws  Error{kInput} if it is empty, or an array of anything else
std::unique_ptr<DocumentSource> chat_source(const std::string& text, InputPlace place);
std::unique_ptr<DocumentSource> chat_file_source(const std::string& path);

// The sources' documents, one source after another.
std::unique_ptr<DocumentSource> joined_sources(std::vector<std::unique_ptr<DocumentSource>> sources);

}  // namespace sinkscope
