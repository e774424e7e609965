#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "levels/corpus.h"
#include "scan/scanned_document.h"

namespace sinkscope {

// What statistics over a corpus ask of a document, under the evidence rule and its default thresholds, as bytes.
//
// Made of the document's figures and nothing else: a shortcut for reading ten thousand documents at once.
std::vector<std::byte> encode_corpus_document(const CorpusDocument& document);

// The inverse; nothing if a program with another rule or other defaults wrote them, and the figures must be asked.
//
// what    names the bytes in messages
// throws  Error{kInput} for any bytes that encode_corpus_document cannot have written
std::optional<CorpusDocument> decode_corpus_document(std::span<const std::byte> bytes, const std::string& what);

// The document as those bytes hold it: with sinks of all kinds, by the evidence rule.
CorpusDocument corpus_document_of(const SequenceFigures& figures, const std::vector<TokenId>& tokens,
                                  const Thresholds& thresholds);
// The same under default thresholds, by the judgement that the document brings, where that was made with them.
CorpusDocument corpus_document_of(const ScannedDocument& document);

}  // namespace sinkscope
