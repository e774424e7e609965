#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "report/text/terminal.h"

namespace sinkscope {

// Colours by meaning; plain text where the style has none.
class Paint {
 public:
  explicit Paint(const TerminalStyle& style) : colour_(style.colour) {}
  std::string bold(const std::string& text) const { return wrap("1", text); }
  std::string dim(const std::string& text) const { return wrap("2", text); }
  std::string token(const std::string& text) const { return wrap("1;36", text); }
  std::string primary(const std::string& text) const { return wrap("1;32", text); }
  std::string primary_like(const std::string& text) const { return wrap("33", text); }
  std::string secondary(const std::string& text) const { return wrap("1;35", text); }
  std::string unaligned(const std::string& text) const { return wrap("34", text); }
  std::string warning(const std::string& text) const { return wrap("33", text); }

 private:
  std::string wrap(const char* code, const std::string& text) const {
    return colour_ ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
  }
  bool colour_;
};

inline constexpr const char* kNotMeasured = "-";  // a cell's text where nothing was measured

struct TableColumn {
  std::string top, bottom;  // two lines of heading
  bool right = true;        // numbers are set against the right
  int importance = 0;       // columns of the smallest importance go first where the terminal is narrow
};

// Rows of cells that line up. Cells are displayable text, or colours of ours.
class Table {
 public:
  explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void set(std::size_t row, std::size_t column, std::string cell) { rows_.at(row).at(column) = std::move(cell); }
  // Leaves columns out until the table is at most `width` wide.
  void fit(int width);
  int width() const;
  void write(const std::string& indent, const Paint& paint, std::ostream& out) const;

 private:
  std::vector<int> widths() const;
  void write_line(const std::string& indent, const std::vector<std::string>& cells, const std::vector<int>& widths,
                  std::ostream& out) const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sinkscope
