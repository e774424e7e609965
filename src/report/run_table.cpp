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

std::vector<DataColumn> token_columns() {
  using Integers = DataColumn::Integers;
  using Texts = DataColumn::Texts;
  std::vector<DataColumn> columns;
  columns.push_back(data_column("sequence", "", "number of the text, from 0", Integers()));
  columns.push_back(data_column("id", "", "name of the document", Texts()));
  columns.push_back(data_column("chunk", "", "of the document, from 0, where it was divided", Integers()));
  columns.push_back(data_column("n_tokens", "tokens", "of the text, with BOS", Integers()));
  columns.push_back(data_column("prompt_tokens", "tokens", "how many of them are the prompt", Integers()));
  columns.push_back(data_column("position", "", "of the token in the text, from 0", Integers()));
  columns.push_back(data_column("document_position", "", "of the token in the whole document", Integers()));
  columns.push_back(data_column("token_id", "", "in the model's vocabulary", Integers()));
  columns.push_back(data_column("text", "", "what the token stands for", Texts()));
  columns.push_back(data_column("text_bytes", "", "the same in hexadecimal, where it is no UTF-8", Texts()));
  return columns;
}

template <typename T>
inline constexpr bool kIsName = std::is_same_v<T, Verdict> || std::is_same_v<T, SinkKind>;

// The type of column that holds values of T; nothing of lists, which have no column.
template <typename T>
struct ColumnOf {
  using Type = std::conditional_t<
      std::is_same_v<T, bool>, DataColumn::Flags,
      std::conditional_t<std::is_integral_v<T>, DataColumn::Integers,
                         std::conditional_t<std::is_floating_point_v<T>, DataColumn::Numbers,
                                            std::conditional_t<kIsName<T>, DataColumn::Texts, void>>>>;
};
template <typename T>
struct ColumnOf<std::optional<T>> : ColumnOf<T> {};

// A verdict or a kind is a text of its table.
template <typename T>
void put(DataRow& row, const T& value) {
  if constexpr (kIsName<T>) {
    row.put(name_of(value));
  } else {
    row.put(value);
  }
}

template <typename T>
void put(DataRow& row, const std::optional<T>& value) {
  if (value) {
    put(row, *value);
  } else {
    row.put_nothing();
  }
}

DataRow begin_row(DataTable& table, const TableDocument& document, int position) {
  std::string bytes = document.token_bytes(position);  // throws where a damaged file has no such token
  DataRow row = table.add_row();
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

void add_run(DataTable& table, const TableDocument& document, const Run& run) {
  DataRow row = begin_row(table, document, run.position);
  for_each_column(kRunFields, run, [&](const std::string&, const auto&, const auto& value) { put(row, value); });
}

// The columns of a run, as far as a primary has them.
void add_primary(DataTable& table, const TableDocument& document, const Primary& primary) {
  Run run;
  run.verdict = Verdict::kSink;
  run.kind = SinkKind::kPrimary;
  run.l_start = primary.birth_layer;
  run.l_end = primary.active_layers.empty() ? primary.birth_end : primary.active_layers.back().second;
  for (const auto& [first, last] : primary.active_layers) run.lifetime += last - first + 1;
  DataRow row = begin_row(table, document, primary.position);
  for_each_column(kRunFields, run, [&](const std::string& name, const auto&, const auto& of_run) {
    if (std::ranges::find(kOfPrimary, name) != kOfPrimary.end()) {
      put(row, of_run);
      return;
    }
    bool found = false;
    for_each_column(kPrimaryFields, primary, [&](const std::string& of_primary, const auto&, const auto& value) {
      using Value = std::remove_cvref_t<decltype(value)>;
      if constexpr (std::is_same_v<typename ColumnOf<Value>::Type,
                                   typename ColumnOf<std::remove_cvref_t<decltype(of_run)>>::Type>) {
        if (found || of_primary != name) return;
        put(row, value);
        found = true;
      }
    });
    if (!found) row.put_nothing();
  });
}

}  // namespace

RunTable RunTable::of_runs() {
  std::vector<DataColumn> columns = token_columns();
  for_each_column(kRunFields, Run(), [&](const std::string& name, const auto& field, const auto& value) {
    using Values = typename ColumnOf<std::remove_cvref_t<decltype(value)>>::Type;
    columns.push_back(data_column(name, field.unit, field.help, Values()));
  });
  return RunTable(std::move(columns));
}

RunTable RunTable::of_flagged_tokens() {
  using Integers = DataColumn::Integers;
  std::vector<DataColumn> columns = token_columns();
  columns.push_back(data_column("label", "", "bos_sink, secondary, noise", DataColumn::Texts()));
  columns.push_back(data_column("first_layer", "layer", "first that is flagged", Integers()));
  columns.push_back(data_column("last_layer", "layer", "last that is flagged", Integers()));
  columns.push_back(data_column("layers_flagged", "layers", "how many are", Integers()));
  return RunTable(std::move(columns));
}

void RunTable::add(const TableDocument& document, const Detection& detection, TableRows rows) {
  if (detection.primary) add_primary(*this, document, *detection.primary);
  for (const Run& run : detection.runs) {
    if (rows == TableRows::kAllRuns || run.verdict == Verdict::kSink) add_run(*this, document, run);
  }
}

void RunTable::add(const TableDocument& document, const PaperDetection& detection) {
  for (const PaperRun& run : detection.runs) {
    DataRow row = begin_row(*this, document, run.position);
    row.put(run.label);
    row.put(run.first_layer);
    row.put(run.last_layer);
    row.put(run.layers_flagged);
  }
}

}  // namespace sinkscope
