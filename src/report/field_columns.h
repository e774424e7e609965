#pragma once

#include <string>
#include <string_view>

#include "sinks/fields.h"

namespace sinkscope {

// The columns that a record has in tables: one for each field, and one for each member of a group, with the group's
// prefix: visit(name, field, value of the record).
template <typename Fields, typename Record, typename Visit>
void for_each_column(const Fields& fields, const Record& record, const Visit& visit, std::string_view prefix = "") {
  for_each_field(fields, [&](const auto& field) {
    if constexpr (requires { field.fields; }) {
      for_each_column(field.fields, record.*field.member, visit, field.prefix);
    } else {
      visit(std::string(prefix) + std::string(field.name), field, record.*field.member);
    }
  });
}

}  // namespace sinkscope
