#include "store/schema.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <tuple>

#include "base/display_text.h"

namespace sinkscope {
namespace {

// Kind, name and table of everything that a schema holds, with the text that made it. Indices that SQLite makes by
// itself have none.
using Schema = std::map<std::tuple<std::string, std::string, std::string>, std::string>;

constexpr const char* kSchema = "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema";

Schema schema_of(std::string_view statements) {
  Database database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_CREATE, "tables in memory");
  database.execute(std::string(statements).c_str());
  Schema schema;
  Statement rows(database, kSchema);
  while (rows.step()) schema[{rows.text(0), rows.text(1), rows.text(2)}] = rows.text(3);
  return schema;
}

}  // namespace

void check_schema(Database& database, std::string_view required, std::string_view optional) {
  Schema expected = schema_of(required);
  const Schema may_be = optional.empty() ? Schema() : schema_of(std::string(required).append(optional));
  Statement rows(database, kSchema);
  while (rows.step()) {
    const std::string kind = rows.text(0), name = rows.text(1), text = rows.text(3);
    const auto of = [&](const Schema& schema) {
      const auto found = schema.find({kind, name, rows.text(2)});
      return found != schema.end() && found->second == text;
    };
    if (!of(expected) && !of(may_be)) {
      database.fail_damaged(fmt::format("its {} '{}' is not one that sinkscope makes", displayable(kind),
                                        clip_end(displayable(name), 40)));
    }
    expected.erase({kind, name, rows.text(2)});
  }
  if (expected.empty()) return;
  const auto& [kind, name, table] = expected.begin()->first;
  database.fail_damaged(fmt::format("it has no {} '{}'", kind, name));
}

}  // namespace sinkscope
