#include "store/import_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/sha256.h"
#include "store/file_access.h"
#include "store/file_lock.h"
#include "store/new_file.h"
#include "store/scan_layout.h"
#include "store/schema.h"

namespace sinkscope {
namespace {

constexpr std::int64_t kImportLayout = 1;

constexpr const char* kImportTables = R"sql(
CREATE TABLE model (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL,
  n_layers INTEGER NOT NULL
) STRICT;
CREATE TABLE documents (
  ordinal INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  line INTEGER NOT NULL,
  n_tokens INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL
) STRICT;
CREATE TABLE sinks (
  document INTEGER NOT NULL REFERENCES documents (ordinal),
  position INTEGER NOT NULL,
  token_id INTEGER NOT NULL,
  first_layer INTEGER NOT NULL,
  last_layer INTEGER NOT NULL,
  layers_flagged INTEGER NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;
)sql";

void fill(const std::string& path, const ImportedModel& model, std::span<const ImportedDocument> documents) {
  Database database(sqlite_path(path), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_PRIVATECACHE, path);
  Transaction transaction(database);
  database.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kImportApplicationId, kImportLayout).c_str());
  database.execute(kImportTables);
  {
    Statement(database, "INSERT INTO model VALUES (1, ?, ?)").bind(1, model.name).bind(2, model.n_layers).run();
    Statement insert_document(database, "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)");
    Statement insert_sink(database, "INSERT INTO sinks VALUES (?, ?, ?, ?, ?, ?, ?)");
    std::int64_t ordinal = 0;
    for (const ImportedDocument& document : documents) {
      insert_document.bind(1, ordinal)
          .bind(2, document.key)
          .bind(3, document.name)
          .bind(4, document.line)
          .bind(5, document.n_tokens)
          .bind(6, document.prompt_tokens)
          .run();
      for (const ImportedSink& sink : document.sinks) {
        insert_sink.bind(1, ordinal)
            .bind(2, sink.position)
            .bind(3, sink.token)
            .bind(4, sink.first_layer)
            .bind(5, sink.last_layer)
            .bind(6, sink.layers_flagged)
            .bind(7, sink.label)
            .run();
      }
      ++ordinal;
    }
  }
  transaction.commit();
}

bool is_primary(const ImportedSink& sink) { return sink.position < kPrimaryCandidates && sink.label == "bos_sink"; }

int label_index(std::vector<std::string>& labels, const std::string& label) {
  const auto found = std::ranges::find(labels, label);
  if (found == labels.end()) labels.push_back(label);
  return static_cast<int>(std::ranges::find(labels, label) - labels.begin());
}

}  // namespace

std::string imported_key(const ImportedDocument& document, int n_equal_before) {
  // Names and labels go with their lengths, so that no two documents have one text.
  std::string text = fmt::format("{}:{} {} {} {}", document.name.size(), document.name, document.n_tokens,
                                 document.prompt_tokens, n_equal_before);
  for (const ImportedSink& sink : document.sinks) {
    text += fmt::format(";{} {} {} {} {} {}:{}", sink.position, sink.token, sink.first_layer, sink.last_layer,
                        sink.layers_flagged, sink.label.size(), sink.label);
  }
  return sha256_of_text(text);
}

CorpusDocument corpus_document_of(const ImportedDocument& document, const ImportedModel& model,
                                  std::vector<std::string>& labels) {
  const Thresholds thresholds;
  CorpusDocument made;
  made.key = document.key;
  made.n_tokens = document.n_tokens;
  made.prompt_tokens = document.prompt_tokens;
  made.eligible_end = document.n_tokens;
  int birth = model.n_layers, last = model.n_layers - 1;
  for (const ImportedSink& sink : document.sinks) {
    if (!is_primary(sink)) continue;
    birth = std::min(birth, sink.first_layer);
    last = made.has_primary ? std::max(last, sink.last_layer) : sink.last_layer;
    made.has_primary = true;
  }
  made.horizon = std::min(last, model.n_layers - 1) - thresholds.censor_layers;
  for (const ImportedSink& sink : document.sinks) {
    if (is_primary(sink)) continue;
    CorpusSink one;
    one.position = sink.position;
    one.token = sink.token;
    one.label = label_index(labels, sink.label);
    one.l_start = sink.first_layer;
    one.l_end = sink.last_layer;
    one.censored = sink.last_layer >= made.horizon;
    const bool with_birth = made.has_primary && sink.first_layer <= birth + thresholds.birth_slack;
    one.kind = with_birth ? SinkKind::kPrimaryLike : SinkKind::kSecondary;
    made.sinks.push_back(one);
  }
  return made;
}

void ImportFile::write(const std::string& path, const ImportedModel& model,
                       std::span<const ImportedDocument> documents) {
  write_new_file(path, [&](const std::string& unfinished) {
    const FileLock lock(unfinished);
    fill(unfinished, model, documents);
  });
}

ImportFile::ImportFile(const std::string& path) {
  if (results_kind(path) != ResultsKind::kImport) {
    throw Error(ErrorCode::kInput, fmt::format("{}: expected imported records, got the results of a scan", path));
  }
  database_ = std::make_unique<Database>(open_for_reading(path));
  const std::int64_t layout = database_->number("PRAGMA user_version");
  if (layout != kImportLayout) database_->fail_damaged(fmt::format("its layout is {}", layout));
  check_schema(*database_, kImportTables);
  Statement row(*database_, "SELECT name, n_layers FROM model");
  if (!row.step()) database_->fail_damaged("it names no model");
  model_ = {row.text(0), row.small(1)};
  if (model_.n_layers < 1) database_->fail_damaged(fmt::format("its model has {} layers", model_.n_layers));
}

std::int64_t ImportFile::n_documents() const { return database_->number("SELECT count(*) FROM documents"); }

void ImportFile::for_each_document(const std::function<void(ImportedDocument&&)>& visit) const {
  Statement documents(*database_,
                      "SELECT ordinal, key, name, line, n_tokens, prompt_tokens FROM documents ORDER BY ordinal");
  Statement sinks(*database_,
                  "SELECT position, token_id, first_layer, last_layer, layers_flagged, label FROM sinks "
                  "WHERE document = ? ORDER BY position");
  while (documents.step()) {
    ImportedDocument document{documents.text(1),  documents.text(2),  documents.small(3),
                              documents.small(4), documents.small(5), {}};
    if (document.prompt_tokens < 0 || document.prompt_tokens > document.n_tokens) {
      database_->fail_damaged(fmt::format("document {} has impossible lengths", documents.integer(0)));
    }
    sinks.reset();
    sinks.bind(1, documents.integer(0));
    while (sinks.step()) {
      const ImportedSink sink{sinks.small(0), sinks.small(1), sinks.small(2),
                              sinks.small(3), sinks.small(4), sinks.text(5)};
      const bool layers =
          0 <= sink.first_layer && sink.first_layer <= sink.last_layer && sink.last_layer < model_.n_layers;
      if (!layers || sink.position < 0 || sink.position >= document.n_tokens) {
        database_->fail_damaged(fmt::format("document {} has a sink outside it", documents.integer(0)));
      }
      document.sinks.push_back(sink);
    }
    visit(std::move(document));
  }
}

ResultsKind results_kind(const std::string& path) {
  check_regular_file(path);
  Database database = open_for_reading(path);
  const std::int64_t id = database.number("PRAGMA application_id");
  if (id == kImportApplicationId) return ResultsKind::kImport;
  if (id == kApplicationId) return ResultsKind::kScan;
  throw Error(ErrorCode::kInput,
              fmt::format("{}: expected a results file, got another program's SQLite file, or an empty one; check the "
                          "path",
                          path));
}

}  // namespace sinkscope
