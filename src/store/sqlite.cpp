#include "store/sqlite.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr int kBusyTimeout_ms = 5000;

// More than any statement of ours needs, and much less than SQLite allows.
constexpr std::pair<int, int> kLimits[] = {
    {SQLITE_LIMIT_SQL_LENGTH, 100'000}, {SQLITE_LIMIT_COLUMN, 100},
    {SQLITE_LIMIT_EXPR_DEPTH, 20},      {SQLITE_LIMIT_COMPOUND_SELECT, 3},
    {SQLITE_LIMIT_FUNCTION_ARG, 8},     {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 16}, {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
};

const char* type_name(int type) {
  switch (type) {
    case SQLITE_INTEGER:
      return "an integer";
    case SQLITE_TEXT:
      return "text";
    case SQLITE_BLOB:
      return "bytes";
    case SQLITE_FLOAT:
      return "a fraction";
    default:
      return "nothing";
  }
}

// Whether the file, or the log beside it, is about as large as this process may make one. SQLite forgets the system's
// reason when it cleans up.
bool is_at_size_limit(sqlite3* database) {
  constexpr std::uintmax_t kOneWrite = 1 << 16;
  rlimit limit{};
  const char* path = database ? sqlite3_db_filename(database, "main") : nullptr;
  if (!path || *path == '\0' || getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  for (const char* suffix : {"", "-wal", "-journal"}) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(std::string(path) + suffix, error);
    if (!error && size + kOneWrite >= limit.rlim_cur) return true;
  }
  return false;
}

// No value of a file is longer than the file and its log. A scan that goes on may add longer ones while it is read.
int longest_value(sqlite3* database) {
  constexpr std::uintmax_t kLeast = std::uintmax_t{64} << 20, kMost = 1'000'000'000;  // which is SQLite's own
  std::uintmax_t bytes = 0;
  const char* path = sqlite3_db_filename(database, "main");
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    const std::uintmax_t size = path ? std::filesystem::file_size(std::string(path) + suffix, error) : 0;
    if (!error) bytes += size;
  }
  return static_cast<int>(std::clamp(bytes, kLeast, kMost));
}

}  // namespace

Database::Database(const std::string& path, int flags, std::string shown)
    : shown_(std::move(shown)), writing_((flags & SQLITE_OPEN_READWRITE) != 0) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeout_ms);
  // Results files come from anywhere: nothing in their schema may run code or touch other files, and nothing in their
  // pages is taken for what it should be.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  for (const auto& [limit, most] : kLimits) sqlite3_limit(handle, limit, most);
  if (!writing_) sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, longest_value(handle));
  execute("PRAGMA cell_size_check = ON");
}

void Database::execute(const char* sql) {
  if (const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

std::int64_t Database::number(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::fail(int code) const {
  const char* said = handle_ ? sqlite3_errmsg(handle()) : sqlite3_errstr(code);
  const ErrorCode kind = writing_ ? ErrorCode::kOutput : ErrorCode::kInput;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      fail_full("the disk is full");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(kind,
                  fmt::format("{}: locked by another program; wait until it is done, or use another file", shown_));
    case SQLITE_NOTADB:
      throw Error(kind, fmt::format("{}: expected a results file, got something else, which is left as it is; give "
                                    "another path",
                                    shown_));
    case SQLITE_CORRUPT:
      fail_damaged(said);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      throw Error(kind, fmt::format("{}: cannot be {}; {}; check the path and its permissions", shown_,
                                    writing_ ? "written" : "read", said));
    case SQLITE_IOERR: {
      const int reason = handle_ ? sqlite3_system_errno(handle()) : 0;
      if (writing_ && (reason == ENOSPC || reason == EDQUOT)) fail_full("the disk is full");
      if (writing_ && (reason == EFBIG || is_at_size_limit(handle_.get())))
        fail_full("a file must not become so large here (ulimit -f, or the file system)");
      throw Error(kind, fmt::format("{}: {} failed; {}{}; check the disk", shown_, writing_ ? "writing" : "reading",
                                    said, reason != 0 ? fmt::format(" ({})", std::strerror(reason)) : ""));
    }
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      throw Error(kind, fmt::format("{}: {} failed; {}", shown_, writing_ ? "writing" : "reading", said));
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      // Our statements fit our tables: those of the file do not look as they should.
      fail_damaged(said);
    case SQLITE_AUTH:
    case SQLITE_FORMAT:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
      throw Error(kind, fmt::format("{}: {} failed; {}", shown_, writing_ ? "writing" : "reading", said));
    default:
      throw Error(ErrorCode::kInternal, fmt::format("{}: SQLite says {} ({})", shown_, said, code));
  }
}

void Database::fail_full(const std::string& why) const {
  throw Error(ErrorCode::kOutput,
              fmt::format("{}: {}; make room and run the same command again", shown_, why));
}

void Database::fail_damaged(const std::string& detail) const {
  throw Error(ErrorCode::kInput,
              fmt::format("{} is damaged; {}; `sinkscope verify` says what is wrong, scan again into a new file",
                          shown_, detail));
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail(code);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_.get(), parameter, value); code != SQLITE_OK) database_.fail(code);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter, text.empty() ? "" : text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.fail(code);
  return *this;
}

Statement& Statement::bind(int parameter, std::span<const std::byte> blob) {
  // A null pointer would bind NULL, so an empty blob needs an address.
  const void* bytes = blob.empty() ? static_cast<const void*>("") : blob.data();
  const int code = sqlite3_bind_blob64(statement_.get(), parameter, bytes, blob.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) database_.fail(code);
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  if (const int code = sqlite3_bind_null(statement_.get(), parameter); code != SQLITE_OK) database_.fail(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_.fail(code);
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

void Statement::expect(int column, int type) const {
  const int got = sqlite3_column_type(statement_.get(), column);
  if (got == type) return;
  database_.fail_damaged(fmt::format("column {} holds {}, expected {}", sqlite3_column_name(statement_.get(), column),
                                     type_name(got), type_name(type)));
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

std::int64_t Statement::integer(int column) const {
  expect(column, SQLITE_INTEGER);
  return sqlite3_column_int64(statement_.get(), column);
}

int Statement::small(int column) const {
  const std::int64_t value = integer(column);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    database_.fail_damaged(
        fmt::format("column {} holds {}, which is out of range", sqlite3_column_name(statement_.get(), column), value));
  }
  return static_cast<int>(value);
}

std::string Statement::text(int column) const {
  expect(column, SQLITE_TEXT);
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) database_.fail(SQLITE_NOMEM);
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::span<const std::byte> Statement::blob(int column) const {
  expect(column, SQLITE_BLOB);
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  if (bytes == nullptr && sqlite3_errcode(database_.handle()) == SQLITE_NOMEM) database_.fail(SQLITE_NOMEM);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {static_cast<const std::byte*>(bytes), size};
}

Transaction::Transaction(Database& database) : database_(database) { database.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  // SQLite has rolled back already after some errors; a failure here has nobody to tell.
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace sinkscope
