#include "report/data/csv.h"

#include <ostream>

#include "base/error.h"
#include "report/data/csv_table.h"
#include "report/judged.h"
#include "report/run_table.h"

namespace sinkscope {
namespace {

class CsvView : public JudgedView {
 public:
  CsvView(Rule rule, std::ostream& out)
      : table_(rule == Rule::kPaper ? RunTable::of_flagged_tokens() : RunTable::of_runs()), out_(out) {}

  void begin() override {
    out_ << csv_names(table_);
  }

  void see(const JudgedDocument& judged) override {
    const StoredDocument& document = judged.document;
    const Origin& origin = judged.first_origin();
    const TableDocument of_table = {document.ordinal,
                                    origin.id,
                                    origin.chunk,
                                    origin.document_offset,
                                    document.figures.n_tokens,
                                    document.figures.prompt_tokens,
                                    document.tokens,
                                    [&](int position) { return judged.token(position); }};
    table_.clear();
    if (judged.evidence) {
      table_.add(of_table, *judged.evidence, TableRows::kAllRuns);
    } else {
      table_.add(of_table, *judged.paper);
    }
    for (std::size_t i = 0; i < table_.n_rows(); ++i) out_ << csv_line(table_, i);
  }

  void finish(const Totals&) override {
    if (!out_.flush()) throw Error(ErrorCode::kOutput, "CSV: writing failed; check the free space");
  }

 private:
  RunTable table_;  // of one document at a time
  std::ostream& out_;
};

}  // namespace

void write_csv(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  CsvView view(rule_of(file, options), out);
  judge(file, options, view);
}

}  // namespace sinkscope
