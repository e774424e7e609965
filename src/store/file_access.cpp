#include "store/file_access.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cctype>

namespace sinkscope {
namespace {

constexpr int kReadFlags = SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE;

// returns  SQLite's code
int try_to_read(const Database& database) {
  sqlite3_stmt* probe = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), "SELECT count(*) FROM sqlite_schema", -1, &probe, nullptr);
  sqlite3_finalize(probe);
  return code;
}

// A power cut may leave a change half made, with a journal that says what was there before. Only who may write can take
// it back, and what is in the file until then is nothing that was ever stored.
void take_back_unfinished(const std::string& path) {
  const Database database(sqlite_path(path), SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, path);
  if (try_to_read(database) == SQLITE_OK) return;
  throw Error(ErrorCode::kInput, fmt::format("{}: a change was being made when its machine stopped, and it cannot be "
                                             "taken back where the file cannot be written; read it once where it can",
                                             path));
}

}  // namespace

std::string sqlite_path(const std::string& path) { return path.starts_with('/') ? path : "./" + path; }

void check_size(const std::string& path, ErrorCode code) {
  constexpr off_t kSmallestPage_bytes = 512;
  struct stat status{};
  if (stat(path.c_str(), &status) == 0 && (status.st_size == 0 || status.st_size >= kSmallestPage_bytes)) return;
  throw Error(code, fmt::format("{}: expected a results file, got something else, which is left as it is; give another "
                                "path",
                                path));
}

void check_regular_file(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kInput, fmt::format("{}: expected a results file, found none; check the path", path));
  }
  check_size(path, ErrorCode::kInput);
}

Database open_for_reading(const std::string& path) {
  Database database(sqlite_path(path), kReadFlags, path);
  // A file that a killed scan left needs its write-ahead log merged in, which takes a writable folder; a whole one
  // can be read from anywhere if SQLite is told that nobody changes it.
  const int code = try_to_read(database);
  if (code == SQLITE_READONLY_ROLLBACK) {
    take_back_unfinished(path);
    return {sqlite_path(path), kReadFlags, path};
  }
  struct stat log{};
  const bool has_log = stat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0;
  const bool refused = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_READONLY;
  if (!refused || has_log) return database;
  std::string uri = "file:";
  for (const char c : sqlite_path(path)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '_' || c == '-';
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return {uri + "?immutable=1", kReadFlags | SQLITE_OPEN_URI, path};
}

}  // namespace sinkscope
