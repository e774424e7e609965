#include "api/results.h"

#include <utility>

#include "api/parts.h"
#include "base/error.h"
#include "store/corpus_blob.h"
#include "store/ablated_file.h"
#include "store/explained_file.h"

namespace sinkscope {
namespace {

LevelReport levels_in(std::vector<CorpusDocument> documents, int n_layers, const LevelOptions& options) {
  SinkCorpus corpus;
  corpus.n_layers = n_layers;
  corpus.documents = std::move(documents);
  return find_levels(corpus, options);
}

}  // namespace

void save(const std::string& path, std::span<const ScannedText> texts) {
  if (texts.empty()) throw Error(ErrorCode::kUsage, path + ": expected at least one text to save, got none");
  const ScanOrigin* origin = nullptr;
  std::optional<ScanFile> file;
  for (const ScannedText& text : texts) {
    const ScannedText::Parts& parts = *text.parts_;
    if (parts.origin.get() != origin) {
      // Another scanner, or another file: that it measured the same is checked as if it came later.
      origin = parts.origin.get();
      file.reset();
      file.emplace(ScanFile::open_or_create(path, parts.origin->model_with_digest(), origin->measurement, origin->run));
    }
    if (!parts.file) {
      file->add(*parts.document);
      continue;
    }
    ScannedDocument whole = *parts.document;
    for (const std::string& name : text.array_names()) {
      const std::lock_guard lock(parts.file->in_use);
      whole.profiles.push_back(parts.file->file.profile(parts.ordinal, name));
    }
    file->add(whole);
  }
}

struct Results::State {
  explicit State(const std::string& path) : open(std::make_shared<const OpenFile>(path)) {
    for (const ProgramRun& run : open->file.program_runs()) {
      auto origin = std::make_shared<ScanOrigin>();
      origin->model = open->file.model();
      origin->measurement = open->file.options();
      origin->run = run;
      origins.push_back(std::move(origin));
    }
  }

  std::shared_ptr<const OpenFile> open;
  std::vector<std::shared_ptr<ScanOrigin>> origins;  // by run of the program
};

Results::Results(const std::string& path) : state_(std::make_shared<const State>(path)) {}

const ModelFacts& Results::model() const { return state_->open->file.model().facts; }

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
    for (const TokenId token : stored.tokens) document.token_bytes.push_back(file.token_bytes(token));
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

LevelReport Results::levels(const LevelOptions& options, const Thresholds& thresholds) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  std::vector<CorpusDocument> documents;
  {
    const std::lock_guard lock(state_->open->in_use);
    file.for_each_corpus_document(thresholds,
                                  [&](CorpusDocument&& document) { documents.push_back(std::move(document)); });
  }
  return levels_in(std::move(documents), file.model().facts.n_layers, options);
}

std::optional<AblatedResults> Results::effects() const {
  const std::lock_guard lock(state_->open->in_use);
  auto ablated = ablated_of(state_->open->file);
  if (!ablated) return std::nullopt;
  JudgedAblation judgement = judge_ablation(ablated->ablation, ablated->request);
  return AblatedResults{std::move(ablated->ablation), std::move(judgement)};
}

std::optional<Explanation> Results::explanation(const Thresholds& thresholds) const {
  const ScanFile& file = state_->open->file;
  check_kept(file.options().floor, thresholds);
  const std::lock_guard lock(state_->open->in_use);
  auto explained = explained_of(file, thresholds);
  if (!explained) return std::nullopt;
  return std::move(explained->explanation);
}

LevelReport levels_of(std::span<const ScannedText> texts, const LevelOptions& options) {
  if (texts.empty()) throw Error(ErrorCode::kUsage, "levels: expected at least one text, got none");
  std::vector<CorpusDocument> documents;
  for (const ScannedText& text : texts) {
    if (text.n_layers() != texts.front().n_layers()) {
      throw Error(ErrorCode::kUsage, "levels: expected texts of one model, got " +
                                         std::to_string(texts.front().n_layers()) + " and " +
                                         std::to_string(text.n_layers()) + " layers");
    }
    const std::vector<TokenId> tokens(text.tokens().begin(), text.tokens().end());
    documents.push_back(corpus_document_of(text.figures(), tokens, text.parts_->thresholds));
  }
  return levels_in(std::move(documents), texts.front().n_layers(), options);
}

}  // namespace sinkscope
