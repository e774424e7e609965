#include "report/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ostream>

#include "base/encodings.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/utf8.h"

namespace sinkscope {
namespace {

constexpr std::string_view kColumns =
    "sequence,id,chunk,n_tokens,prompt_tokens,position,document_position,token_id,text,text_bytes,verdict,kind,"
    "run_index,l_start,l_end,lifetime,attention_lifetime,censored,broadcasts,alignment_median,"
    "centred_alignment_median,read_alignment_median,norm_ratio_median,norm_ratio_max,score_mean,score_max,"
    "far_boost_median,far_boost_max,heads_over_10_max,logit_gap,value_norm_ratio,margin,margin_alignment,"
    "margin_norm_ratio,margin_far_boost,margin_edge";
constexpr std::string_view kPaperColumns =
    "sequence,id,chunk,n_tokens,prompt_tokens,position,document_position,token_id,text,text_bytes,label,first_layer,"
    "last_layer,layers_flagged";

// The cells of one row, by RFC 4180.
class Row {
 public:
  Row& cell(std::string_view text) {
    if (!line_.empty() || started_) line_ += ',';
    started_ = true;
    if (text.find_first_of("\",\r\n") == std::string_view::npos) {
      line_ += text;
      return *this;
    }
    line_ += '"';
    for (const char c : text) line_ += c == '"' ? "\"\"" : std::string(1, c);
    line_ += '"';
    return *this;
  }
  Row& cell(std::int64_t value) { return cell(std::string_view(std::to_string(value))); }
  Row& cell(int value) { return cell(static_cast<std::int64_t>(value)); }
  Row& cell(bool value) { return cell(std::string_view(value ? "true" : "false")); }
  Row& cell(float value) { return cell(std::string_view(fmt::format("{}", value))); }
  template <typename T>
  Row& cell(const std::optional<T>& value) {
    return value.has_value() ? cell(*value) : cell(std::string_view());
  }
  void write(std::ostream& out) const { out << line_ << "\r\n"; }

 private:
  std::string line_;
  bool started_ = false;
};

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
    if (detection.primary) primary_row(document, *detection.primary).write(out_);
    for (const Run& run : detection.runs) run_row(document, run).write(out_);
  }

  void write(const StoredDocument& document, const PaperDetection& detection) {
    for (const PaperRun& run : detection.runs) {
      Row row = begin_row(document, run.position);
      row.cell(std::string_view(run.label)).cell(run.first_layer).cell(run.last_layer).cell(run.layers_flagged);
      row.write(out_);
    }
  }

 private:
  Row begin_row(const StoredDocument& document, int position) const {
    const Origin origin = document.origins.empty() ? Origin{} : document.origins.front();
    const TokenId token = document.tokens.at(static_cast<std::size_t>(position));
    const std::string bytes = file_.token_bytes(token);
    Row row;
    row.cell(document.ordinal).cell(std::string_view(name_cell(origin.id))).cell(origin.chunk);
    row.cell(document.figures.n_tokens).cell(document.figures.prompt_tokens);
    row.cell(position).cell(position + origin.document_offset).cell(token);
    row.cell(std::string_view(json_string(bytes)));
    row.cell(std::string_view(is_utf8(bytes) ? std::string() : hex_string(bytes)));
    return row;
  }

  Row primary_row(const StoredDocument& document, const Primary& primary) const {
    constexpr std::optional<float> kNone;
    int lifetime = 0, l_end = primary.birth_end;
    for (const auto& [first, last] : primary.active_layers) {
      lifetime += last - first + 1;
      l_end = last;
    }
    Row row = begin_row(document, primary.position);
    row.cell(name_of(Verdict::kSink)).cell(name_of(SinkKind::kPrimary)).cell(kNone);
    row.cell(primary.birth_layer).cell(l_end).cell(lifetime).cell(kNone).cell(kNone).cell(kNone);
    row.cell(kNone).cell(kNone).cell(kNone).cell(primary.norm_ratio_median).cell(primary.norm_ratio_max);
    row.cell(primary.score_mean).cell(primary.score_max).cell(primary.far_boost_median).cell(primary.far_boost_max);
    row.cell(kNone).cell(kNone).cell(primary.value_norm_ratio);
    for (int margin = 0; margin < 5; ++margin) row.cell(kNone);
    return row;
  }

  Row run_row(const StoredDocument& document, const Run& run) const {
    Row row = begin_row(document, run.position);
    row.cell(name_of(run.verdict)).cell(name_of(run.kind)).cell(run.run_index);
    row.cell(run.l_start).cell(run.l_end).cell(run.lifetime).cell(run.attention_lifetime).cell(run.censored);
    row.cell(run.value_norm_ratio ? std::optional(run.broadcasts) : std::nullopt);
    row.cell(run.alignment_median).cell(run.centred_alignment_median).cell(run.read_alignment_median);
    row.cell(run.norm_ratio_median).cell(run.norm_ratio_max).cell(run.score_mean).cell(run.score_max);
    row.cell(run.far_boost_median).cell(run.far_boost_max).cell(run.heads_over_10_max);
    row.cell(run.logit_gap).cell(run.value_norm_ratio).cell(run.margin);
    row.cell(run.margins.alignment).cell(run.margins.norm_ratio).cell(run.margins.far_boost).cell(run.margins.edge);
    return row;
  }

  const ScanFile& file_;
  std::ostream& out_;
};

}  // namespace

void write_csv(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  check_answerable(file, options);
  const bool paper = options.rule == Rule::kPaper;
  out << (paper ? kPaperColumns : kColumns) << "\r\n";
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
