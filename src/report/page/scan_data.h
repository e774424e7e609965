#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/spool.h"
#include "report/findings.h"
#include "report/page/page.h"

namespace sinkscope {

// The blocks of a results file's documents, in order, until their turn comes.
class DocumentBlocks : public JudgedView {
 public:
  DocumentBlocks(const NamedScan& scan, const HtmlOptions& options);
  void see(const JudgedDocument& judged) override;
  void finish(const Totals& totals) override;

  std::size_t size() const { return blocks_.size(); }
  const std::string& key(std::size_t document) const { return keys_[document]; }
  // Whether the document's block carries its layers x tokens maps: known when all were seen.
  bool has_detail(std::size_t document) const { return has_detail_[document]; }
  void write(std::size_t document, std::ostream& out) const;

 private:
  struct Extent {
    std::uint64_t first = 0, n_bytes = 0;
  };
  Extent spooled(const std::string& block);

  const NamedScan& scan_;
  const HtmlOptions& options_;
  bool all_detailed_;
  Spool spool_;
  std::vector<Extent> blocks_;
  std::vector<std::string> keys_;
  std::vector<std::int64_t> sinks_;
  std::vector<bool> has_detail_;
};

// Judges a results file, fills its documents' blocks, and writes what the page's opening block says of it: an object;
// see docs/report.md.
Overview write_scan_data(const NamedScan& scan, int scan_index, const HtmlOptions& options, DocumentBlocks& blocks,
                         std::ostream& out);

// The id of the HTML element that holds a document's block.
std::string document_block_id(int scan_index, std::size_t document);

}  // namespace sinkscope
