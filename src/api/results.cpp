#include "api/results.h"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "api/parts.h"
#include "api/program_run.h"
#include "base/error.h"
#include "base/thread_limits.h"
#include "impact/sink_list.h"
#include "report/shown_effects.h"
#include "store/corpus_blob.h"
#include "store/explained_file.h"
#include "text/bounded_json.h"

namespace sinkscope {
namespace {

LevelReport levels_in(std::vector<CorpusDocument> documents, int n_layers, const LevelOptions& options,
                      std::span<const SinkKind> kinds) {
  for (CorpusDocument& document : documents) {
    if (kinds.empty()) break;
    std::erase_if(document.sinks,
                  [&](const CorpusSink& sink) { return std::ranges::find(kinds, sink.kind) == kinds.end(); });
  }
  SinkCorpus corpus;
  corpus.n_layers = n_layers;
  corpus.documents = std::move(documents);
  return find_levels(corpus, options);
}

void add_to(RunTable& table, std::int64_t sequence, std::span<const TokenId> tokens,
            const std::vector<Origin>& origins, const SequenceFigures& figures, const Detection& detection,
            TableRows rows, std::function<std::string(int)> token_bytes) {
  static const Origin kNone;
  const Origin& origin = origins.empty() ? kNone : origins.front();
  table.add({sequence, origin.id, origin.chunk, origin.document_offset, figures.n_tokens, figures.prompt_tokens, tokens,
             std::move(token_bytes)},
            detection, rows);
}

// What tokens of a file stand for, each read once: a text has far fewer different tokens than tokens.
class TokenBytes {
 public:
  explicit TokenBytes(const ScanFile& file) : file_(file) {}
  const std::string& of(TokenId token) {
    const auto [entry, is_new] = known_.try_emplace(token);
    if (is_new) entry->second = file_.token_bytes(token);
    return entry->second;
  }

 private:
  const ScanFile& file_;
  std::unordered_map<TokenId, std::string> known_;
};

}  // namespace

void save(const std::string& path, std::span<const ScannedText> texts) {
  check_one_measurement(path, texts);  // before the first is written
  const ScanOrigin* origin = nullptr;
  std::optional<ScanFile> file;
  const ModelRecord first = model_of(texts);
  for (const ScannedText& text : texts) {
    const ScannedText::Parts& parts = text.parts();
    if (parts.origin.get() != origin) {
      // Another scanner, or another file: its run stands beside those of the others.
      origin = parts.origin.get();
      file.reset();
      const ModelRecord& model = origin == texts.front().parts().origin.get() ? first : origin->model->with_digest();
      file.emplace(ScanFile::open_or_create(path, model, origin->measurement, origin->run));
    }
    file->add(parts.file ? whole_document(text, parts) : *parts.document);
  }
}

MergeSummary merge(std::span<const std::string> files, const std::string& output) {
  if (files.empty()) throw Error(ErrorCode::kUsage, output + ": expected at least one file to merge, got none");
  return merge_results(files, output, present_program_run("library", "", default_threads()));
}

Results::State::State(const std::string& path) : open(std::make_shared<const OpenFile>(path)) {
  const auto model = std::make_shared<OriginModel>(open->file.model());
  for (const ProgramRun& run : open->file.program_runs()) {
    origins.push_back(std::make_shared<ScanOrigin>(ScanOrigin{model, open->file.options(), run, {}}));
  }
}

Results::Results(const std::string& path) : state_(std::make_shared<const State>(path)) {}

const ModelFacts& Results::model() const { return state_->open->file.model().facts; }

const std::vector<std::string>& Results::notes() const { return state_->open->file.model().notes; }

std::int64_t Results::n_texts() const {
  const std::lock_guard lock(state_->open->in_use);
  return state_->open->file.n_documents();
}

ScannedText Results::text(std::int64_t i, const Thresholds& thresholds) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  auto parts = std::make_shared<ScannedText::Parts>();
  ScannedDocument document;
  {
    const std::lock_guard lock(state_->open->in_use);
    StoredDocument stored = file.document(i);
    parts->origin = state_->origins.at(stored.program_run);
    TokenBytes bytes(file);
    for (const TokenId token : stored.tokens) document.token_bytes.push_back(bytes.of(token));
    document.tokens = std::move(stored.tokens);
    document.origins = std::move(stored.origins);
    document.figures = std::move(stored.figures);
  }
  parts->thresholds = thresholds;
  parts->detection = detect_by_evidence(document.figures, thresholds);
  parts->document = std::make_shared<const ScannedDocument>(std::move(document));
  parts->file = state_->open;
  parts->ordinal = i;
  return ScannedText(std::move(parts));
}

RunTable Results::table(const Thresholds& thresholds, TableRows rows) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  const std::lock_guard lock(state_->open->in_use);
  RunTable table = RunTable::of_runs();
  TokenBytes bytes(file);
  file.for_each_document([&](const StoredDocument& document) {
    add_to(table, document.ordinal, document.tokens, document.origins, document.figures,
           detect_by_evidence(document.figures, thresholds), rows, [&](int position) {
             return bytes.of(document.tokens.at(static_cast<std::size_t>(position)));
           });
  });
  return table;
}

LevelReport Results::levels(const LevelOptions& options, const Thresholds& thresholds,
                            std::span<const SinkKind> kinds) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  std::vector<CorpusDocument> documents;
  {
    const std::lock_guard lock(state_->open->in_use);
    file.for_each_corpus_document(thresholds,
                                  [&](CorpusDocument&& document) { documents.push_back(std::move(document)); });
  }
  return levels_in(std::move(documents), file.model().facts.n_layers, options, kinds);
}

std::optional<AblatedResults> Results::effects() const {
  const std::lock_guard lock(state_->open->in_use);
  auto shown = shown_ablation(state_->open->file);
  if (!shown) return std::nullopt;
  return AblatedResults{std::move(shown->file.request), std::move(shown->file.ablation), std::move(shown->judged)};
}

std::optional<ProtectedResults> Results::protection() const {
  const std::lock_guard lock(state_->open->in_use);
  auto shown = shown_protection(state_->open->file);
  if (!shown) return std::nullopt;
  return ProtectedResults{std::move(shown->file.request), std::move(shown->file.sequences), std::move(shown->judged),
                          std::move(shown->file.detector)};
}

std::optional<Explanation> Results::explanation(const Thresholds& thresholds) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  const std::lock_guard lock(state_->open->in_use);
  auto explained = explained_of(file, thresholds);
  if (!explained) return std::nullopt;
  return std::move(explained->explanation);
}

LevelReport levels_of(std::span<const ScannedText> texts, const LevelOptions& options,
                      std::span<const SinkKind> kinds) {
  check_one_measurement("levels", texts);
  std::vector<CorpusDocument> documents;
  for (const ScannedText& text : texts) {
    const std::vector<TokenId> tokens(text.tokens().begin(), text.tokens().end());
    documents.push_back(corpus_document_of(text.figures(), tokens, text.judged_by()));
    documents.back().key = document_key(tokens, text.figures().prompt_tokens);
  }
  return levels_in(std::move(documents), texts.front().n_layers(), options, kinds);
}

std::map<std::string, NamedSinks> named_sinks(const std::string& json, const Results& results) {
  const OpenFile& open = *results.state().open;
  const std::lock_guard lock(open.in_use);
  const std::string only_key = open.file.n_documents() == 1 ? open.file.document(0).key : std::string();
  return named_sinks_from(parse_bounded_json(json), only_key);
}

RunTable table_of(std::span<const ScannedText> texts, TableRows rows) {
  RunTable table = RunTable::of_runs();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const ScannedText& text = texts[i];
    add_to(table, static_cast<std::int64_t>(i), text.tokens(), text.parts().document->origins, text.figures(),
           text.detection(), rows, [&](int position) { return text.token_bytes(position); });
  }
  return table;
}

}  // namespace sinkscope
