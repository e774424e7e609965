#pragma once

#include <string>

#include "store/records.h"
#include "store/sqlite.h"

namespace sinkscope {

// Results files say what they are in SQLite's own header: application_id "SINK" and user_version, the layout.
inline constexpr std::int64_t kApplicationId = 0x53494E4B;
inline constexpr std::int64_t kLayout = 7;
// Imported records are another kind of file: "SINI".
inline constexpr std::int64_t kImportApplicationId = 0x53494E49;

// Tables of the effects of edits, made when the first is kept. The key of an edit is the SHA-256 of its specification.
inline constexpr const char* kEffectTables = R"sql(
CREATE TABLE IF NOT EXISTS edits (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  specification TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS edit_effects (
  id INTEGER PRIMARY KEY,
  edit INTEGER NOT NULL REFERENCES edits (id),
  document INTEGER NOT NULL REFERENCES documents (ordinal),
  data BLOB NOT NULL,
  UNIQUE (edit, document)
) STRICT;
)sql";

// Detectors, made when the first is kept. The key is the SHA-256 of its specification.
inline constexpr const char* kDetectorTable = R"sql(
CREATE TABLE IF NOT EXISTS detectors (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  specification TEXT NOT NULL,
  data BLOB NOT NULL
) STRICT;
)sql";

// True for a file without any table, as SQLite leaves it if its maker dies early.
bool is_blank(Database& database);
// Makes all tables and writes what the whole file shares, in one transaction.
void create_layout(Database& database, const ModelRecord& model, const MeasurementOptions& options);
// throws  Error{kInput} unless the tables are those that create_layout makes, and no others
void check_layout(Database& database);
// throws  Error{kInput} if what is stored makes no sense
ModelRecord read_model(Database& database);
MeasurementOptions read_options(Database& database);
// returns  the id under which documents name this run
std::int64_t insert_program_run(Database& database, const ProgramRun& run);
std::int64_t find_or_insert_program_run(Database& database, const ProgramRun& run);

}  // namespace sinkscope
