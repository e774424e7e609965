#include "api/scanner.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "api/parts.h"
#include "api/program_run.h"
#include "engine/llama/chat.h"
#include "engine/llama/model_file.h"
#include "formation/explain.h"
#include "scan/result_sink.h"
#include "store/ablated_file.h"
#include "store/effect_rows.h"
#include "store/explained_file.h"
#include "store/explained_rows.h"
#include "text/token_spool.h"

namespace sinkscope {
namespace {

// Keeps every document, equal ones too: each was asked for.
class EveryDocument final : public ResultSink {
 public:
  bool has(const std::string&) const override { return false; }
  void add(std::span<const ScannedDocument> documents) override {
    all.insert(all.end(), documents.begin(), documents.end());
  }
  void add_origin(const std::string&, const Origin&) override {}
  void add_skipped(const SkippedLine&) override {}

  std::vector<ScannedDocument> all;
};

const char* name_of(BosMode bos) {
  switch (bos) {
    case BosMode::kOn:
      return "on";
    case BosMode::kOff:
      return "off";
    case BosMode::kAuto:
      break;
  }
  return "auto";
}

MeasurementOptions measurement_of(const LoadOptions& load, const ScanSettings& settings, const Model& model) {
  MeasurementOptions measurement;
  measurement.min_distance = settings.min_distance;
  measurement.bos = name_of(settings.bos);
  measurement.special = settings.special;
  measurement.n_ubatch = load.n_ubatch;
  measurement.parallel = model.max_sequences();
  measurement.short_rope_tokens = model.short_rope_tokens().value_or(0);
  measurement.deployment = model.deployment();
  measurement.final_norm = load.final_norm;
  measurement.precision = model.precision();
  // Thresholds below the usual floor need tokens from further down.
  CandidateFloor& floor = measurement.floor;
  floor.alignment = std::min(floor.alignment, settings.thresholds.min_alignment);
  floor.norm_ratio = std::min(floor.norm_ratio, settings.thresholds.min_norm_ratio);
  floor.unaligned_far_boost = std::min(floor.unaligned_far_boost, settings.thresholds.unaligned_far_boost);
  measurement.keep = settings.keep;
  return measurement;
}

// A results file, open for what another pass adds to it.
ScanFile open_to_extend(const std::string& path, ScanOrigin& origin) {
  const ScanFile file = ScanFile::open(path);
  return ScanFile::open_or_create(path, origin.model_with_digest(), file.options(), origin.run);
}

}  // namespace

struct Scanner::State {
  State(const LoadOptions& load, ScanSettings asked) : settings(std::move(asked)) {
    const ModelFile file(load.path);
    model = load_model(file, load);
    origin->model = {model->facts(), "", {model->lacking().begin(), model->lacking().end()}, file.notes()};
    origin->measurement = measurement_of(load, settings, *model);
    origin->run = present_program_run("library", origin->measurement.precision, model->n_threads());
  }

  ScanSettings settings;
  std::unique_ptr<Model> model;
  std::shared_ptr<ScanOrigin> origin = std::make_shared<ScanOrigin>();
};

Scanner::Scanner(const LoadOptions& load, ScanSettings settings)
    : state_(std::make_unique<State>(load, std::move(settings))) {}
Scanner::~Scanner() = default;
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner& Scanner::operator=(Scanner&&) noexcept = default;

Model& Scanner::model() const { return *state_->model; }

ScannedText Scanner::scan(std::string_view text, const std::string& name) const {
  Document document;
  document.place.id = name;
  document.body = std::string(text);
  return scan_all(std::span(&document, 1)).front();
}

ScannedText Scanner::scan_tokens(std::vector<TokenId> tokens, const std::string& name) const {
  Document document;
  document.place.id = name;
  document.body = std::move(tokens);
  return scan_all(std::span(&document, 1)).front();
}

std::vector<ScannedText> Scanner::scan_all(std::span<const Document> documents) const {
  const ScanSettings& settings = state_->settings;
  const Vocabulary& vocabulary = state_->model->vocabulary();
  const auto tokenize_messages = [&](const ChatMessages& messages) {
    return tokenize_chat(vocabulary, vocabulary.chat_template(), messages.json, messages.awaits_reply,
                         settings.special);
  };
  const DocumentTokenizer tokenizer(vocabulary, {settings.bos, settings.special, 0}, tokenize_messages);
  TokenSpool spool;
  for (const Document& document : documents) {
    for (const Sequence& sequence : tokenizer(document)) {
      spool.append(sequence);
    }
  }
  ScanOptions options;
  options.measurement = state_->origin->measurement;
  options.thresholds = settings.thresholds;
  options.should_stop = settings.should_stop;
  options.on_progress = settings.on_progress;
  EveryDocument found;
  sinkscope::scan(*state_->model, spool, found, options);
  std::vector<ScannedText> texts;
  for (ScannedDocument& document : found.all) {
    auto parts = std::make_shared<ScannedText::Parts>();
    parts->thresholds = settings.thresholds;
    parts->detection = document.judgement->detection;
    parts->document = std::make_shared<const ScannedDocument>(std::move(document));
    parts->origin = state_->origin;
    texts.emplace_back(std::move(parts));
  }
  return texts;
}

Explanation Scanner::explain(const std::string& path, ExplainRequest request) const {
  const ScanFile file = open_to_extend(path, *state_->origin);
  request.run.min_distance = file.options().min_distance;
  ModelWeights weights{GgufFile(model().facts().path)};
  ExplainedRows rows(file);
  rows.begin(request);
  const LoadSequence load = documents_to_explain(file, request.thresholds);
  measure_explanation(model(), weights, file.n_documents(), load, request, rows);
  return judge_explanation(file.n_documents(), load, request, rows);
}

AblatedResults Scanner::ablate(const std::string& path, AblateRequest request) const {
  const ScanFile file = open_to_extend(path, *state_->origin);
  const MeasurementOptions &scanned = file.options(), &mine = state_->origin->measurement;
  const auto check = [&](const char* what, const std::string& expected, const std::string& got) {
    if (expected == got) return;
    throw Error(ErrorCode::kInput, "'" + path + "': expected " + what + " " + expected +
                                       ", with which it was scanned, got " + got);
  };
  check("precision", scanned.precision, mine.precision);
  check("micro-batches of", std::to_string(scanned.n_ubatch), std::to_string(mine.n_ubatch));
  if (scanned.deployment != mine.deployment) {
    throw Error(ErrorCode::kInput, "'" + path + "': expected the caches, RoPE settings and adapters with which it was " +
                                       "scanned, got others");
  }
  request.run.min_distance = scanned.min_distance;
  const LoadToAblate load = [&](std::int64_t ordinal) {
    return sequence_to_ablate(file.document(ordinal), request.thresholds);
  };
  EffectRows rows(file);
  AblatedResults ablated;
  ablated.ablation = sinkscope::ablate(model(), file.n_documents(), load, request, rows);
  ablated.judgement = judge_ablation(ablated.ablation, request);
  return ablated;
}

}  // namespace sinkscope
