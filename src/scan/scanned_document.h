#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sinks/detection.h"
#include "sinks/figures.h"
#include "text/chunks.h"

namespace sinkscope {

// Where a document's text came from. Equal texts are kept once, with all their origins.
struct Origin {
  std::string file;          // as the user named it; never part of JSON
  std::string id;            // the document's name: of the JSONL record, or the file's name without its folder
  std::optional<int> line;   // of the JSONL file, from 1
  std::optional<int> chunk;  // from 0; nothing where documents are whole
  // Position in the whole document = position in this sequence + document_offset. A chunk's own BOS lies on its
  // predecessor's last token, and on the document's BOS in the first chunk.
  std::int64_t document_offset = 0;
  bool operator==(const Origin&) const = default;
};

// Where a sequence came from, with the name that results give it: the document's own id, or the file's.
Origin origin_of(const Sequence& sequence);

// What identifies a document: SHA-256 of its token ids as int32 little endian, then its prompt length likewise.
//
// tokens   as the network read them, with BOS
// returns  64 lower case hexadecimal digits
std::string document_key(std::span<const TokenId> tokens, int prompt_tokens);

// A detection and the thresholds that it was made with.
struct Judgement {
  Thresholds thresholds;
  Detection detection;  // by the evidence rule
};

// One document as a scan hands it on.
struct ScannedDocument {
  std::vector<TokenId> tokens;           // as the network read them, with BOS
  std::vector<std::string> token_bytes;  // [n_tokens] what each stands for; equal ids have equal bytes
  std::vector<Origin> origins;           // at least one
  SequenceFigures figures;               // n_tokens and prompt_tokens in it are the document's
  std::vector<ProfileArray> profiles;    // profile_arrays() where they are kept; empty for Keep::kRuns
  std::optional<Judgement> judgement;    // nothing: copied from other results, and not judged again
};

// A line of the input that was passed over.
struct SkippedLine {
  std::string file;
  int line = 0;
  std::string reason;
  bool operator==(const SkippedLine&) const = default;
};

}  // namespace sinkscope
