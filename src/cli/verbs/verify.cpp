#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/words.h"
#include "cli/verbs/verb.h"
#include "report/data/output_file.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

struct VerifyOptions {
  std::string file;
  std::string json;
};

std::string as_json(const std::vector<std::string>& problems, std::int64_t n_documents) {
  nlohmann::ordered_json json;
  json["schema"] = "sinkscope.verify/1";
  json["sound"] = problems.empty();
  json["documents"] = n_documents;
  json["problems"] = problems;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

ExitCode verify(const VerifyOptions& options) {
  const ScanFile file = ScanFile::open(options.file);
  const std::vector<std::string> problems = file.verify();
  if (!options.json.empty()) {
    write_output(options.json, [&](std::ostream& out) { out << as_json(problems, file.n_documents()); });
  }
  if (options.json != "-") {
    for (const std::string& problem : problems) std::cout << problem << "\n";
    if (problems.empty()) {
      std::cout << fmt::format("{}: sound, {}, {}\n", options.file, count_of(file.n_documents(), "document"),
                               count_of(file.n_tokens(), "token"));
    }
  }
  if (problems.empty()) return ExitCode::kDone;
  throw Error(ErrorCode::kInput, fmt::format("'{}' is damaged in {}; scan again into a new file", options.file,
                                             count_of(std::ssize(problems), "place")));
}

}  // namespace

void register_verify(CLI::App& program, Action& action) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb = add_verb(program, action, "verify", "Check a results file from end to end",
                            "Reads everything and compares what must agree. Exit code 0: sound, 3: not.",
                            {{"sinkscope verify out.scan.db", "after a crash, or before a file is passed on"}},
                            [options] { return verify(*options); });
  verb.add_option("FILE", options->file, "A results file, written by scan -o")->required()->type_name("FILE");
  add_json_option(verb, options->json, MadeKind::kVerify);
}

}  // namespace sinkscope
