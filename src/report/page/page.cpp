#include "report/page/page.h"

#include <fmt/format.h>

#include <array>
#include <ostream>
#include <sstream>

#include "base/encodings.h"
#include "base/error.h"
#include "base/sha256.h"
#include "report/page/block.h"
#include "report/page/bundle.h"
#include "report/page/document_data.h"
#include "report/page/scan_data.h"

namespace sinkscope {
namespace {

// What a content security policy calls an inline script or style sheet by.
std::string policy_hash(std::string_view text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return "'sha256-" + base64(sha.digest()) + "'";
}

void write_block(std::ostream& out, std::string_view id, std::string_view packed) {
  out << "<script type=\"application/octet-stream\" id=\"" << id << "\">" << packed << "</script>\n";
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

void write_html(std::span<const NamedScan> scans, const HtmlOptions& options, std::ostream& out) {
  check_evidence_rule(options.report, "report");
  for (const NamedScan& scan : scans) check_answerable(*scan.file, options.report);
  write_opening(scans, out);
  std::string index;
  std::vector<ScanData> all;
  for (std::size_t i = 0; i < scans.size(); ++i) {
    all.push_back(scan_data(scans[i], static_cast<int>(i), options));
    index += (i == 0 ? "" : ",") + all.back().json;
  }
  write_block(out, "index", Block().packed("{\"schema\":\"sinkscope.report/1\",\"scans\":[" + index + "]}"));
  for (std::size_t i = 0; i < scans.size(); ++i) {
    std::size_t number = 0;
    scans[i].file->for_each_document([&](const StoredDocument& document) {
      write_block(out, document_block_id(static_cast<int>(i), number),
                  document_block(*scans[i].file, document, options, all[i].has_detail.at(number)));
      ++number;
    });
  }
  out << "<script>" << bundle_script() << "</script>\n</body>\n</html>\n";
  if (!out.flush()) throw Error(ErrorCode::kOutput, "HTML: writing failed; check the free space");
}

}  // namespace sinkscope
