#include "report/data/csv.h"

#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/csv_row.h"
#include "report/judged.h"
#include "report/run_table.h"

namespace sinkscope {
namespace {

void add_cell(CsvRow& row, const RunColumn& column, std::size_t i) {
  if (column.is_measured[i] == 0) {
    row.empty_cell();
  } else if (const auto* texts = std::get_if<RunColumn::Texts>(&column.values)) {
    const std::string& text = (*texts)[i];
    row.cell(std::string_view(column.name == "id"     ? name_cell(text)
                              : column.name == "text" ? json_string(text)
                                                      : text));
  } else if (const auto* numbers = std::get_if<RunColumn::Numbers>(&column.values)) {
    row.cell((*numbers)[i]);
  } else if (const auto* flags = std::get_if<RunColumn::Flags>(&column.values)) {
    row.cell((*flags)[i] != 0);
  } else {
    row.cell(std::get<RunColumn::Integers>(column.values)[i]);
  }
}

class CsvView : public JudgedView {
 public:
  CsvView(Rule rule, std::ostream& out)
      : table_(rule == Rule::kPaper ? RunTable::of_flagged_tokens() : RunTable::of_runs()), out_(out) {}

  void begin() override {
    CsvRow names;
    for (const RunColumn& column : table_.columns()) names.cell(std::string_view(column.name));
    out_ << names.line();
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
    for (std::size_t i = 0; i < table_.n_rows(); ++i) {
      CsvRow row;
      for (const RunColumn& column : table_.columns()) add_cell(row, column, i);
      out_ << row.line();
    }
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
