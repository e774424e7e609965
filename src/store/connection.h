#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "levels/corpus.h"
#include "store/file_lock.h"
#include "store/profiles.h"
#include "store/records.h"
#include "store/sqlite.h"

namespace sinkscope {

// What a ScanFile holds open. The lock is released last: closing a descriptor of the file while SQLite has it open
// would drop SQLite's own locks.
struct SqliteConnection {
  FileLock lock;
  Database database;
  ModelRecord model;
  MeasurementOptions options;
  std::int64_t program_run = 0;  // 0: open for reading only
};

// Documents in the order of their ordinals, one a step. Used by readers and by verify, which must see damage as an
// Error of the one document and go on.
class DocumentReader {
 public:
  // ordinal  one document, or all
  DocumentReader(SqliteConnection& connection, std::optional<std::int64_t> ordinal);
  bool step() { return rows_.step(); }
  std::int64_t ordinal() const { return rows_.integer(0); }
  // throws  Error{kInput} if the present row is damaged
  StoredDocument read();

 private:
  SqliteConnection& connection_;
  Statement rows_;
  Statement origins_;
};

using VisitPlace = std::function<void(std::int64_t ordinal, const std::string& key, std::vector<Origin>&& origins)>;
void visit_places(SqliteConnection& connection, const VisitPlace& visit);
void visit_corpus(SqliteConnection& connection, const Thresholds& thresholds,
                  const std::function<void(CorpusDocument&&)>& visit);
// Names a document in messages: path, ordinal.
std::string document_label(const SqliteConnection& connection, std::int64_t ordinal);
std::vector<ProfileShape> read_profile_shapes(SqliteConnection& connection, std::int64_t ordinal);
ProfileArray read_profile(SqliteConnection& connection, std::int64_t ordinal, const std::string& name);
// throws  as read_profile; the array itself is not made
void check_profile_of(SqliteConnection& connection, std::int64_t ordinal, const ProfileShape& shape);
std::vector<std::string> verify_file(SqliteConnection& connection);

}  // namespace sinkscope
