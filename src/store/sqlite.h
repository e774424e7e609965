#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sinkscope {

// A connection to an SQLite file whose errors are ours.
//
// Every call throws Error: kOutput where writing failed (full, locked, not writable), kInput where the file is
// damaged or cannot be read, kInternal for a statement that is wrong.
class Database {
 public:
  // flags  of sqlite3_open_v2
  // shown  the path as messages name it
  Database(const std::string& path, int flags, std::string shown);

  void execute(const char* sql);
  // Runs sql and gives the first column of its first row.
  std::int64_t number(const char* sql);
  sqlite3* handle() const { return handle_.get(); }
  const std::string& shown() const { return shown_; }
  [[noreturn]] void fail(int code) const;
  [[noreturn]] void fail_full(const std::string& why) const;
  // throws  Error{kInput} "path is damaged; detail; ..."
  [[noreturn]] void fail_damaged(const std::string& detail) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string shown_;
  bool writing_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement. Parameters are numbered from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, int value) { return bind(parameter, static_cast<std::int64_t>(value)); }
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, const std::string& text) { return bind(parameter, std::string_view(text)); }
  Statement& bind(int parameter, const char* text) { return bind(parameter, std::string_view(text)); }
  Statement& bind(int parameter, std::span<const std::byte> blob);
  Statement& bind_null(int parameter);
  template <typename T>
  Statement& bind(int parameter, const std::optional<T>& value) {
    return value.has_value() ? bind(parameter, *value) : bind_null(parameter);
  }

  // returns  whether there is a row
  bool step();
  // Runs a statement that gives no rows, and makes it ready for other parameters.
  void run();
  void reset();

  // Columns of the present row. throws  Error{kInput} if the column is of another type
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  int small(int column) const;  // an integer that fits an int
  std::string text(int column) const;
  std::span<const std::byte> blob(int column) const;  // valid until the next step

 private:
  void expect(int column, int type) const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// All or nothing: what is not committed when it goes out of scope is undone.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace sinkscope
