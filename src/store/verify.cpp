#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "store/connection.h"
#include "store/corpus_blob.h"
#include "store/detector_rows.h"
#include "store/effect_rows.h"
#include "store/explained_rows.h"

namespace sinkscope {
namespace {

// Collects what is wrong; a check that throws Error adds its message and the next check goes on.
class Findings {
 public:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  template <typename Check>
  void run(Check&& check) {
    try {
      check();
    } catch (const Error& error) {
      add(error.what());
    }
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

// returns  whether the pages hold together, without which nothing else is read
bool check_pages(Database& database, Findings& findings) {
  bool sound = true;
  for (const char* check : {"PRAGMA quick_check(20)", "PRAGMA integrity_check(20)"}) {
    Statement lines(database, check);
    while (lines.step()) {
      if (const auto line = lines.text(0); line != "ok") {
        findings.add(database.shown() + ": " + line);
        sound = false;
      }
    }
    if (!sound) return false;
  }
  return true;
}

void check_references(Database& database, Findings& findings) {
  Statement references(database, "PRAGMA foreign_key_check");
  while (references.step()) {
    findings.add(fmt::format("{}: a row of {} belongs to nothing", database.shown(), references.text(0)));
  }
}

void check_profiles(SqliteConnection& connection, std::int64_t ordinal, Findings& findings) {
  const auto shapes = read_profile_shapes(connection, ordinal);
  if (shapes.empty() != (connection.options.keep == Keep::kRuns)) {
    findings.add(fmt::format("{}: {} profiles, but the file keeps {}", document_label(connection, ordinal),
                             shapes.size(), name_of(connection.options.keep)));
  }
  for (const ProfileShape& shape : shapes) {
    findings.run([&] { check_profile_of(connection, ordinal, shape); });
  }
}

// The shortcut must say what the figures say.
void check_corpus(SqliteConnection& connection, const StoredDocument& document, Findings& findings) {
  Statement row(connection.database, "SELECT data FROM corpus WHERE document = ?");
  if (!row.bind(1, document.ordinal).step()) {
    findings.add(document_label(connection, document.ordinal) + ": its sinks are missing");
    return;
  }
  const auto bytes = row.blob(0);
  const auto stored = decode_corpus_document(bytes, document_label(connection, document.ordinal));
  if (!stored) return;  // another rule's, which nobody asks
  const auto made = encode_corpus_document(corpus_document_of(document.figures, document.tokens, Thresholds{}));
  if (!std::ranges::equal(bytes, made)) {
    findings.add(document_label(connection, document.ordinal) + ": its sinks are not those of its figures");
  }
}

void check_document(SqliteConnection& connection, const StoredDocument& document,
                    const std::unordered_set<TokenId>& vocabulary, Findings& findings) {
  const std::string label = document_label(connection, document.ordinal);
  if (document_key(document.tokens, document.figures.prompt_tokens) != document.key) {
    findings.add(label + ": its key is not that of its tokens");
  }
  if (document.origins.empty()) findings.add(label + ": it has no origin");
  if (document.figures.min_distance != connection.options.min_distance) {
    findings.add(fmt::format("{}: measured with min_distance {}, the file says {}", label,
                             document.figures.min_distance, connection.options.min_distance));
  }
  for (const TokenId token : document.tokens) {
    if (token < 0 || token >= connection.model.facts.n_vocab) {
      findings.add(
          fmt::format("{}: token {} is not in the vocabulary of {}", label, token, connection.model.facts.n_vocab));
      break;
    }
    if (!vocabulary.contains(token)) {
      findings.add(fmt::format("{}: token {} has no bytes", label, token));
      break;
    }
  }
}

}  // namespace

std::vector<std::string> verify_file(SqliteConnection& connection) {
  Findings findings;
  bool sound = false;
  findings.run([&] { sound = check_pages(connection.database, findings); });
  if (!sound) return findings.take();
  findings.run([&] { check_references(connection.database, findings); });
  std::unordered_set<TokenId> vocabulary;
  findings.run([&] {
    Statement tokens(connection.database, "SELECT token_id FROM vocabulary");
    while (tokens.step()) vocabulary.insert(tokens.small(0));
  });
  findings.run([&] {
    DocumentReader reader(connection, std::nullopt);
    std::int64_t expected = 0;
    for (; reader.step(); ++expected) {
      const std::int64_t ordinal = reader.ordinal();
      if (ordinal != expected) {
        findings.add(fmt::format("{}: expected document {}, found {}", connection.database.shown(), expected, ordinal));
        expected = ordinal;
      }
      findings.run([&] {
        const StoredDocument document = reader.read();
        check_document(connection, document, vocabulary, findings);
        check_corpus(connection, document, findings);
      });
      findings.run([&] { check_profiles(connection, ordinal, findings); });
    }
  });
  findings.run([&] {
    for (std::string& line : verify_explained(connection)) findings.add(std::move(line));
  });
  findings.run([&] {
    for (std::string& line : verify_effects(connection)) findings.add(std::move(line));
    for (std::string& line : verify_detectors(connection)) findings.add(std::move(line));
  });
  return findings.take();
}

}  // namespace sinkscope
