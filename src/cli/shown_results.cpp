#include "cli/shown_results.h"

#include <iostream>
#include <memory>
#include <vector>

#include "report/data/json.h"
#include "report/data/output_file.h"

namespace sinkscope {

void show_results(const ScanFile& file, const ReportOptions& options, const std::string& json,
                  const std::optional<TerminalStyle>& style) {
  std::unique_ptr<JudgedView> text;
  if (style && json != "-") text = terminal_view(file, options, *style, std::cout);
  std::vector<JudgedView*> views;
  if (text) views.push_back(text.get());
  if (json.empty()) {
    if (text) judge(file, options, views);
    return;
  }
  write_output(json, [&](std::ostream& out) {
    const auto document = json_view(file, options, out);
    views.push_back(document.get());
    judge(file, options, views);
  });
}

}  // namespace sinkscope
