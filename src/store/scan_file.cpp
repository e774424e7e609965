#include "store/scan_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "base/error.h"
#include "store/bytes.h"
#include "store/connection.h"
#include "store/corpus_blob.h"
#include "store/figures_blob.h"
#include "store/file_access.h"
#include "store/profiles_blob.h"
#include "store/scan_layout.h"

namespace sinkscope {
namespace {

constexpr int kWriteFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE;

std::vector<std::byte> key_bytes(const std::string& key) {
  std::vector<std::byte> bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < key.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(key[i]) * 16 + digit(key[i + 1])));
  }
  return bytes;
}

// throws  Error{code} unless the file is ours and of a layout that can be used
void check_identity(Database& database, ErrorCode code) {
  const std::int64_t id = database.number("PRAGMA application_id");
  if (id == kImportApplicationId) {
    throw Error(code, fmt::format("{}: holds imported records, of which only sinks and lengths are known; `sinkscope "
                                  "levels` and `sinkscope merge` read them",
                                  database.shown()));
  }
  if (id != kApplicationId) {
    throw Error(code, fmt::format("{}: expected a results file, got another program's SQLite file, which is left as it "
                                  "is; give another path",
                                  database.shown()));
  }
  const std::int64_t layout = database.number("PRAGMA user_version");
  if (layout < kLayout) {
    throw Error(code, fmt::format("{}: written by an older sinkscope (layout {}, expected {}); scan again into a new "
                                  "file, or use the older program",
                                  database.shown(), layout, kLayout));
  }
  if (layout > kLayout) {
    throw Error(code,
                fmt::format("{}: written by a newer sinkscope (layout {}, expected {}); use the newer program, or "
                            "another file",
                            database.shown(), layout, kLayout));
  }
  check_layout(database);
}

void check_same_model(const Database& database, const ModelRecord& stored, const ModelRecord& given) {
  if (stored.sha256 == given.sha256) return;
  throw Error(ErrorCode::kInput, fmt::format("{}: holds results of another model; expected {} (sha256 {}...), got {} "
                                             "({}...); use that model, or write into another file",
                                             database.shown(), stored.facts.name, stored.sha256.substr(0, 12),
                                             given.facts.name, given.sha256.substr(0, 12)));
}

MeasurementOptions with_taken(MeasurementOptions options, const MeasurementOptions& stored, const TakenFromFile& taken) {
  if (taken.keep) options.keep = stored.keep;
  if (taken.any_norm_both_signs) options.floor.any_norm_both_signs = stored.floor.any_norm_both_signs;
  if (taken.rule) options.rule = stored.rule;
  if (taken.paper_positions) options.paper_positions = stored.paper_positions;
  return options;
}

void check_same_options(const Database& database, const MeasurementOptions& stored, const MeasurementOptions& given) {
  if (const auto differences = option_differences(stored, given); !differences.empty()) {
    const OptionDifference& difference = differences.front();
    throw Error(ErrorCode::kInput,
                fmt::format("{}: holds results of other measurement options; expected {}; use the same options, or "
                            "write into another file",
                            database.shown(), in_words(difference)));
  }
}

void check_record(const ScanFile& file, const ScannedDocument& record) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw Error(ErrorCode::kInternal, std::string("a document to be stored contradicts itself: ") + what);
  };
  const ModelFacts& facts = file.model().facts;
  require(!record.origins.empty(), "it has no origin");
  require(record.tokens.size() == record.token_bytes.size(), "token ids and bytes differ in number");
  require(record.tokens.size() == static_cast<std::size_t>(record.figures.n_tokens), "figures have other n_tokens");
  require(record.figures.n_layers == facts.n_layers, "figures have other n_layers than the model");
  require(record.profiles.empty() == (file.options().keep == Keep::kRuns), "profiles do not fit the file's keep");
  for (const ProfileArray& profile : record.profiles) {
    const auto& axes = profile.shape;
    require(!axes.empty() && axes.front() == static_cast<std::size_t>(facts.n_layers), "a profile has other n_layers");
    require(!profile.by_token || axes.back() == record.tokens.size(), "a profile has other n_tokens");
    const std::size_t n_others = axes.size() - (profile.by_token ? 1 : 0);
    require(n_others == 1 || n_others == 2, "a profile has other axes than layers, heads and tokens");
    require(n_others == 1 || axes[1] == static_cast<std::size_t>(facts.n_heads_max), "a profile has other n_heads");
  }
}

// Inserts what the statements of one add() share.
class DocumentInserter {
 public:
  explicit DocumentInserter(SqliteConnection& connection)
      : connection_(connection),
        find_(connection.database, "SELECT ordinal FROM documents WHERE key = ?"),
        document_(connection.database, "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)"),
        origin_(connection.database,
                "INSERT OR IGNORE INTO origins (document, file, name, line, chunk, document_offset) "
                "VALUES (?, ?, ?, ?, ?, ?)"),
        figures_(connection.database, "INSERT INTO figures VALUES (?, ?)"),
        corpus_(connection.database, "INSERT INTO corpus VALUES (?, ?)"),
        profile_(connection.database,
                 "INSERT INTO profiles (document, name, n_layers, n_heads, n_tokens, encoding, data) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?)"),
        known_token_(connection.database, "SELECT bytes FROM vocabulary WHERE token_id = ?"),
        token_(connection.database, "INSERT INTO vocabulary VALUES (?, ?)") {}

  std::optional<std::int64_t> find(const std::string& key) {
    const auto bytes = key_bytes(key);
    find_.bind(1, std::span(bytes));
    std::optional<std::int64_t> ordinal;
    if (find_.step()) ordinal = find_.integer(0);
    find_.reset();
    return ordinal;
  }

  void insert_origin(std::int64_t ordinal, const Origin& origin) {
    origin_.bind(1, ordinal)
        .bind(2, origin.file)
        .bind(3, origin.id)
        .bind(4, origin.line)
        .bind(5, origin.chunk)
        .bind(6, origin.document_offset)
        .run();
  }

  std::int64_t insert(const std::string& key, const ScannedDocument& record) {
    const std::int64_t ordinal = connection_.database.number("SELECT count(*) FROM documents");
    ByteWriter ids;
    for (const TokenId token : record.tokens) ids.write(token);
    const auto bytes = key_bytes(key);
    document_.bind(1, ordinal)
        .bind(2, std::span(bytes))
        .bind(3, record.figures.n_tokens)
        .bind(4, record.figures.prompt_tokens)
        .bind(5, std::span(ids.bytes()))
        .bind(6, connection_.program_run)
        .run();
    insert_tokens(record);
    const auto figures = encode_figures(record.figures);
    figures_.bind(1, ordinal).bind(2, std::span(figures)).run();
    const auto corpus = encode_corpus_document(corpus_document_of(record));
    corpus_.bind(1, ordinal).bind(2, std::span(corpus)).run();
    for (const ProfileArray& profile : record.profiles) {
      const auto& axes = profile.shape;
      const ProfileEncoding encoding = encoding_for(profile);
      const auto data = encode_profile(profile, encoding);
      profile_.bind(1, ordinal).bind(2, profile.name).bind(3, static_cast<std::int64_t>(axes.front()));
      const bool by_head = axes.size() == (profile.by_token ? 3U : 2U);
      if (by_head) profile_.bind(4, static_cast<std::int64_t>(axes[1]));
      if (profile.by_token) profile_.bind(5, static_cast<std::int64_t>(axes.back()));
      profile_.bind(6, static_cast<int>(encoding)).bind(7, std::span(data)).run();
    }
    return ordinal;
  }

 private:
  void insert_tokens(const ScannedDocument& record) {
    std::unordered_set<TokenId> seen;
    for (std::size_t t = 0; t < record.tokens.size(); ++t) {
      if (!seen.insert(record.tokens[t]).second) continue;
      const auto bytes = std::as_bytes(std::span(record.token_bytes[t]));
      known_token_.bind(1, record.tokens[t]);
      const bool known = known_token_.step();
      if (known && !std::ranges::equal(known_token_.blob(0), bytes)) {
        connection_.database.fail_damaged(
            fmt::format("token {} stands for other bytes there than in what is added", record.tokens[t]));
      }
      known_token_.reset();
      if (!known) token_.bind(1, record.tokens[t]).bind(2, bytes).run();
    }
  }

  SqliteConnection& connection_;
  Statement find_, document_, origin_, figures_, corpus_, profile_, known_token_, token_;
};

std::unique_ptr<SqliteConnection> begin_writing(FileLock lock, Database database, const ModelRecord& model,
                                                const MeasurementOptions& options, const ProgramRun& run,
                                                const TakenFromFile& taken) {
  if (is_blank(database)) {
    create_layout(database, model, options);
  } else {
    check_identity(database, ErrorCode::kOutput);
  }
  auto connection =
      std::make_unique<SqliteConnection>(SqliteConnection{std::move(lock), std::move(database), {}, {}, 0});
  Database& opened = connection->database;
  connection->model = read_model(opened);
  connection->options = read_options(opened);
  check_same_model(opened, connection->model, model);
  check_same_options(opened, connection->options, with_taken(options, connection->options, taken));
  // Commits survive the process without waiting for the disk; a power cut may cost the last of them, never the file.
  opened.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
  connection->program_run = insert_program_run(opened, run);
  return connection;
}

}  // namespace

ScanFile::ScanFile(std::unique_ptr<SqliteConnection> connection) : connection_(std::move(connection)) {}
ScanFile::ScanFile(ScanFile&&) noexcept = default;
ScanFile& ScanFile::operator=(ScanFile&&) noexcept = default;

ScanFile::~ScanFile() {
  if (!connection_ || connection_->program_run == 0) return;
  try {
    finish();
  } catch (const Error&) {
    // With readers at work, or on a full disk, the log stays beside it.
  }
}

void ScanFile::finish() {
  sqlite3_busy_timeout(connection_->database.handle(), 0);
  Statement change(connection_->database, "PRAGMA journal_mode = DELETE");
  if (change.step() && change.text(0) == "wal") connection_->database.fail(SQLITE_BUSY);
}

ScanFile ScanFile::open_or_create(const std::string& path, const ModelRecord& model, const MeasurementOptions& options,
                                  const ProgramRun& run, const TakenFromFile& taken) {
  if (path.empty()) throw Error(ErrorCode::kUsage, "results file: expected a path, got nothing");
  FileLock lock(path);
  check_size(path, ErrorCode::kOutput);
  Database database(sqlite_path(path), kWriteFlags, path);
  return ScanFile(begin_writing(std::move(lock), std::move(database), model, options, run, taken));
}

std::optional<ScanFile> ScanFile::open_resumable(const std::string& path, const ModelRecord& model,
                                                 const MeasurementOptions& options, const TakenFromFile& taken) {
  std::error_code error;
  if (const auto bytes = std::filesystem::file_size(path, error); error || bytes == 0) return std::nullopt;
  ScanFile file = open(path);
  check_same_model(file.connection_->database, file.model(), model);
  check_same_options(file.connection_->database, file.options(), with_taken(options, file.options(), taken));
  return file;
}

ScanFile ScanFile::in_memory(const ModelRecord& model, const MeasurementOptions& options, const ProgramRun& run) {
  Database database(":memory:", kWriteFlags | SQLITE_OPEN_MEMORY | SQLITE_OPEN_CREATE, "results in memory");
  return ScanFile(begin_writing({}, std::move(database), model, options, run, {}));
}

ScanFile ScanFile::open(const std::string& path) {
  check_regular_file(path);
  Database database = open_for_reading(path);
  if (is_blank(database)) {
    throw Error(ErrorCode::kInput,
                fmt::format("{}: expected a results file, got an empty one; scan into it first", path));
  }
  check_identity(database, ErrorCode::kInput);
  auto connection = std::make_unique<SqliteConnection>(SqliteConnection{{}, std::move(database), {}, {}, 0});
  connection->model = read_model(connection->database);
  connection->options = read_options(connection->database);
  return ScanFile(std::move(connection));
}

const ModelRecord& ScanFile::model() const { return connection_->model; }
const MeasurementOptions& ScanFile::options() const { return connection_->options; }

bool ScanFile::has(const std::string& key) const {
  Statement find(connection_->database, "SELECT 1 FROM documents WHERE key = ?");
  const auto bytes = key_bytes(key);
  return find.bind(1, std::span(bytes)).step();
}

std::int64_t ScanFile::n_documents() const { return connection_->database.number("SELECT count(*) FROM documents"); }

std::int64_t ScanFile::n_tokens() const {
  return connection_->database.number("SELECT ifnull(sum(n_tokens), 0) FROM documents");
}

void ScanFile::add(std::span<const ScannedDocument> documents) {
  for (const ScannedDocument& record : documents) check_record(*this, record);
  Transaction transaction(connection_->database);
  {
    // Statements end before the commit, which would fail while one is at work.
    DocumentInserter inserter(*connection_);
    for (const ScannedDocument& record : documents) {
      const std::string key = document_key(record.tokens, record.figures.prompt_tokens);
      const auto known = inserter.find(key);
      const std::int64_t ordinal = known ? *known : inserter.insert(key, record);
      for (const Origin& origin : record.origins) inserter.insert_origin(ordinal, origin);
    }
  }
  transaction.commit();
}

void ScanFile::add_origin(const std::string& key, const Origin& origin) {
  Transaction transaction(connection_->database);
  {
    DocumentInserter inserter(*connection_);
    const auto ordinal = inserter.find(key);
    if (!ordinal) throw Error(ErrorCode::kInternal, "an origin for a document that is not stored: " + key);
    inserter.insert_origin(*ordinal, origin);
  }
  transaction.commit();
}

void ScanFile::add_skipped(const SkippedLine& line) {
  Statement(connection_->database, "INSERT OR IGNORE INTO skipped_lines (file, line, reason) VALUES (?, ?, ?)")
      .bind(1, line.file)
      .bind(2, line.line)
      .bind(3, line.reason)
      .run();
}

void ScanFile::for_each_document(const std::function<void(const StoredDocument&)>& visit) const {
  DocumentReader reader(*connection_, std::nullopt);
  while (reader.step()) visit(reader.read());
}

void ScanFile::for_each_place(const std::function<void(std::int64_t ordinal, const std::string& key,
                                                       std::vector<Origin>&& origins)>& visit) const {
  visit_places(*connection_, visit);
}

void ScanFile::use_program_run(const ProgramRun& run) {
  connection_->program_run = find_or_insert_program_run(connection_->database, run);
}

void ScanFile::for_each_corpus_document(const Thresholds& thresholds,
                                        const std::function<void(CorpusDocument&&)>& visit) const {
  visit_corpus(*connection_, thresholds, visit);
}

StoredDocument ScanFile::document(std::int64_t ordinal) const {
  DocumentReader reader(*connection_, ordinal);
  if (!reader.step()) {
    throw Error(ErrorCode::kInput, fmt::format("{}: expected a document from 0 to {}, got {}",
                                               connection_->database.shown(), n_documents() - 1, ordinal));
  }
  return reader.read();
}

std::string ScanFile::token_bytes(TokenId token) const {
  Statement row(connection_->database, "SELECT bytes FROM vocabulary WHERE token_id = ?");
  if (!row.bind(1, token).step()) connection_->database.fail_damaged(fmt::format("token {} has no bytes", token));
  const auto bytes = row.blob(0);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<SkippedLine> ScanFile::skipped() const {
  Statement rows(connection_->database, "SELECT file, line, reason FROM skipped_lines ORDER BY id");
  std::vector<SkippedLine> lines;
  while (rows.step()) lines.push_back({rows.text(0), rows.small(1), rows.text(2)});
  return lines;
}

std::vector<ProgramRun> ScanFile::program_runs() const {
  Statement rows(connection_->database,
                 "SELECT started_utc, sinkscope_version, llama_version, compiler, command, precision, cpu_features, "
                 "n_threads FROM program_runs ORDER BY id");
  std::vector<ProgramRun> runs;
  while (rows.step()) {
    runs.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.text(5), rows.text(6),
                    rows.small(7)});
  }
  return runs;
}

std::vector<ProfileShape> ScanFile::profile_shapes(std::int64_t ordinal) const {
  return read_profile_shapes(*connection_, ordinal);
}

ProfileArray ScanFile::profile(std::int64_t ordinal, const std::string& name) const {
  return read_profile(*connection_, ordinal, name);
}

std::vector<std::string> ScanFile::verify() const { return verify_file(*connection_); }

}  // namespace sinkscope
