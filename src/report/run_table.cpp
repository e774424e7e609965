#include "report/run_table.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "base/encodings.h"
#include "base/utf8.h"
#include "report/field_columns.h"

namespace sinkscope {
namespace {

// What the row of a primary says of it in the words of a run.
constexpr std::array<std::string_view, 5> kOfPrimary = {"verdict", "kind", "l_start", "l_end", "lifetime"};

RunColumn column_of(std::string_view name, std::string_view unit, std::string_view help,
                      decltype(RunColumn::values) values) {
  return {std::string(name), std::string(unit), std::string(help), std::move(values), {}};
}

std::vector<RunColumn> token_columns() {
  using Integers = RunColumn::Integers;
  using Texts = RunColumn::Texts;
  std::vector<RunColumn> columns;
  columns.push_back(column_of("sequence", "", "number of the text, from 0", Integers()));
  columns.push_back(column_of("id", "", "name of the document", Texts()));
  columns.push_back(column_of("chunk", "", "of the document, from 0, where it was divided", Integers()));
  columns.push_back(column_of("n_tokens", "tokens", "of the text, with BOS", Integers()));
  columns.push_back(column_of("prompt_tokens", "tokens", "how many of them are the prompt", Integers()));
  columns.push_back(column_of("position", "", "of the token in the text, from 0", Integers()));
  columns.push_back(column_of("document_position", "", "of the token in the whole document", Integers()));
  columns.push_back(column_of("token_id", "", "in the model's vocabulary", Integers()));
  columns.push_back(column_of("text", "", "what the token stands for", Texts()));
  columns.push_back(column_of("text_bytes", "", "the same in hexadecimal, where it is no UTF-8", Texts()));
  return columns;
}

template <typename T>
inline constexpr bool kIsName = std::is_same_v<T, Verdict> || std::is_same_v<T, SinkKind>;

// The type of column that holds values of T; nothing of lists, which have no column.
template <typename T>
struct ColumnOf {
  using Type = std::conditional_t<
      std::is_same_v<T, bool>, RunColumn::Flags,
      std::conditional_t<std::is_integral_v<T>, RunColumn::Integers,
                         std::conditional_t<std::is_floating_point_v<T>, RunColumn::Numbers,
                                            std::conditional_t<kIsName<T>, RunColumn::Texts, void>>>>;
};
template <typename T>
struct ColumnOf<std::optional<T>> : ColumnOf<T> {};

template <typename T>
void append(RunColumn& column, const T& value) {
  auto& values = std::get<typename ColumnOf<T>::Type>(column.values);
  if constexpr (kIsName<T>) {
    values.emplace_back(name_of(value));
  } else {
    values.push_back(value);
  }
  column.is_measured.push_back(1);
}

void append(RunColumn& column, std::string text) {
  std::get<RunColumn::Texts>(column.values).push_back(std::move(text));
  column.is_measured.push_back(1);
}

void append_nothing(RunColumn& column) {
  std::visit([](auto& values) { values.emplace_back(); }, column.values);
  column.is_measured.push_back(0);
}

template <typename T>
void append(RunColumn& column, const std::optional<T>& value) {
  value ? append(column, *value) : append_nothing(column);
}

// Fills a row from left to right.
class Row {
 public:
  explicit Row(std::span<RunColumn> columns) : columns_(columns) {}
  template <typename T>
  void put(const T& value) {
    append(columns_[next_++], value);
  }
  void put_nothing() { append_nothing(columns_[next_++]); }

 private:
  std::span<RunColumn> columns_;
  std::size_t next_ = 0;
};

Row begin_row(std::span<RunColumn> columns, const TableDocument& document, int position) {
  std::string bytes = document.token_bytes(position);  // throws where a damaged file has no such token
  Row row(columns);
  row.put(document.sequence);
  row.put(std::string(document.id));
  row.put(document.chunk);
  row.put(document.n_tokens);
  row.put(document.prompt_tokens);
  row.put(position);
  row.put(position + document.offset);
  row.put(document.tokens[static_cast<std::size_t>(position)]);
  const std::string hex = is_utf8(bytes) ? std::string() : hex_string(bytes);
  row.put(std::move(bytes));
  hex.empty() ? row.put_nothing() : row.put(hex);
  return row;
}

void add_run(std::span<RunColumn> columns, const TableDocument& document, const Run& run) {
  Row row = begin_row(columns, document, run.position);
  for_each_column(kRunFields, run, [&](const std::string&, const auto&, const auto& value) { row.put(value); });
}

// The columns of a run, as far as a primary has them.
void add_primary(std::span<RunColumn> columns, const TableDocument& document, const Primary& primary) {
  Run run;
  run.verdict = Verdict::kSink;
  run.kind = SinkKind::kPrimary;
  run.l_start = primary.birth_layer;
  run.l_end = primary.active_layers.empty() ? primary.birth_end : primary.active_layers.back().second;
  for (const auto& [first, last] : primary.active_layers) run.lifetime += last - first + 1;
  Row row = begin_row(columns, document, primary.position);
  for_each_column(kRunFields, run, [&](const std::string& name, const auto&, const auto& of_run) {
    if (std::ranges::find(kOfPrimary, name) != kOfPrimary.end()) {
      row.put(of_run);
      return;
    }
    bool found = false;
    for_each_column(kPrimaryFields, primary, [&](const std::string& of_primary, const auto&, const auto& value) {
      using Value = std::remove_cvref_t<decltype(value)>;
      if constexpr (std::is_same_v<typename ColumnOf<Value>::Type,
                                   typename ColumnOf<std::remove_cvref_t<decltype(of_run)>>::Type>) {
        if (found || of_primary != name) return;
        row.put(value);
        found = true;
      }
    });
    if (!found) row.put_nothing();
  });
}

}  // namespace

RunTable RunTable::of_runs() {
  RunTable table;
  table.columns_ = token_columns();
  for_each_column(kRunFields, Run(), [&](const std::string& name, const auto& field, const auto& value) {
    using Values = typename ColumnOf<std::remove_cvref_t<decltype(value)>>::Type;
    table.columns_.push_back(column_of(name, field.unit, field.help, Values()));
  });
  return table;
}

RunTable RunTable::of_flagged_tokens() {
  using Integers = RunColumn::Integers;
  RunTable table;
  table.columns_ = token_columns();
  table.columns_.push_back(column_of("label", "", "bos_sink, secondary, noise", RunColumn::Texts()));
  table.columns_.push_back(column_of("first_layer", "layer", "first that is flagged", Integers()));
  table.columns_.push_back(column_of("last_layer", "layer", "last that is flagged", Integers()));
  table.columns_.push_back(column_of("layers_flagged", "layers", "how many are", Integers()));
  return table;
}

void RunTable::add(const TableDocument& document, const Detection& detection, TableRows rows) {
  if (detection.primary) add_primary(columns_, document, *detection.primary);
  for (const Run& run : detection.runs) {
    if (rows == TableRows::kAllRuns || run.verdict == Verdict::kSink) add_run(columns_, document, run);
  }
}

void RunTable::add(const TableDocument& document, const PaperDetection& detection) {
  for (const PaperRun& run : detection.runs) {
    Row row = begin_row(columns_, document, run.position);
    row.put(run.label);
    row.put(run.first_layer);
    row.put(run.last_layer);
    row.put(run.layers_flagged);
  }
}

void RunTable::clear() {
  for (RunColumn& column : columns_) {
    std::visit([](auto& values) { values.clear(); }, column.values);
    column.is_measured.clear();
  }
}

}  // namespace sinkscope
