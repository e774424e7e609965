#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "sinks/detection.h"

namespace sinkscope {

// One column: a value a row.
struct RunColumn {
  using Integers = std::vector<std::int64_t>;
  using Numbers = std::vector<float>;
  using Flags = std::vector<std::uint8_t>;  // 0 or 1
  using Texts = std::vector<std::string>;   // bytes: those of tokens and names may be no UTF-8

  std::string name, unit, help;
  std::variant<Integers, Numbers, Flags, Texts> values;  // [n_rows]
  std::vector<std::uint8_t> is_measured;                 // [n_rows] where 0, the value means nothing
};

// What the rows of one document have in common.
struct TableDocument {
  std::int64_t sequence = 0;  // its number, from 0
  std::string_view id;
  std::optional<int> chunk;
  std::int64_t offset = 0;  // position in the whole document = position + this
  int n_tokens = 0, prompt_tokens = 0;
  std::span<const TokenId> tokens;
  std::function<std::string(int position)> token_bytes;
};

// Which runs become rows.
enum class TableRows { kSinks, kAllRuns };

// The one table of runs, column after column: one row a primary and one a run, in the order of the detection. CSV and
// data frames are made of it. Columns are those of the token, then kRunFields; a primary has values in those columns
// whose names kPrimaryFields has too, and of verdict, kind, l_start, l_end and lifetime.
class RunTable {
 public:
  // By the evidence rule.
  static RunTable of_runs();
  // By the rule of the paper's public code.
  static RunTable of_flagged_tokens();

  void add(const TableDocument& document, const Detection& detection, TableRows rows);  // to a table of_runs
  void add(const TableDocument& document, const PaperDetection& detection);  // to a table of_flagged_tokens
  // Takes all rows away.
  void clear();

  std::size_t n_rows() const { return columns_.front().is_measured.size(); }
  std::span<const RunColumn> columns() const { return columns_; }

 private:
  std::vector<RunColumn> columns_;
};

}  // namespace sinkscope
