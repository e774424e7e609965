#include "api/scanner.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "api/capture_observer.h"
#include "api/parts.h"
#include "api/program_run.h"
#include "base/error.h"
#include "engine/llama/chat_renderer.h"
#include "engine/llama/model_file.h"
#include "formation/explain.h"
#include "impact/token_effect.h"
#include "probe/edit.h"
#include "scan/result_sink.h"
#include "store/ablated_file.h"
#include "store/ablation_rows.h"
#include "store/detector_rows.h"
#include "store/explained_file.h"
#include "store/explained_rows.h"
#include "store/head_reach_rows.h"
#include "store/protection_rows.h"
#include "text/documents.h"
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
  return ScanFile::open_or_create(path, origin.model->with_digest(), file.options(), origin.run);
}

// Refuses a model whose figures would not be those of the scan.
void check_measured_alike(const std::string& path, const MeasurementOptions& scanned, const MeasurementOptions& mine) {
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
}

LoadToAblate sequences_of(const ScanFile& file, const Thresholds& thresholds) {
  return [&file, thresholds](std::int64_t ordinal) { return sequence_to_ablate(file.document(ordinal), thresholds); };
}

}  // namespace

Document chat_document(const std::string& messages, const std::string& name) {
  return *chat_source(messages, {.id = name})->next();
}

struct Scanner::State {
  State(const LoadOptions& load, ScanSettings asked) : settings(std::move(asked)) {
    const ModelFile file(load.path, load.deployment.override_kv);
    model = load_model(file, load);
    origin->model = std::make_shared<OriginModel>(
        ModelRecord{model->facts(), "", {model->lacking().begin(), model->lacking().end()}, file.notes()});
    const FarDistance far = far_distance(settings.min_distance, model->facts().sliding_window);
    settings.min_distance = far.min_distance;
    if (!far.note.empty()) origin->model->record.notes.push_back(far.note);
    origin->measurement = measurement_of(load, settings, *model);
    origin->run = present_program_run("library", origin->measurement.precision, model->n_threads());
  }

  // The origin of texts that were measured under these edits, and of whose scan this is to be said.
  std::shared_ptr<ScanOrigin> origin_with(std::span<Edit* const> edits, std::vector<std::string> notes) const {
    if (edits.empty() && notes.empty()) return origin;
    auto other = std::make_shared<ScanOrigin>(*origin);
    other->notes = std::move(notes);
    if (edits.empty()) return other;
    other->measurement.edits = description_of(edits);
    other->measurement.parallel = 1;
    return other;
  }

  RunOptions run_with(std::span<Edit* const> edits) const {
    return {settings.min_distance, settings.should_stop, {edits.begin(), edits.end()}};
  }

  ChatTokenizer chat_tokenizer() const {
    const Vocabulary& vocabulary = model->vocabulary();
    return {vocabulary, settings.chat_template.empty() ? vocabulary.chat_template() : settings.chat_template,
            settings.special, settings.should_stop};
  }
  // The tokenizer of chats must outlive it.
  DocumentTokenizer tokenizer(ChatTokenizer& tokenize_chat, bool cut_padding) const {
    const TokenizeOptions options{.bos = settings.bos, .special = settings.special, .cut_padding = cut_padding};
    return {model->vocabulary(), options, [&tokenize_chat](const ChatMessages& messages) {
              return tokenize_chat(messages.json, messages.awaits_reply);
            }};
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

const std::vector<std::string>& Scanner::notes() const { return state_->origin->model->record.notes; }

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

std::vector<TokenId> Scanner::tokens_of(const Document& document) const {
  ChatTokenizer tokenize_chat = state_->chat_tokenizer();
  return std::move(state_->tokenizer(tokenize_chat, false)(document).front().tokens);
}

std::vector<ScannedText> Scanner::scan_all(std::span<const Document> documents, std::span<Edit* const> edits) const {
  const ScanSettings& settings = state_->settings;
  ChatTokenizer tokenize_chat = state_->chat_tokenizer();
  const DocumentTokenizer tokenizer = state_->tokenizer(tokenize_chat, true);
  TokenSpool spool;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    try {
      for (const Sequence& sequence : tokenizer(documents[i])) spool.append(sequence);
    } catch (const Error& error) {
      if (documents.size() == 1) throw;
      throw Error(error.code(), "text " + std::to_string(i) + ": " + error.what());
    }
  }
  std::vector<std::string> notes = tokenize_chat.notes();
  std::ranges::move(tokenizer.notes(), std::back_inserter(notes));
  const std::shared_ptr<ScanOrigin> origin = state_->origin_with(edits, std::move(notes));
  ScanOptions options;
  options.measurement = origin->measurement;
  options.edits.assign(edits.begin(), edits.end());
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
    parts->origin = origin;
    texts.emplace_back(std::move(parts));
  }
  return texts;
}

ArrayView Scanner::loss(std::span<const TokenId> tokens, std::span<Edit* const> edits) const {
  const Pack pack{{{tokens.begin(), tokens.end()}}};
  FinalStates states(pack.n_tokens());
  model().run(pack, states, state_->run_with(edits));
  const auto losses = std::make_shared<std::vector<float>>(
      next_token_losses(model(), tokens, states.states(), state_->settings.should_stop));
  losses->push_back(std::numeric_limits<float>::quiet_NaN());
  return {{losses->size()}, *losses, losses};
}

std::vector<ArrayView> Scanner::capture(std::span<const TokenId> tokens, std::span<const Captured> captured,
                                        std::span<Edit* const> edits) const {
  const Pack pack{{{tokens.begin(), tokens.end()}}};
  CaptureObserver observer(model(), pack.n_tokens(), captured);
  model().run(pack, observer, state_->run_with(edits));
  return observer.take();
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
  check_measured_alike(path, file.options(), state_->origin->measurement);
  request.run.min_distance = file.options().min_distance;
  const LoadToAblate load = sequences_of(file, request.thresholds);
  AblationRows rows(file);
  AblatedResults ablated;
  ablated.ablation = sinkscope::ablate(model(), file.n_documents(), load, request, rows);
  ablated.judgement = judge_ablation(ablated.ablation, request);
  ablated.request = std::move(request);
  return ablated;
}

ProtectedResults Scanner::protect(const std::string& path, ProtectRequest request) const {
  const ScanFile file = open_to_extend(path, *state_->origin);
  check_measured_alike(path, file.options(), state_->origin->measurement);
  request.run.min_distance = file.options().min_distance;
  ProtectionRows rows(file);
  ProtectedResults found;
  found.sequences =
      sinkscope::protect(model(), file.n_documents(), sequences_of(file, request.thresholds), request, rows);
  found.judgement = judge_protection(found.sequences, request, model().facts().adds_bos);
  found.request = std::move(request);
  return found;
}

HeadPattern Scanner::head_reach(const std::string& path, HeadReachRequest request) const {
  const ScanFile file = open_to_extend(path, *state_->origin);
  check_measured_alike(path, file.options(), state_->origin->measurement);
  const LoadToAblate load = sequences_of(file, {});
  HeadReachRows rows(file);
  return {file.model().facts.name, file.model().sha256,
          measure_head_reach(model(), file.n_documents(), load, request, rows)};
}

ModelDetector Scanner::detector(const std::string& path, ProtectRequest request) const {
  const ScanFile file = open_to_extend(path, *state_->origin);
  check_measured_alike(path, file.options(), state_->origin->measurement);
  request.run.min_distance = file.options().min_distance;
  const LoadToAblate load = sequences_of(file, request.thresholds);
  DetectorRows rows(file);
  return {file.model().facts.name, file.model().sha256,
          measure_detector(model(), file.n_documents(), load, request, rows)};
}

}  // namespace sinkscope
