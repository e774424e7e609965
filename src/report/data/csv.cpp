#include "report/data/csv.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>

#include "base/encodings.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/utf8.h"
#include "report/data/field_csv.h"

namespace sinkscope {
namespace {

constexpr std::string_view kTokenColumns =
    "sequence,id,chunk,n_tokens,prompt_tokens,position,document_position,token_id,text,text_bytes,";
constexpr std::string_view kPaperColumns = "label,first_layer,last_layer,layers_flagged\r\n";

// What the row of a primary says of it in the words of a run.
constexpr std::array<std::string_view, 5> kOfPrimary = {"verdict", "kind", "l_start", "l_end", "lifetime"};

// Names that a spreadsheet could take for a formula, or that span lines, become JSON strings.
std::string name_cell(const std::string& name) {
  const bool plain =
      is_utf8(name) && !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
      std::ranges::none_of(name, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; });
  return plain ? name : json_string(name);
}

class Writer {
 public:
  Writer(const ScanFile& file, std::ostream& out) : file_(file), out_(out) {}

  void write(const StoredDocument& document, const Detection& detection) {
    if (detection.primary) out_ << primary_row(document, *detection.primary).line();
    for (const Run& run : detection.runs) out_ << run_row(document, run).line();
  }

  void write(const StoredDocument& document, const PaperDetection& detection) {
    for (const PaperRun& run : detection.runs) {
      CsvRow row = begin_row(document, run.position);
      row.cell(std::string_view(run.label)).cell(run.first_layer).cell(run.last_layer).cell(run.layers_flagged);
      out_ << row.line();
    }
  }

 private:
  CsvRow begin_row(const StoredDocument& document, int position) const {
    const Origin origin = document.origins.empty() ? Origin{} : document.origins.front();
    const TokenId token = document.tokens.at(static_cast<std::size_t>(position));
    const std::string bytes = file_.token_bytes(token);
    CsvRow row;
    row.cell(document.ordinal).cell(std::string_view(name_cell(origin.id))).cell(origin.chunk);
    row.cell(document.figures.n_tokens).cell(document.figures.prompt_tokens);
    row.cell(position).cell(position + origin.document_offset).cell(token);
    row.cell(std::string_view(json_string(bytes)));
    row.cell(std::string_view(is_utf8(bytes) ? std::string() : hex_string(bytes)));
    return row;
  }

  // The columns of a run, as far as a primary has them.
  CsvRow primary_row(const StoredDocument& document, const Primary& primary) const {
    Run run;
    run.verdict = Verdict::kSink;
    run.kind = SinkKind::kPrimary;
    run.l_start = primary.birth_layer;
    run.l_end = primary.active_layers.empty() ? primary.birth_end : primary.active_layers.back().second;
    for (const auto& [first, last] : primary.active_layers) run.lifetime += last - first + 1;
    CsvRow row = begin_row(document, primary.position);
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

  CsvRow run_row(const StoredDocument& document, const Run& run) const {
    CsvRow row = begin_row(document, run.position);
    add_cells(row, kRunFields, run);
    return row;
  }

  const ScanFile& file_;
  std::ostream& out_;
};

}  // namespace

void write_csv(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  check_answerable(file, options);
  const bool paper = options.rule == Rule::kPaper;
  out << kTokenColumns;
  if (paper) {
    out << kPaperColumns;
  } else {
    CsvRow names;
    add_names(names, kRunFields, Run());
    out << names.line();
  }
  Writer writer(file, out);
  file.for_each_document([&](const StoredDocument& document) {
    if (paper) {
      writer.write(document, detect_by_paper(document.figures, options.paper));
    } else {
      writer.write(document, detect_by_evidence(document.figures, options.thresholds));
    }
  });
  if (!out.flush()) throw Error(ErrorCode::kOutput, "CSV: writing failed; check the free space");
}

}  // namespace sinkscope
