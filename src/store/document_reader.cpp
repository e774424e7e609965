#include <fmt/format.h>

#include "base/encodings.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/connection.h"
#include "store/corpus_blob.h"
#include "store/figures_blob.h"
#include "store/profiles_blob.h"

namespace sinkscope {
namespace {

constexpr const char* kDocuments =
    "SELECT ordinal, key, n_tokens, prompt_tokens, token_ids, figures.data, "
    "(SELECT count(*) FROM program_runs WHERE id < documents.program_run) FROM documents "
    "LEFT JOIN figures ON figures.document = documents.ordinal ";

constexpr const char* kOrigins =
    "SELECT file, name, line, chunk, document_offset FROM origins WHERE document = ? ORDER BY id";

std::vector<Origin> read_origins(Statement& rows, std::int64_t ordinal) {
  std::vector<Origin> origins;
  rows.reset();
  rows.bind(1, ordinal);
  while (rows.step()) {
    Origin origin{rows.text(0), rows.text(1), {}, {}, rows.integer(4)};
    if (!rows.is_null(2)) origin.line = rows.small(2);
    if (!rows.is_null(3)) origin.chunk = rows.small(3);
    origins.push_back(std::move(origin));
  }
  return origins;
}

}  // namespace

std::string document_label(const SqliteConnection& connection, std::int64_t ordinal) {
  return fmt::format("{}: document {}", connection.database.shown(), ordinal);
}

DocumentReader::DocumentReader(SqliteConnection& connection, std::optional<std::int64_t> ordinal)
    : connection_(connection),
      rows_(connection.database, std::string(kDocuments) + (ordinal ? "WHERE ordinal = ?" : "ORDER BY ordinal")),
      origins_(connection.database, kOrigins) {
  if (ordinal) rows_.bind(1, *ordinal);
}

StoredDocument DocumentReader::read() {
  StoredDocument document;
  document.ordinal = rows_.integer(0);
  const std::string label = document_label(connection_, document.ordinal);
  document.key = hex_string(rows_.blob(1));
  const int n_tokens = rows_.small(2), prompt_tokens = rows_.small(3);

  ByteReader ids(rows_.blob(4), label);
  if (n_tokens < 0 || ids.remaining() != static_cast<std::size_t>(n_tokens) * sizeof(TokenId)) {
    ids.fail(fmt::format("it has {} bytes of token ids for {} tokens", ids.remaining(), n_tokens));
  }
  document.tokens.reserve(static_cast<std::size_t>(n_tokens));
  while (ids.remaining() != 0) document.tokens.push_back(ids.read<TokenId>());

  if (rows_.is_null(5)) ids.fail("it has no figures");
  document.figures = decode_figures(rows_.blob(5), label);
  const SequenceFigures& figures = document.figures;
  if (figures.n_layers != connection_.model.facts.n_layers || figures.n_tokens != n_tokens ||
      figures.prompt_tokens != prompt_tokens) {
    ids.fail("its figures belong to another document");
  }

  document.program_run = static_cast<std::size_t>(rows_.integer(6));
  document.origins = read_origins(origins_, document.ordinal);
  return document;
}

void visit_places(SqliteConnection& connection, const VisitPlace& visit) {
  Statement rows(connection.database, "SELECT ordinal, key FROM documents ORDER BY ordinal");
  Statement origins(connection.database, kOrigins);
  while (rows.step()) visit(rows.integer(0), hex_string(rows.blob(1)), read_origins(origins, rows.integer(0)));
}

void visit_corpus(SqliteConnection& connection, const Thresholds& thresholds,
                  const std::function<void(CorpusDocument&&)>& visit) {
  const auto by_figures = [&](std::int64_t ordinal) {
    DocumentReader reader(connection, ordinal);
    reader.step();
    const StoredDocument document = reader.read();
    return corpus_document_of(document.figures, document.tokens, thresholds);
  };
  Statement rows(connection.database,
                 "SELECT ordinal, corpus.data, n_tokens, key FROM documents LEFT JOIN corpus ON corpus.document = ordinal "
                 "ORDER BY ordinal");
  while (rows.step()) {
    const std::int64_t ordinal = rows.integer(0);
    std::optional<CorpusDocument> document;
    if (thresholds == Thresholds{} && !rows.is_null(1)) {
      const std::string label = document_label(connection, ordinal);
      document = decode_corpus_document(rows.blob(1), label);
      if (document && document->n_tokens != rows.integer(2)) {
        ByteReader(rows.blob(1), label).fail("its sinks belong to another document");
      }
    }
    if (!document) document = by_figures(ordinal);
    document->key = hex_string(rows.blob(3));
    visit(std::move(*document));
  }
}

std::vector<ProfileShape> read_profile_shapes(SqliteConnection& connection, std::int64_t ordinal) {
  Database& database = connection.database;
  Statement rows(database,
                 "SELECT name, n_layers, n_heads, profiles.n_tokens, encoding, documents.n_tokens, "
                 "length(token_ids) / 4 FROM profiles "
                 "JOIN documents ON ordinal = document WHERE document = ? ORDER BY id");
  rows.bind(1, ordinal);
  std::vector<ProfileShape> shapes;
  while (rows.step()) {
    ProfileShape shape;
    shape.name = rows.text(0);
    const bool by_head = !rows.is_null(2);
    shape.by_token = !rows.is_null(3);
    const int encoding = rows.small(4);
    if (rows.integer(1) != connection.model.facts.n_layers ||
        (shape.by_token && (rows.integer(3) != rows.integer(5) || rows.integer(3) != rows.integer(6))) ||
        (by_head && rows.integer(2) != connection.model.facts.n_heads_max) || encoding < 0 ||
        encoding > static_cast<int>(ProfileEncoding::kFloatOfSome)) {
      database.fail_damaged(fmt::format("profile {} of document {} has an impossible shape", shape.name, ordinal));
    }
    shape.shape.push_back(static_cast<std::size_t>(rows.integer(1)));
    if (by_head) shape.shape.push_back(static_cast<std::size_t>(rows.integer(2)));
    if (shape.by_token) shape.shape.push_back(static_cast<std::size_t>(rows.integer(3)));
    shape.encoding = static_cast<ProfileEncoding>(encoding);
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

namespace {

// Hands an array's bytes to `use`, with what messages call them.
template <typename Use>
auto with_profile_bytes(SqliteConnection& connection, std::int64_t ordinal, const std::string& name, const Use& use) {
  const std::string label = fmt::format("{}: profile {}", document_label(connection, ordinal), name);
  Statement row(connection.database, "SELECT data FROM profiles WHERE document = ? AND name = ?");
  row.bind(1, ordinal).bind(2, name);
  if (!row.step()) {
    throw Error(ErrorCode::kInput, label + " is not stored; scan with --keep profiles, or heads for arrays by head");
  }
  return use(row.blob(0), label);
}

}  // namespace

ProfileArray read_profile(SqliteConnection& connection, std::int64_t ordinal, const std::string& name) {
  return with_profile_bytes(connection, ordinal, name, [&](std::span<const std::byte> bytes, const std::string& label) {
    for (const ProfileShape& shape : read_profile_shapes(connection, ordinal)) {
      if (shape.name == name) return decode_profile(shape, bytes, label);
    }
    connection.database.fail_damaged(label + " is of no document");
  });
}

void check_profile_of(SqliteConnection& connection, std::int64_t ordinal, const ProfileShape& shape) {
  with_profile_bytes(connection, ordinal, shape.name, [&](std::span<const std::byte> bytes, const std::string& label) {
    check_profile(shape, bytes, label);
  });
}

}  // namespace sinkscope
