#include "report/data/csv.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "base/encodings.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "report/data/field_csv.h"
#include "report/judged.h"

namespace sinkscope {
namespace {

constexpr std::string_view kTokenColumns =
    "sequence,id,chunk,n_tokens,prompt_tokens,position,document_position,token_id,text,text_bytes,";
constexpr std::string_view kPaperColumns = "label,first_layer,last_layer,layers_flagged\r\n";

// What the row of a primary says of it in the words of a run.
constexpr std::array<std::string_view, 5> kOfPrimary = {"verdict", "kind", "l_start", "l_end", "lifetime"};

class CsvView : public JudgedView {
 public:
  CsvView(Rule rule, std::ostream& out) : rule_(rule), out_(out) {}

  void begin() override {
    out_ << kTokenColumns;
    if (rule_ == Rule::kPaper) {
      out_ << kPaperColumns;
    } else {
      CsvRow names;
      add_names(names, kRunFields, Run());
      out_ << names.line();
    }
  }

  void see(const JudgedDocument& judged) override {
    if (judged.evidence) {
      if (judged.evidence->primary) out_ << primary_row(judged, *judged.evidence->primary).line();
      for (const Run& run : judged.evidence->runs) out_ << run_row(judged, run).line();
      return;
    }
    for (const PaperRun& run : judged.paper->runs) {
      CsvRow row = begin_row(judged, run.position);
      row.cell(std::string_view(run.label)).cell(run.first_layer).cell(run.last_layer).cell(run.layers_flagged);
      out_ << row.line();
    }
  }

  void finish(const Totals&) override {
    if (!out_.flush()) throw Error(ErrorCode::kOutput, "CSV: writing failed; check the free space");
  }

 private:
  static CsvRow begin_row(const JudgedDocument& judged, int position) {
    const StoredDocument& document = judged.document;
    const Origin& origin = judged.first_origin();
    const std::string bytes = judged.token(position);
    CsvRow row;
    row.cell(document.ordinal).cell(std::string_view(name_cell(origin.id))).cell(origin.chunk);
    row.cell(document.figures.n_tokens).cell(document.figures.prompt_tokens);
    row.cell(position).cell(position + origin.document_offset);
    row.cell(document.tokens.at(static_cast<std::size_t>(position)));
    row.cell(std::string_view(json_string(bytes)));
    row.cell(std::string_view(is_utf8(bytes) ? std::string() : hex_string(bytes)));
    return row;
  }

  // The columns of a run, as far as a primary has them.
  static CsvRow primary_row(const JudgedDocument& judged, const Primary& primary) {
    Run run;
    run.verdict = Verdict::kSink;
    run.kind = SinkKind::kPrimary;
    run.l_start = primary.birth_layer;
    run.l_end = primary.active_layers.empty() ? primary.birth_end : primary.active_layers.back().second;
    for (const auto& [first, last] : primary.active_layers) run.lifetime += last - first + 1;
    CsvRow row = begin_row(judged, primary.position);
    for_each_column(kRunFields, run, [&](const std::string& name, const auto& of_run) {
      if (std::ranges::find(kOfPrimary, name) != kOfPrimary.end()) {
        row.cell(of_run);
        return;
      }
      bool found = false;
      for_each_column(kPrimaryFields, primary, [&](const std::string& of_primary, const auto& value) {
        if constexpr (requires { row.cell(value); }) {
          if (of_primary != name) return;
          row.cell(value);
          found = true;
        }
      });
      if (!found) row.empty_cell();
    });
    return row;
  }

  static CsvRow run_row(const JudgedDocument& judged, const Run& run) {
    CsvRow row = begin_row(judged, run.position);
    add_cells(row, kRunFields, run);
    return row;
  }

  Rule rule_;
  std::ostream& out_;
};

}  // namespace

void write_csv(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  CsvView view(rule_of(file, options), out);
  judge(file, options, view);
}

}  // namespace sinkscope
