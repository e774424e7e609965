#include "scan/scan.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "probe/edit.h"
#include "scan/examine.h"
#include "scan/packs.h"

namespace sinkscope {
namespace {

// A pack, and what its documents are called.
struct Batch {
  Pack pack;
  std::vector<Sequence> members;
  std::vector<std::string> keys;
};

Batch read_batch(const TokenSpool& sequences, const PackRange& range) {
  Batch batch;
  for (std::size_t i = range.first; i < range.first + range.count; ++i) {
    batch.members.push_back(sequences.read(i));
    const Sequence& sequence = batch.members.back();
    batch.keys.push_back(document_key(sequence.tokens, sequence.prompt_tokens));
    batch.pack.sequences.push_back(sequence.tokens);
  }
  return batch;
}

std::vector<PackRange> packs_of(const TokenSpool& sequences, const MeasurementOptions& options,
                                std::optional<int> short_tokens) {
  std::vector<int> lengths(sequences.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = sequences.length(i);
  return plan_packs(lengths, {pack_tokens(options.n_ubatch), options.parallel, short_tokens});
}

std::vector<std::string> bytes_of(const Vocabulary& vocabulary, const std::vector<TokenId>& tokens) {
  std::unordered_map<TokenId, std::string> known;
  std::vector<std::string> bytes;
  bytes.reserve(tokens.size());
  for (const TokenId token : tokens) {
    const auto [entry, is_new] = known.try_emplace(token);
    if (is_new) entry->second = vocabulary.token_bytes(token);
    bytes.push_back(entry->second);
  }
  return bytes;
}

ScannedDocument document_of(const Vocabulary& vocabulary, const Sequence& sequence, Examined&& examined,
                            const Thresholds& thresholds) {
  ScannedDocument document;
  document.tokens = sequence.tokens;
  document.token_bytes = bytes_of(vocabulary, sequence.tokens);
  document.origins.push_back(origin_of(sequence));
  document.figures = std::move(examined.figures);
  document.profiles = std::move(examined.profiles);
  document.judgement = Judgement{thresholds, std::move(examined.detection)};
  return document;
}

ExamineOptions examine_options(const ScanOptions& options, const std::vector<Sequence>& members) {
  ExamineOptions examine;
  examine.run.min_distance = options.measurement.min_distance;
  examine.run.edits = options.edits;
  for (const Sequence& sequence : members) examine.prompt_tokens.push_back(sequence.prompt_tokens);
  examine.floor = options.measurement.floor;
  examine.thresholds = options.thresholds;
  examine.keep = options.measurement.keep;
  return examine;
}

}  // namespace

ScanSummary scan(Model& model, const TokenSpool& sequences, ResultSink& results, const ScanOptions& options) {
  if (const std::string edits = description_of(options.edits); options.measurement.edits != edits) {
    throw Error(ErrorCode::kInternal, "scan: expected the measurement option edits to be what is edited, '" + edits +
                                          "', got '" + options.measurement.edits + "'");
  }
  ScanSummary summary;
  summary.sequences = static_cast<std::int64_t>(sequences.size());
  ScanProgress progress;
  progress.documents_total = summary.sequences;
  progress.tokens_total = sequences.total_tokens();
  const auto report = [&] {
    if (options.on_progress) options.on_progress(progress);
  };

  std::unordered_set<std::string> keys;  // of the input so far
  for (const PackRange& range : packs_of(sequences, options.measurement, model.short_rope_tokens())) {
    const Batch batch = read_batch(sequences, range);
    const auto n_members = static_cast<std::int64_t>(batch.members.size());
    const int n_tokens = batch.pack.n_tokens();
    const auto n_new = std::ranges::count_if(batch.keys, [&](const std::string& key) { return keys.insert(key).second; });
    summary.repeated += n_members - n_new;
    if (std::ranges::all_of(batch.keys, [&](const std::string& key) { return results.has(key); })) {
      for (std::size_t i = 0; i < batch.members.size(); ++i) {
        results.add_origin(batch.keys[i], origin_of(batch.members[i]));
      }
      summary.already_there += n_new;
      progress.documents_total -= n_members;
      progress.tokens_total -= n_tokens;
      continue;
    }

    ExamineOptions examined = examine_options(options, batch.members);
    const std::int64_t before = progress.tokens_done;
    int micro_batches = 0;
    examined.run.should_stop = [&] {
      progress.tokens_done = before + std::min(n_tokens, micro_batches++ * model.n_ubatch());
      report();
      return options.should_stop && options.should_stop();
    };
    std::vector<Examined> results_of_pack = examine(model, batch.pack, examined);
    std::vector<ScannedDocument> documents;
    for (std::size_t i = 0; i < batch.members.size(); ++i) {
      summary.watch_overflow += results_of_pack[i].figures.n_watch_overflow;
      progress.sinks += results_of_pack[i].detection.n_sinks();
      documents.push_back(
          document_of(model.vocabulary(), batch.members[i], std::move(results_of_pack[i]), options.thresholds));
    }
    results.add(documents);
    progress.documents_done += n_members;
    progress.tokens_done = before + n_tokens;
    summary.tokens_run += n_tokens;
    report();
  }
  return summary;
}

}  // namespace sinkscope
