#include "cli/scan_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "measure/pack_meter.h"
#include "sinks/figures.h"

namespace sinkscope {
namespace {

void refuse_long(const Sequence& sequence, int max_tokens) {
  const int n_tokens = static_cast<int>(sequence.tokens.size());
  if (n_tokens <= max_tokens) return;
  throw Error(ErrorCode::kInput,
              fmt::format("{} has {} tokens, the context holds {}: give -c {}, or --chunk {} to scan it in pieces",
                          describe(sequence.place), n_tokens, max_tokens, n_tokens,
                          std::max(1, max_tokens - std::max(1, sequence.bos_tokens))));
}

std::int64_t count_sinks(const SequenceFigures& figures, const Thresholds& thresholds) {
  const Detection detection = detect_by_evidence(figures, thresholds);
  return std::count_if(detection.runs.begin(), detection.runs.end(),
                       [](const Run& run) { return run.verdict == Verdict::kSink; });
}

bool all_there(const ScanFile& results, const std::vector<std::string>& keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return results.has_document(key); });
}

}  // namespace

Origin origin_of(const Sequence& sequence) {
  const InputPlace& place = sequence.place;
  Origin origin;
  origin.file = place.file;
  origin.id = place.id.empty() ? std::filesystem::path(place.file).filename().string() : place.id;
  if (place.line > 0) {
    origin.line = static_cast<int>(place.line);
    if (place.id.empty()) origin.id += fmt::format(":{}", place.line);
  }
  if (sequence.n_chunks > 1) origin.chunk = sequence.chunk_index;
  origin.document_offset = sequence.document_offset;
  return origin;
}

TokenSpool read_documents(DocumentSource& documents, const DocumentTokenizer& tokenizer, const ReadOptions& options,
                          const OnSkip& on_skip) {
  TokenSpool spool;
  while (const auto document = documents.next()) {
    if (options.should_stop && options.should_stop())
      throw Error(ErrorCode::kInterrupted, "stopped before the scan began");
    try {
      const std::vector<Sequence> sequences = tokenizer(*document);
      for (const Sequence& sequence : sequences) refuse_long(sequence, options.max_tokens);
      for (const Sequence& sequence : sequences) spool.append(sequence);
    } catch (const Error& error) {
      if (!options.corpus || error.code() != ErrorCode::kInput) throw;
      on_skip({document->place, error.what()});
    }
  }
  if (spool.size() == 0) throw Error(ErrorCode::kInput, "no document could be read: expected at least one");
  return spool;
}

std::vector<PackRange> plan_packs(std::span<const int> lengths, int max_tokens, int max_sequences) {
  std::vector<PackRange> packs;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool fits = !packs.empty() && packs.back().count < static_cast<std::size_t>(max_sequences) &&
                      tokens + lengths[i] <= max_tokens;
    if (!fits) {
      packs.push_back({i, 0});
      tokens = 0;
    }
    ++packs.back().count;
    tokens += lengths[i];
  }
  return packs;
}

DocumentRecord record_of(const Model& model, const Sequence& sequence, const SequenceMeasurement& measurement,
                         const MeasurementOptions& options) {
  DocumentRecord record;
  record.tokens = sequence.tokens;
  std::unordered_map<TokenId, std::string> known;
  record.token_bytes.reserve(record.tokens.size());
  for (const TokenId token : record.tokens) {
    const auto [entry, is_new] = known.try_emplace(token);
    if (is_new) entry->second = model.token_bytes(token);
    record.token_bytes.push_back(entry->second);
  }
  record.origins.push_back(origin_of(sequence));
  record.figures = reduce(measurement, sequence.prompt_tokens, options.floor);
  if (options.keep != Keep::kRuns) {
    record.profiles = profile_arrays(measurement, record.figures.candidate, options.keep == Keep::kHeads);
  }
  return record;
}

ScanSummary scan_sequences(Model& model, const TokenSpool& sequences, ScanFile& results, const ScanOptions& options) {
  std::vector<int> lengths(sequences.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = sequences.length(i);

  ScanSummary summary;
  summary.sequences = static_cast<std::int64_t>(sequences.size());
  ScanProgress progress;
  progress.documents_total = summary.sequences;
  progress.tokens_total = sequences.total_tokens();
  const auto report = [&] {
    if (options.on_progress) options.on_progress(progress);
  };

  for (const PackRange& range :
       plan_packs(lengths, pack_tokens(options.measurement.n_ubatch), options.measurement.parallel)) {
    Pack pack;
    std::vector<Sequence> members;
    std::vector<std::string> keys;
    for (std::size_t i = range.first; i < range.first + range.count; ++i) {
      members.push_back(sequences.read(i));
      keys.push_back(document_key(members.back().tokens, members.back().prompt_tokens));
      pack.sequences.push_back(members.back().tokens);
    }
    const int n_tokens = pack.n_tokens();
    if (all_there(results, keys)) {
      for (std::size_t i = 0; i < members.size(); ++i) results.add_origin(keys[i], origin_of(members[i]));
      summary.already_there += static_cast<std::int64_t>(members.size());
      progress.documents_total -= static_cast<std::int64_t>(members.size());
      progress.tokens_total -= n_tokens;
      continue;
    }

    RunOptions run;
    run.min_distance = options.measurement.min_distance;
    const std::int64_t before = progress.tokens_done;
    int micro_batches = 0;
    run.should_stop = [&] {
      progress.tokens_done = before + std::min(n_tokens, micro_batches++ * model.n_ubatch());
      report();
      return options.should_stop && options.should_stop();
    };
    MeterOptions meter_options;
    meter_options.min_distance = options.measurement.min_distance;
    meter_options.n_threads = model.n_threads();
    meter_options.n_kept_positions = positions_kept_for(options.measurement.floor);
    PackMeter meter(model.facts(), pack, meter_options);
    model.run(pack, meter, run);

    std::vector<SequenceMeasurement> measurements = meter.take();
    std::vector<DocumentRecord> records;
    for (std::size_t i = 0; i < members.size(); ++i) {
      records.push_back(record_of(model, members[i], measurements[i], options.measurement));
      measurements[i] = {};
      summary.watch_overflow += records.back().figures.n_watch_overflow;
      progress.sinks += count_sinks(records.back().figures, options.thresholds);
    }
    results.add(records);
    progress.documents_done += static_cast<std::int64_t>(members.size());
    progress.tokens_done = before + n_tokens;
    summary.tokens_run += n_tokens;
    report();
  }
  return summary;
}

}  // namespace sinkscope
