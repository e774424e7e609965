#include "report/page/page.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <ostream>

#include "base/encodings.h"
#include "base/error.h"
#include "base/sha256.h"
#include "report/page/block.h"
#include "report/page/bundle.h"
#include "report/page/scan_data.h"

namespace sinkscope {
namespace {

// What a content security policy calls an inline script or style sheet by.
std::string policy_hash(std::string_view text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return "'sha256-" + base64(sha.digest()) + "'";
}

template <typename Write>
void write_block(std::ostream& out, std::string_view id, const Write& write) {
  out << "<script type=\"application/octet-stream\" id=\"" << id << "\">";
  write();
  out << "</script>\n";
}

void write_opening(std::span<const NamedScan> scans, std::ostream& out) {
  std::string title = "sinkscope";
  for (const NamedScan& scan : scans) title += " \u00b7 " + scan.file->model().facts.name;
  out << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src "
      << policy_hash(bundle_script()) << "; style-src " << policy_hash(bundle_style())
      << "; img-src data: blob:; base-uri 'none'; form-action 'none'\">\n"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      << "<meta name=\"color-scheme\" content=\"light dark\">\n"
      << "<meta name=\"referrer\" content=\"no-referrer\">\n"
      << "<title>" << escaped_xml(title) << "</title>\n<style>" << bundle_style() << "</style>\n</head>\n<body>\n"
      << "<noscript>This report draws its data with a script that is part of this file. Allow scripts to see it, or "
         "print the same results with sinkscope show.</noscript>\n<div id=\"app\"></div>\n";
}

}  // namespace

std::vector<Overview> write_html(std::span<const NamedScan> scans, const HtmlOptions& options, std::ostream& out) {
  for (const NamedScan& scan : scans) check_answerable(*scan.file, options.report);
  Spool index;
  std::ostream index_text(&index);
  index_text.exceptions(std::ios::badbit);  // so that the spool's errors come through
  std::vector<std::unique_ptr<DocumentBlocks>> blocks;
  std::vector<Overview> overviews;
  index_text << "{\"schema\":\"sinkscope.report/1\",\"scans\":[";
  for (std::size_t i = 0; i < scans.size(); ++i) {
    if (i > 0) index_text << ',';
    blocks.push_back(std::make_unique<DocumentBlocks>(scans[i], options));
    overviews.push_back(write_scan_data(scans[i], static_cast<int>(i), options, *blocks.back(), index_text));
  }
  index_text << "]}";
  write_opening(scans, out);
  write_block(out, "index", [&] { Block::pack_head(index, out); });
  for (std::size_t i = 0; i < scans.size(); ++i) {
    for (std::size_t d = 0; d < blocks[i]->size(); ++d) {
      write_block(out, document_block_id(static_cast<int>(i), d), [&] { blocks[i]->write(d, out); });
    }
  }
  out << "<script>" << bundle_script() << "</script>\n</body>\n</html>\n";
  if (!out.flush()) throw Error(ErrorCode::kOutput, "HTML: writing failed; check the free space");
  return overviews;
}

}  // namespace sinkscope
