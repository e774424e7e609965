#include "store/explained_rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/index.h"
#include "store/bytes.h"
#include "store/connection.h"
#include "store/explanation_blob.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

std::size_t layers_of(const SqliteConnection& connection) { return index(connection.model.facts.n_layers); }

std::string row_label(const SqliteConnection& connection, std::int64_t ordinal) {
  return document_label(connection, ordinal) + ": its explanation";
}

std::string map_label(const SqliteConnection& connection, std::int64_t map) {
  return fmt::format("{}: map {}", connection.database.shown(), map);
}

SequenceExplanation read_row(const SqliteConnection& connection, std::int64_t ordinal, std::int64_t n_tokens,
                             std::span<const std::byte> bytes) {
  const std::string label = row_label(connection, ordinal);
  SequenceExplanation explanation = decode_explanation(bytes, layers_of(connection), label);
  if (explanation.n_tokens != n_tokens) ByteReader(bytes, label).fail("it is of another document");
  explanation.ordinal = ordinal;
  return explanation;
}

std::vector<NamedOption> read_named(Database& database) {
  std::vector<NamedOption> named;
  Statement rows(database, "SELECT name, value FROM explain_options ORDER BY id");
  while (rows.step()) named.emplace_back(rows.text(0), rows.text(1));
  return named;
}

}  // namespace

ExplainedRows::ExplainedRows(const ScanFile& file) : connection_(*file.connection_) {}

std::optional<ExplainRequest> ExplainedRows::request() const {
  const std::vector<NamedOption> named = read_named(connection_.database);
  if (named.empty()) return std::nullopt;
  try {
    return explain_request_from_names(named);
  } catch (const Error& error) {
    connection_.database.fail_damaged(error.what());
  }
}

std::optional<OptionDifference> ExplainedRows::begin(const ExplainRequest& request) {
  const auto stored = this->request();
  const auto difference = stored ? first_explain_difference(*stored, request) : std::nullopt;
  Database& database = connection_.database;
  Transaction transaction(database);
  if (difference) database.execute("DELETE FROM explanations; DELETE FROM maps");
  database.execute("DELETE FROM explain_options");
  {
    Statement insert(database, "INSERT INTO explain_options (name, value) VALUES (?, ?)");
    for (const auto& [name, value] : named_explain_options(request)) insert.bind(1, name).bind(2, value).run();
  }
  transaction.commit();
  return difference;
}

std::int64_t ExplainedRows::n_sequences() const {
  return connection_.database.number("SELECT count(*) FROM explanations");
}

std::optional<SequenceExplanation> ExplainedRows::find(std::int64_t ordinal) const {
  Statement row(connection_.database,
                "SELECT data, n_tokens FROM explanations JOIN documents ON ordinal = document WHERE document = ?");
  if (!row.bind(1, ordinal).step()) return std::nullopt;
  return read_row(connection_, ordinal, row.integer(1), row.blob(0));
}

void ExplainedRows::add(const SequenceExplanation& explanation) {
  const auto bytes = encode_explanation(explanation);
  Transaction transaction(connection_.database);
  connection_.database.execute("DELETE FROM maps");
  Statement(connection_.database, "INSERT INTO explanations VALUES (?, ?)")
      .bind(1, explanation.ordinal)
      .bind(2, std::span(bytes))
      .run();
  transaction.commit();
}

void ExplainedRows::replace(const SequenceExplanation& explanation) {
  const auto bytes = encode_explanation(explanation);
  Statement(connection_.database, "UPDATE explanations SET data = ? WHERE document = ?")
      .bind(1, std::span(bytes))
      .bind(2, explanation.ordinal)
      .run();
}

std::vector<LayerMap> ExplainedRows::maps() const {
  Statement rows(connection_.database, "SELECT id, data FROM maps ORDER BY id");
  std::vector<LayerMap> maps;
  while (rows.step()) {
    maps.push_back(decode_map(rows.blob(1), layers_of(connection_), map_label(connection_, rows.integer(0))));
  }
  return maps;
}

void ExplainedRows::set_maps(std::span<const LayerMap> maps) {
  Transaction transaction(connection_.database);
  connection_.database.execute("DELETE FROM maps");
  {
    Statement insert(connection_.database, "INSERT INTO maps (data) VALUES (?)");
    for (const LayerMap& map : maps) {
      const auto bytes = encode_map(map);
      insert.bind(1, std::span(bytes)).run();
    }
  }
  transaction.commit();
}

std::vector<std::string> verify_explained(SqliteConnection& connection) {
  std::vector<std::string> wrong;
  const auto check = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      wrong.emplace_back(error.what());
    }
  };
  Database& database = connection.database;
  const std::vector<NamedOption> named = read_named(database);
  const std::int64_t n_rows =
      database.number("SELECT (SELECT count(*) FROM explanations) + (SELECT count(*) FROM maps)");
  if (n_rows > 0 || !named.empty()) {
    check([&] { explain_request_from_names(named); });
  }
  Statement rows(database,
                 "SELECT document, n_tokens, data FROM explanations JOIN documents ON ordinal = document "
                 "ORDER BY document");
  while (rows.step()) {
    check([&] { read_row(connection, rows.integer(0), rows.integer(1), rows.blob(2)); });
  }
  Statement maps(database, "SELECT id, data FROM maps ORDER BY id");
  while (maps.step()) {
    check([&] { decode_map(maps.blob(1), layers_of(connection), map_label(connection, maps.integer(0))); });
  }
  return wrong;
}

}  // namespace sinkscope
