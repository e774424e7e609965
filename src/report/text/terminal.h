#pragma once

#include <iosfwd>
#include <memory>

#include "report/judged.h"

namespace sinkscope {

// How text for people is laid out.
struct TerminalStyle {
  int width = 100;  // columns
  bool colour = false;
  int max_rows = 40;      // of a table; 0: all
  int max_documents = 5;  // shown one by one; 0: all

  // What the file descriptor's terminal allows: its width; colours only on a terminal, without NO_COLOR and with a
  // TERM other than "dumb". What is no terminal gets 100 columns and no colours.
  static TerminalStyle of(int file_descriptor);
};

// The model of a results file, in two lines.
void write_model(const ModelRecord& model, const TerminalStyle& style, std::ostream& out);

// The results for people: the model, then for each document its first tokens, primary, sinks and counts.
//
// throws  as write_json
void write_terminal(const ScanFile& file, const ReportOptions& options, const TerminalStyle& style, std::ostream& out);
// The same as a view, for who judges a file for several outputs. The file and `out` must outlive it.
std::unique_ptr<JudgedView> terminal_view(const ScanFile& file, const ReportOptions& options,
                                          const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
