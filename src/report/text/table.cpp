#include "report/text/table.h"

#include <algorithm>
#include <numeric>
#include <ostream>

#include "base/display_text.h"

namespace sinkscope {
namespace {

constexpr int kGap = 2;  // columns between columns

}  // namespace

std::vector<int> Table::widths() const {
  std::vector<int> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    int width = std::max(display_width(columns_[c].top), display_width(columns_[c].bottom));
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  return widths;
}

int Table::width() const {
  const auto all = widths();
  return std::accumulate(all.begin(), all.end(), 0) + kGap * std::max(0, static_cast<int>(all.size()) - 1);
}

void Table::fit(int most) {
  while (width() > most && columns_.size() > 1) {
    // Of equally important columns the rightmost goes.
    const auto least = std::ranges::min_element(columns_.rbegin(), columns_.rend(), {}, &TableColumn::importance);
    const auto at = columns_.rend() - least - 1;
    columns_.erase(columns_.begin() + at);
    for (auto& row : rows_) row.erase(row.begin() + at);
  }
}

void Table::write_line(const std::string& indent, const std::vector<std::string>& cells, const std::vector<int>& widths,
                       std::ostream& out) const {
  std::string line = indent;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const std::string space(static_cast<std::size_t>(std::max(0, widths[c] - display_width(cells[c]))), ' ');
    if (c > 0) line.append(kGap, ' ');
    line += columns_[c].right ? space + cells[c] : cells[c] + space;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << '\n';
}

void Table::write(const std::string& indent, const Paint& paint, std::ostream& out) const {
  std::vector<std::string> top, bottom;
  for (const TableColumn& column : columns_) {
    top.push_back(column.top.empty() ? "" : paint.dim(column.top));
    bottom.push_back(paint.dim(column.bottom));
  }
  const auto all = widths();
  const bool two_lines = std::ranges::any_of(columns_, [](const TableColumn& column) { return !column.top.empty(); });
  if (two_lines) write_line(indent, top, all, out);
  write_line(indent, bottom, all, out);
  for (const auto& row : rows_) write_line(indent, row, all, out);
}

}  // namespace sinkscope
