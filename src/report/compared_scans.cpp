#include "report/compared_scans.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/words.h"
#include "report/judged.h"

namespace sinkscope {
namespace {

// Where a text came from, as one word.
std::string place_of(const Origin& origin) {
  return origin.chunk ? fmt::format("{} chunk {}", origin.id, *origin.chunk) : origin.id;
}

class OtherFile {
 public:
  OtherFile(const ScanFile& file, std::string name) : file_(file), name_(std::move(name)) {
    file.for_each_place([&](std::int64_t ordinal, const std::string& key, std::vector<Origin>&& origins) {
      ordinals_.emplace(key, ordinal);
      for (const Origin& origin : origins) {
        if (!origin.id.empty()) keys_.emplace(place_of(origin), key);
      }
    });
  }

  std::optional<StoredDocument> take(const StoredDocument& document, const std::string& first_name) {
    if (const auto found = ordinals_.find(document.key); found != ordinals_.end()) {
      ++n_taken_;
      return file_.document(found->second);
    }
    for (const Origin& origin : document.origins) {
      if (!origin.id.empty() && keys_.contains(place_of(origin))) {
        throw Error(ErrorCode::kInput,
                    fmt::format("{}: expected the tokens that '{}' has in {}, got others; compare scans of one text by "
                                "models of one tokenizer, read with the same --bos, --special, --chat and --chunk",
                                name_, origin.id, first_name));
      }
    }
    return std::nullopt;
  }
  std::int64_t n_left() const { return static_cast<std::int64_t>(ordinals_.size()) - n_taken_; }

 private:
  const ScanFile& file_;
  std::string name_;
  std::map<std::string, std::int64_t> ordinals_;
  std::map<std::string, std::string> keys_;  // by place
  std::int64_t n_taken_ = 0;
};

void check_comparable(const ScanFile& before, const std::string& before_name, const ScanFile& after,
                      const std::string& after_name) {
  const auto expect_equal = [&](const char* what, auto first, auto second) {
    if (first == second) return;
    throw Error(ErrorCode::kInput, fmt::format("{}: expected {} as in {}, {}, got {}", after_name, what, before_name,
                                               first, second));
  };
  expect_equal("as many layers", before.model().facts.n_layers, after.model().facts.n_layers);
  expect_equal("min_distance", before.options().min_distance, after.options().min_distance);
}

// How much was kept, and which rule is asked for first, changes no figure.
std::vector<OptionDifference> measured_otherwise(const ScanFile& before, const ScanFile& after) {
  std::vector<OptionDifference> differences = option_differences(before.options(), after.options());
  std::erase_if(differences, [](const OptionDifference& option) {
    return option.name == "keep" || option.name == "rule" || option.name == "paper_positions";
  });
  return differences;
}

}  // namespace

ComparedScans compare_scans(const ScanFile& before, const std::string& before_name, const ScanFile& after,
                            const std::string& after_name, const ReportOptions& options, std::uint64_t seed) {
  ReportOptions by_evidence = options;
  by_evidence.rule = Rule::kEvidence;
  check_answerable(before, by_evidence);
  check_answerable(after, by_evidence);
  check_comparable(before, before_name, after, after_name);
  ComparedScans scans{before.model(), after.model(), measured_otherwise(before, after), 0, 0, {}, {}};
  OtherFile others(after, after_name);
  before.for_each_document([&](const StoredDocument& document) {
    const std::optional<StoredDocument> other = others.take(document, before_name);
    if (!other) {
      ++scans.only_before;
      return;
    }
    const JudgedDocument first = judge_document(before, document, by_evidence);
    const JudgedDocument second = judge_document(after, *other, by_evidence);
    ComparedDocument compared{first.first_origin().id, first.offset(), document.figures.n_tokens,
                              compare_sinks(*first.evidence, *second.evidence, by_evidence.thresholds.min_alignment), {}};
    compared.changes.key = document.key;
    for (const SinkChange& sink : compared.changes.sinks) compared.tokens.push_back(first.token(sink.position));
    scans.documents.push_back(std::move(compared));
  });
  scans.only_after = others.n_left();
  if (scans.documents.empty()) {
    throw Error(ErrorCode::kInput,
                fmt::format("{} and {}: expected scans of the same texts, got {} and {}, none of them in both", before_name,
                            after_name, counted(before.n_documents(), "text"), counted(after.n_documents(), "text")));
  }
  std::vector<DocumentChanges> changes;
  for (const ComparedDocument& document : scans.documents) changes.push_back(document.changes);
  scans.comparison = compare(changes, seed);
  return scans;
}

}  // namespace sinkscope
