#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "levels/corpus.h"
#include "store/sqlite.h"

namespace sinkscope {

// A sink that somebody else's program recorded.
struct ImportedSink {
  int position = 0;
  TokenId token = 0;
  int first_layer = 0, last_layer = 0;
  int layers_flagged = 0;  // of the layers from first to last
  std::string label;       // what that program calls it
  bool operator==(const ImportedSink&) const = default;
};

// A document of which others kept the sinks only.
struct ImportedDocument {
  std::string key;   // see imported_key
  std::string name;  // what the record calls it
  int line = 0;      // of the file that it was imported from, from 1
  int n_tokens = 0;
  int prompt_tokens = 0;
  std::vector<ImportedSink> sinks;  // the primary among them; ascending positions
};

// Of which model the records are.
struct ImportedModel {
  std::string name;  // empty: not known
  int n_layers = 0;
  bool operator==(const ImportedModel&) const = default;
};

// What tells an imported document from others: SHA-256 of all but its line, and how many documents of the same file
// before it are equal in that. Generations that were cut at the same length often are.
std::string imported_key(const ImportedDocument& document, int n_equal_before);

// The document as corpus statistics see it, by the definitions of docs/science.md: the primary are sinks of the first 8
// positions that are labelled bos_sink; all tokens are eligible, as the recording program counted.
//
// labels  gets the labels that are new
CorpusDocument corpus_document_of(const ImportedDocument& document, const ImportedModel& model,
                                  std::vector<std::string>& labels);

// Imported records: SQLite with application_id "SINI"; docs/file-formats.md describes it.
class ImportFile {
 public:
  // A new file with these documents in this order, there as a whole or not at all.
  //
  // throws  Error{kOutput} if there is such a file already, or it cannot be written
  static void write(const std::string& path, const ImportedModel& model, std::span<const ImportedDocument> documents);
  // throws  Error{kInput} if there is no such file, or it holds no imported records
  explicit ImportFile(const std::string& path);

  const ImportedModel& model() const { return model_; }
  std::int64_t n_documents() const;
  // throws  Error{kInput} if the file is damaged; whatever visit threw
  void for_each_document(const std::function<void(ImportedDocument&&)>& visit) const;

 private:
  std::unique_ptr<Database> database_;
  ImportedModel model_;
};

// What a results file holds.
enum class ResultsKind { kScan, kImport };
// throws  Error{kInput} if there is no such file, or it is no results file
ResultsKind results_kind(const std::string& path);

}  // namespace sinkscope
