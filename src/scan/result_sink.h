#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "scan/scanned_document.h"

namespace sinkscope {

// Where a scan's documents go: a results file, a list in memory, a test.
class ResultSink {
 public:
  virtual ~ResultSink() = default;

  // Whether a document is there already, by its document_key: it is then not run again.
  virtual bool has(const std::string& key) const = 0;
  // Keeps the documents of one pack, all or none of them. A document that is there already gets the origins that it
  // lacks, and nothing else.
  virtual void add(std::span<const ScannedDocument> documents) = 0;
  // A place where a document that is there occurs as well; nothing changes if it is known.
  //
  // throws  Error{kInternal} if no such document is there
  virtual void add_origin(const std::string& key, const Origin& origin) = 0;
  virtual void add_skipped(const SkippedLine& line) = 0;
};

// Results in memory, in the order in which they came.
class ResultList final : public ResultSink {
 public:
  bool has(const std::string& key) const override { return index_.contains(key); }
  void add(std::span<const ScannedDocument> documents) override;
  void add_origin(const std::string& key, const Origin& origin) override;
  void add_skipped(const SkippedLine& line) override { skipped_.push_back(line); }

  std::span<const ScannedDocument> documents() const { return documents_; }
  std::span<const SkippedLine> skipped() const { return skipped_; }

 private:
  std::vector<ScannedDocument> documents_;
  std::vector<SkippedLine> skipped_;
  std::map<std::string, std::size_t> index_;  // by key
};

}  // namespace sinkscope
