#include "store/detector_rows.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/sha256.h"
#include "store/connection.h"
#include "store/detector_blob.h"
#include "store/scan_file.h"
#include "store/scan_layout.h"

namespace sinkscope {
namespace {

bool has_detectors(Database& database) {
  return database.number("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'detectors'") > 0;
}

KeptDetector detector_from(SqliteConnection& connection, std::int64_t id, std::span<const std::byte> bytes) {
  const ModelFacts& facts = connection.model.facts;
  const DetectorFile file{connection.database.number("SELECT count(*) FROM documents"), facts.n_layers, facts.d_model};
  return decode_detector(bytes, file, fmt::format("{}: detector {}", connection.database.shown(), id));
}

}  // namespace

DetectorRows::DetectorRows(const ScanFile& file) : connection_(*file.connection_) {}

std::optional<KeptDetector> DetectorRows::find(const std::string& specification) const {
  if (!has_detectors(connection_.database)) return std::nullopt;
  Statement row(connection_.database, "SELECT id, data FROM detectors WHERE key = ?");
  if (!row.bind(1, sha256_of_text(specification)).step()) return std::nullopt;
  return detector_from(connection_, row.integer(0), row.blob(1));
}

void DetectorRows::put(const std::string& specification, const KeptDetector& detector) {
  const std::vector<std::byte> bytes = encode_detector(detector);
  Database& database = connection_.database;
  Transaction transaction(database);
  database.execute(kDetectorTable);
  Statement(database,
            "INSERT INTO detectors (key, specification, data) VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET data = excluded.data")
      .bind(1, sha256_of_text(specification))
      .bind(2, specification)
      .bind(3, std::span(bytes))
      .run();
  transaction.commit();
}

std::vector<std::string> DetectorRows::specifications() const {
  std::vector<std::string> specifications;
  if (!has_detectors(connection_.database)) return specifications;
  Statement rows(connection_.database, "SELECT specification FROM detectors ORDER BY id");
  while (rows.step()) specifications.push_back(rows.text(0));
  return specifications;
}

std::vector<std::string> verify_detectors(SqliteConnection& connection) {
  std::vector<std::string> wrong;
  Database& database = connection.database;
  if (!has_detectors(database)) return wrong;
  Statement rows(database, "SELECT id, key, specification, data FROM detectors ORDER BY id");
  while (rows.step()) {
    try {
      if (rows.text(1) != sha256_of_text(rows.text(2))) {
        wrong.push_back(fmt::format("{}: detector {}: its key is not that of its specification", database.shown(), rows.integer(0)));
      }
      shared_detector(rows.text(2));
      detector_from(connection, rows.integer(0), rows.blob(3));
    } catch (const Error& error) {
      wrong.emplace_back(error.what());
    }
  }
  return wrong;
}

}  // namespace sinkscope
