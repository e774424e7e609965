#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "report/data_table.h"
#include "sinks/detection.h"

namespace sinkscope {

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
class RunTable : public DataTable {
 public:
  // By the evidence rule.
  static RunTable of_runs();
  // By the rule of the paper's public code.
  static RunTable of_flagged_tokens();

  void add(const TableDocument& document, const Detection& detection, TableRows rows);  // to a table of_runs
  void add(const TableDocument& document, const PaperDetection& detection);  // to a table of_flagged_tokens

 private:
  using DataTable::DataTable;
};

}  // namespace sinkscope
