#include "store/effect_rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/index.h"
#include "base/sha256.h"
#include "impact/protection_store.h"
#include "store/ablation_rows.h"
#include "store/connection.h"
#include "store/head_reach_rows.h"
#include "store/protection_rows.h"
#include "store/scan_file.h"
#include "store/scan_layout.h"

namespace sinkscope {
namespace {

bool has_tables(Database& database) {
  return database.number("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'edit_effects'") > 0;
}

StoredEffects stored_effects(const SqliteConnection& connection, std::int64_t ordinal, std::int64_t n_tokens,
                             std::span<const std::byte> bytes) {
  return {{bytes.begin(), bytes.end()},
          ordinal,
          n_tokens,
          index(connection.model.facts.n_layers),
          document_label(connection, ordinal) + ": an edit's effects"};
}

}  // namespace

EffectRows::EffectRows(const ScanFile& file) : connection_(*file.connection_) {}

std::optional<StoredEffects> EffectRows::find(const std::string& specification, std::int64_t ordinal) const {
  if (!has_tables(connection_.database)) return std::nullopt;
  Statement row(connection_.database,
                "SELECT data, n_tokens FROM edit_effects JOIN edits ON edits.id = edit "
                "JOIN documents ON ordinal = document WHERE edits.key = ? AND document = ?");
  if (!row.bind(1, sha256_of_text(specification)).bind(2, ordinal).step()) return std::nullopt;
  return stored_effects(connection_, ordinal, row.integer(1), row.blob(0));
}

void EffectRows::add(std::int64_t ordinal, const std::vector<Added>& rows) {
  Database& database = connection_.database;
  Transaction transaction(database);
  database.execute(kEffectTables);
  for (const auto& [specification, bytes] : rows) {
    const std::string key = sha256_of_text(specification);
    Statement(database, "INSERT INTO edits (key, specification) VALUES (?, ?) ON CONFLICT (key) DO NOTHING")
        .bind(1, key)
        .bind(2, specification)
        .run();
    Statement(database, "INSERT INTO edit_effects (edit, document, data) SELECT id, ?, ? FROM edits WHERE key = ?")
        .bind(1, ordinal)
        .bind(2, std::span(bytes))
        .bind(3, key)
        .run();
  }
  transaction.commit();
}

std::vector<std::string> EffectRows::specifications() const {
  std::vector<std::string> specifications;
  if (!has_tables(connection_.database)) return specifications;
  Statement rows(connection_.database, "SELECT specification FROM edits ORDER BY id");
  while (rows.step()) specifications.push_back(rows.text(0));
  return specifications;
}

void check_effects(const std::string& specification, const StoredEffects& stored) {
  if (is_protection(specification)) {
    protection_from(specification, stored);
  } else if (is_reach(specification)) {
    reach_from(specification, stored);
  } else {
    ablation_from(stored);
  }
}

std::vector<std::string> verify_effects(SqliteConnection& connection) {
  std::vector<std::string> wrong;
  Database& database = connection.database;
  if (!has_tables(database)) return wrong;
  Statement edits(database, "SELECT id, key, specification FROM edits ORDER BY id");
  while (edits.step()) {
    if (edits.text(1) == sha256_of_text(edits.text(2))) continue;
    wrong.push_back(
        fmt::format("{}: edit {}: its key is not that of its specification", database.shown(), edits.integer(0)));
  }
  Statement rows(database,
                 "SELECT document, n_tokens, data, specification FROM edit_effects "
                 "JOIN documents ON ordinal = document JOIN edits ON edits.id = edit ORDER BY edit_effects.id");
  while (rows.step()) {
    try {
      check_effects(rows.text(3), stored_effects(connection, rows.integer(0), rows.integer(1), rows.blob(2)));
    } catch (const Error& error) {
      wrong.emplace_back(error.what());
    }
  }
  return wrong;
}

}  // namespace sinkscope
