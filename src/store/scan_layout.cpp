#include "store/scan_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "store/schema.h"

namespace sinkscope {
namespace {

constexpr const char* kScanTables = R"sql(
CREATE TABLE model (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  arch TEXT NOT NULL,
  type TEXT NOT NULL,
  n_layers INTEGER NOT NULL,
  d_model INTEGER NOT NULL,
  n_vocab INTEGER NOT NULL,
  n_ctx_train INTEGER NOT NULL,
  bos INTEGER NOT NULL,
  adds_bos INTEGER NOT NULL,
  has_chat_template INTEGER NOT NULL
) STRICT;
CREATE TABLE layers (
  layer INTEGER PRIMARY KEY,
  n_heads INTEGER NOT NULL,
  n_kv_heads INTEGER NOT NULL
) STRICT;
CREATE TABLE lacking (
  id INTEGER PRIMARY KEY,
  layer INTEGER NOT NULL,
  what TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;
CREATE TABLE options (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE program_runs (
  id INTEGER PRIMARY KEY,
  started_utc TEXT NOT NULL,
  sinkscope_version TEXT NOT NULL,
  llama_version TEXT NOT NULL,
  compiler TEXT NOT NULL,
  command TEXT NOT NULL,
  precision TEXT NOT NULL,
  cpu_features TEXT NOT NULL,
  n_threads INTEGER NOT NULL
) STRICT;
CREATE TABLE vocabulary (
  token_id INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE documents (
  ordinal INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  n_tokens INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  token_ids BLOB NOT NULL,
  program_run INTEGER NOT NULL REFERENCES program_runs (id)
) STRICT;
CREATE TABLE origins (
  id INTEGER PRIMARY KEY,
  document INTEGER NOT NULL REFERENCES documents (ordinal),
  file TEXT NOT NULL,
  name TEXT NOT NULL,
  line INTEGER,
  chunk INTEGER,
  document_offset INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX origins_once ON origins (document, file, name, ifnull(line, -1), ifnull(chunk, -1));
CREATE TABLE figures (
  document INTEGER PRIMARY KEY REFERENCES documents (ordinal),
  data BLOB NOT NULL
) STRICT;
CREATE TABLE corpus (
  document INTEGER PRIMARY KEY REFERENCES documents (ordinal),
  data BLOB NOT NULL
) STRICT;
CREATE TABLE profiles (
  id INTEGER PRIMARY KEY,
  document INTEGER NOT NULL REFERENCES documents (ordinal),
  name TEXT NOT NULL,
  n_layers INTEGER NOT NULL,
  n_heads INTEGER,
  n_tokens INTEGER,
  encoding INTEGER NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (document, name)
) STRICT;
CREATE TABLE explain_options (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE explanations (
  document INTEGER PRIMARY KEY REFERENCES documents (ordinal),
  data BLOB NOT NULL
) STRICT;
CREATE TABLE maps (
  id INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;
CREATE TABLE skipped_lines (
  id INTEGER PRIMARY KEY,
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  reason TEXT NOT NULL,
  UNIQUE (file, line)
) STRICT;
)sql";

constexpr int kMostHeads = 4096;  // of a layer: arrays by head take memory for each

void insert_model(Database& database, const ModelRecord& model) {
  const ModelFacts& facts = model.facts;
  if (facts.n_heads.size() != static_cast<std::size_t>(facts.n_layers) ||
      facts.n_kv_heads.size() != facts.n_heads.size()) {
    throw Error(ErrorCode::kInternal, "model facts: the numbers of heads are not by layer");
  }
  Statement(database, "INSERT INTO model VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, facts.name)
      .bind(2, model.sha256)
      .bind(3, facts.arch)
      .bind(4, facts.type)
      .bind(5, facts.n_layers)
      .bind(6, facts.d_model)
      .bind(7, facts.n_vocab)
      .bind(8, facts.n_ctx_train)
      .bind(9, facts.bos)
      .bind(10, facts.adds_bos ? 1 : 0)
      .bind(11, facts.has_chat_template ? 1 : 0)
      .run();
  Statement layer(database, "INSERT INTO layers VALUES (?, ?, ?)");
  for (int l = 0; l < facts.n_layers; ++l) {
    const auto i = static_cast<std::size_t>(l);
    layer.bind(1, l).bind(2, facts.n_heads[i]).bind(3, facts.n_kv_heads[i]).run();
  }
  Statement lacking(database, "INSERT INTO lacking (layer, what, why) VALUES (?, ?, ?)");
  for (const Lacking& one : model.lacking) lacking.bind(1, one.layer).bind(2, one.what).bind(3, one.why).run();
  Statement note(database, "INSERT INTO notes (text) VALUES (?)");
  for (const std::string& one : model.notes) note.bind(1, one).run();
}

}  // namespace

bool is_blank(Database& database) {
  return database.number("PRAGMA application_id") == 0 && database.number("SELECT count(*) FROM sqlite_schema") == 0;
}

void create_layout(Database& database, const ModelRecord& model, const MeasurementOptions& options) {
  Transaction transaction(database);
  database.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kLayout).c_str());
  database.execute(kScanTables);
  insert_model(database, model);
  Statement insert(database, "INSERT INTO options (name, value) VALUES (?, ?)");
  for (const auto& [name, value] : named_options(options)) insert.bind(1, name).bind(2, value).run();
  transaction.commit();
}

void check_layout(Database& database) {
  check_schema(database, kScanTables, std::string(kEffectTables).append(kDetectorTable));
}

ModelRecord read_model(Database& database) {
  ModelRecord model;
  ModelFacts& facts = model.facts;
  Statement row(database,
                "SELECT name, sha256, arch, type, n_layers, d_model, n_vocab, n_ctx_train, bos, adds_bos, "
                "has_chat_template FROM model");
  if (!row.step()) database.fail_damaged("it names no model");
  facts.name = row.text(0);
  model.sha256 = row.text(1);
  facts.arch = row.text(2);
  facts.type = row.text(3);
  facts.n_layers = row.small(4);
  facts.d_model = row.small(5);
  facts.n_vocab = row.small(6);
  facts.n_ctx_train = row.small(7);
  facts.bos = row.small(8);
  facts.adds_bos = row.integer(9) != 0;
  facts.has_chat_template = row.integer(10) != 0;

  Statement layers(database, "SELECT layer, n_heads, n_kv_heads FROM layers ORDER BY layer");
  while (layers.step()) {
    if (layers.integer(0) != static_cast<std::int64_t>(facts.n_heads.size())) {
      database.fail_damaged("its layers are not numbered from 0");
    }
    facts.n_heads.push_back(layers.small(1));
    facts.n_kv_heads.push_back(layers.small(2));
    if (std::max(facts.n_heads.back(), facts.n_kv_heads.back()) > kMostHeads || facts.n_heads.back() < 0) {
      database.fail_damaged(fmt::format("layer {} has {} heads", layers.integer(0), facts.n_heads.back()));
    }
    facts.n_heads_max = std::max(facts.n_heads_max, facts.n_heads.back());
  }
  if (facts.n_layers < 1 || facts.n_heads.size() != static_cast<std::size_t>(facts.n_layers)) {
    database.fail_damaged(fmt::format("it has {} layers, expected {}", facts.n_heads.size(), facts.n_layers));
  }
  Statement lacking(database, "SELECT layer, what, why FROM lacking ORDER BY id");
  while (lacking.step()) model.lacking.push_back({lacking.small(0), lacking.text(1), lacking.text(2)});
  Statement notes(database, "SELECT text FROM notes ORDER BY id");
  while (notes.step()) model.notes.push_back(notes.text(0));
  return model;
}

MeasurementOptions read_options(Database& database) {
  std::vector<NamedOption> named;
  Statement row(database, "SELECT name, value FROM options ORDER BY id");
  while (row.step()) named.emplace_back(row.text(0), row.text(1));
  try {
    return options_from_names(named);
  } catch (const Error& error) {
    database.fail_damaged(error.what());
  }
}

std::int64_t insert_program_run(Database& database, const ProgramRun& run) {
  Statement(database,
            "INSERT INTO program_runs (started_utc, sinkscope_version, llama_version, compiler, command, precision, "
            "cpu_features, n_threads) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, run.started_utc)
      .bind(2, run.sinkscope_version)
      .bind(3, run.llama_version)
      .bind(4, run.compiler)
      .bind(5, run.command)
      .bind(6, run.precision)
      .bind(7, run.cpu_features)
      .bind(8, run.n_threads)
      .run();
  return sqlite3_last_insert_rowid(database.handle());
}

std::int64_t find_or_insert_program_run(Database& database, const ProgramRun& run) {
  Statement known(
      database,
      "SELECT id FROM program_runs WHERE started_utc = ? AND sinkscope_version = ? AND llama_version = ? AND "
      "compiler = ? AND command = ? AND precision = ? AND cpu_features = ? AND n_threads = ? ORDER BY id");
  known.bind(1, run.started_utc)
      .bind(2, run.sinkscope_version)
      .bind(3, run.llama_version)
      .bind(4, run.compiler)
      .bind(5, run.command)
      .bind(6, run.precision)
      .bind(7, run.cpu_features)
      .bind(8, run.n_threads);
  return known.step() ? known.integer(0) : insert_program_run(database, run);
}

}  // namespace sinkscope
