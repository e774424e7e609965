#include "store/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "store/effect_rows.h"
#include "store/explained_rows.h"
#include "store/explanation_blob.h"
#include "store/figures_blob.h"
#include "store/import_file.h"
#include "store/new_file.h"
#include "store/profiles_blob.h"
#include "store/scan_file.h"

namespace sinkscope {
namespace {

auto order_of(const Origin& origin) {
  return std::tie(origin.file, origin.line, origin.chunk, origin.id, origin.document_offset);
}

bool before(const Origin& a, const Origin& b) { return order_of(a) < order_of(b); }

// A document of the merged file, and where it is stored.
struct Entry {
  struct Place {
    std::size_t file = 0;
    std::int64_t ordinal = 0;
  };
  std::vector<Origin> origins;  // sorted, each once
  std::vector<Place> places;
};

using Entries = std::map<std::string, Entry>;  // by key

void check_mergeable(const ScanFile& first, const std::string& first_path, const ScanFile& other,
                     const std::string& path) {
  if (first.model().sha256 != other.model().sha256) {
    throw Error(ErrorCode::kInput,
                fmt::format("{}: holds results of another model than {}; expected {} (sha256 {}...), got {} ({}...)",
                            path, first_path, first.model().facts.name, first.model().sha256.substr(0, 12),
                            other.model().facts.name, other.model().sha256.substr(0, 12)));
  }
  if (const auto differences = option_differences(first.options(), other.options()); !differences.empty()) {
    const OptionDifference& difference = differences.front();
    throw Error(ErrorCode::kInput,
                fmt::format("{}: measured with other options than {}; expected {}; only equal ones merge", path,
                            first_path, in_words(difference)));
  }
}

Entries entries_of(const std::vector<ScanFile>& files) {
  Entries entries;
  for (std::size_t f = 0; f < files.size(); ++f) {
    files[f].for_each_place([&](std::int64_t ordinal, const std::string& key, std::vector<Origin>&& origins) {
      Entry& entry = entries[key];
      entry.places.push_back({f, ordinal});
      for (Origin& origin : origins) entry.origins.push_back(std::move(origin));
    });
  }
  for (auto& [key, entry] : entries) {
    std::ranges::sort(entry.origins, before);
    const auto repeated =
        std::ranges::unique(entry.origins, [](const Origin& a, const Origin& b) { return order_of(a) == order_of(b); });
    entry.origins.erase(repeated.begin(), repeated.end());
  }
  return entries;
}

std::vector<Entries::const_iterator> ordered(const Entries& entries) {
  std::vector<Entries::const_iterator> order;
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) order.push_back(entry);
  std::ranges::stable_sort(order, [](const auto& a, const auto& b) {
    return std::ranges::lexicographical_compare(a->second.origins, b->second.origins, before);
  });
  return order;
}

// Turns stored documents into records again.
class RecordReader {
 public:
  explicit RecordReader(const ScanFile& file) : file_(file) {}

  // returns  the record without origins, and the number of its program run
  std::pair<ScannedDocument, std::size_t> read(std::int64_t ordinal) {
    StoredDocument stored = file_.document(ordinal);
    ScannedDocument record;
    record.tokens = std::move(stored.tokens);
    record.figures = std::move(stored.figures);
    for (const TokenId token : record.tokens) {
      const auto [known, is_new] = token_bytes_.try_emplace(token);
      if (is_new) known->second = file_.token_bytes(token);
      record.token_bytes.push_back(known->second);
    }
    for (const ProfileShape& shape : file_.profile_shapes(ordinal)) {
      record.profiles.push_back(file_.profile(ordinal, shape.name));
    }
    return {std::move(record), stored.program_run};
  }

 private:
  const ScanFile& file_;
  std::unordered_map<TokenId, std::string> token_bytes_;
};

// What decides which of several measurements of a document is kept: any order does that all machines share.
std::vector<std::byte> measured_bytes(const ScannedDocument& record) {
  std::vector<std::byte> bytes = encode_figures(record.figures);
  for (const ProfileArray& profile : record.profiles) {
    const auto more = encode_profile(profile, encoding_for(profile));
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

// What is wrong with a stored document shows when it is read, or when it is stored again; both are its file's fault.
template <typename Work>
auto of_file(const std::string& path, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInternal && error.code() != ErrorCode::kInput) throw;
    // A disk or memory that fails while the file is read is no damage, and its own words say so.
    const std::string_view words = error.what();
    if (words.starts_with(path) && words.find("damaged") == words.npos) throw;
    throw Error(ErrorCode::kInput, fmt::format("{}: damaged or changed, so it is not merged; {}", path, error.what()));
  }
}

// Explanations of the files that are merged: all of one request, but for what may grow.
class MergedExplanations {
 public:
  MergedExplanations(const std::vector<ScanFile>& files, std::span<const std::string> paths) : paths_(paths) {
    for (std::size_t f = 0; f < files.size(); ++f) {
      rows_.emplace_back(files[f]);
      const auto request = rows_.back().request();
      if (!request) continue;
      if (!request_) {
        request_ = request;
        first_ = f;
      } else if (const auto difference = first_explain_difference(*request_, *request)) {
        throw Error(ErrorCode::kInput,
                    fmt::format("{}: explained with other options than {}; expected {} = {}, got {}; explain one of "
                                "them again with the options of the other",
                                paths[f], paths[first_], difference->name, difference->expected, difference->got));
      }
      request_->options.edit_sinks = std::max(request_->options.edit_sinks, request->options.edit_sinks);
      if (request_->layers != request->layers) request_->layers.clear();
      if (rows_.back().n_sequences() > 0) explained_.push_back(f);
    }
  }

  void begin(const ScanFile& merged) {
    if (!request_) return;
    merged_.emplace(merged);
    merged_->begin(*request_);
  }

  // Of several the one with most in it; of equally long ones the first as bytes.
  void add(const std::vector<Entry::Place>& places, std::int64_t ordinal) {
    std::vector<std::byte> best;
    std::optional<SequenceExplanation> chosen;
    for (const Entry::Place& place : places) {
      auto explanation = of_file(paths_[place.file], [&] { return rows_[place.file].find(place.ordinal); });
      if (!explanation) continue;
      auto bytes = encode_explanation(*explanation);
      if (chosen && (bytes.size() < best.size() || (bytes.size() == best.size() && best <= bytes))) continue;
      best = std::move(bytes);
      chosen = std::move(explanation);
    }
    if (!chosen) return;
    chosen->ordinal = ordinal;
    merged_->add(*chosen);
  }

  // Maps are of all sinks of a file: they stay where all files that were explained have the same.
  void finish() {
    if (explained_.empty()) return;
    const auto maps_of = [&](std::size_t f) { return of_file(paths_[f], [&] { return rows_[f].maps(); }); };
    const auto bytes_of = [](const std::vector<LayerMap>& maps) {
      std::vector<std::vector<std::byte>> bytes;
      for (const LayerMap& map : maps) bytes.push_back(encode_map(map));
      return bytes;
    };
    const std::vector<LayerMap> maps = maps_of(explained_.front());
    for (const std::size_t f : explained_) {
      if (bytes_of(maps_of(f)) != bytes_of(maps)) return;
    }
    merged_->set_maps(maps);
  }

 private:
  std::span<const std::string> paths_;
  std::vector<ExplainedRows> rows_;
  std::vector<std::size_t> explained_;  // files that have rows
  std::optional<ExplainRequest> request_;
  std::size_t first_ = 0;  // the file whose request it is
  std::optional<ExplainedRows> merged_;
};

// Effects of edits of the files that are merged: each edit stays what it is, whoever made it.
class MergedEffects {
 public:
  MergedEffects(const std::vector<ScanFile>& files, std::span<const std::string> paths) : paths_(paths) {
    for (const ScanFile& file : files) {
      rows_.emplace_back(file);
      for (std::string& specification : rows_.back().specifications()) {
        if (std::ranges::find(specifications_, specification) == specifications_.end()) {
          specifications_.push_back(std::move(specification));
        }
      }
    }
    std::ranges::sort(specifications_);
  }

  // Of several of one edit the first as bytes.
  void add(const ScanFile& merged, const std::vector<Entry::Place>& places, std::int64_t ordinal) const {
    std::vector<EffectRows::Added> kept;
    for (const std::string& specification : specifications_) {
      std::optional<std::vector<std::byte>> chosen;
      for (const Entry::Place& place : places) {
        auto stored = rows_[place.file].find(specification, place.ordinal);
        if (!stored) continue;
        of_file(paths_[place.file], [&] { check_effects(specification, *stored); });
        if (!chosen || stored->bytes < *chosen) chosen = std::move(stored->bytes);
      }
      if (chosen) kept.emplace_back(specification, std::move(*chosen));
    }
    if (!kept.empty()) EffectRows(merged).add(ordinal, kept);
  }

 private:
  std::span<const std::string> paths_;
  std::vector<EffectRows> rows_;
  std::vector<std::string> specifications_;
};

void add_skipped(const std::vector<ScanFile>& files, ScanFile& merged) {
  std::vector<SkippedLine> lines;
  for (const ScanFile& file : files) {
    for (SkippedLine& line : file.skipped()) lines.push_back(std::move(line));
  }
  std::ranges::sort(lines, [](const SkippedLine& a, const SkippedLine& b) {
    return std::tie(a.file, a.line, a.reason) < std::tie(b.file, b.line, b.reason);
  });
  for (const SkippedLine& line : lines) merged.add_skipped(line);
}

MergeSummary merge_scans(std::span<const std::string> inputs, const std::string& output, const ProgramRun& run) {
  std::vector<ScanFile> files;
  std::vector<std::vector<ProgramRun>> runs;
  for (const std::string& path : inputs) {
    files.push_back(ScanFile::open(path));
    check_mergeable(files.front(), inputs.front(), files.back(), path);
    runs.push_back(files.back().program_runs());
  }
  std::vector<RecordReader> readers;
  for (const ScanFile& file : files) readers.emplace_back(file);
  const Entries entries = entries_of(files);
  MergedExplanations explanations(files, inputs);
  const MergedEffects effects(files, inputs);

  MergeSummary summary;
  write_new_file(output, [&](const std::string& path) {
    ScanFile merged = ScanFile::open_or_create(path, files.front().model(), files.front().options(), run);
    add_skipped(files, merged);
    explanations.begin(merged);
    for (const auto& entry : ordered(entries)) {
      const auto& places = entry->second.places;
      std::size_t kept_file = places.front().file;
      auto [kept, kept_run] = readers[kept_file].read(places.front().ordinal);
      for (std::size_t i = 1; i < places.size(); ++i) {
        auto [other, other_run] = readers[places[i].file].read(places[i].ordinal);
        const bool is_first = of_file(inputs[kept_file], [&] { return measured_bytes(kept); }) <=
                              of_file(inputs[places[i].file], [&] { return measured_bytes(other); });
        if (is_first) continue;
        kept = std::move(other);
        kept_run = other_run;
        kept_file = places[i].file;
      }
      kept.origins = entry->second.origins;
      of_file(inputs[kept_file], [&] {
        if (kept_run >= runs[kept_file].size()) throw Error(ErrorCode::kInput, "a document names no program run");
        merged.use_program_run(runs[kept_file][kept_run]);
        merged.add(kept);
      });
      explanations.add(places, summary.documents);
      effects.add(merged, places, summary.documents);
      summary.tokens += kept.figures.n_tokens;
      ++summary.documents;
      summary.repeated += static_cast<std::int64_t>(places.size()) - 1;
    }
    explanations.finish();
    merged.finish();  // only the file itself gets the new name
  });
  return summary;
}

MergeSummary merge_imports(std::span<const std::string> inputs, const std::string& output) {
  MergeSummary summary;
  ImportedModel model;
  std::map<std::string, ImportedDocument> by_key;
  for (const std::string& path : inputs) {
    const ImportFile file(path);
    if (path == inputs.front()) model = file.model();
    if (file.model() != model) {
      throw Error(
          ErrorCode::kInput,
          fmt::format("{}: holds records of another model than {}; expected '{}' with {} layers, got '{}' with {}",
                      path, inputs.front(), model.name, model.n_layers, file.model().name, file.model().n_layers));
    }
    file.for_each_document([&](ImportedDocument&& document) {
      const auto [known, is_new] = by_key.try_emplace(document.key, document);
      if (is_new) return;
      known->second.line = std::min(known->second.line, document.line);
      ++summary.repeated;
    });
  }
  std::vector<ImportedDocument> documents;
  for (auto& [key, document] : by_key) {
    summary.tokens += document.n_tokens;
    documents.push_back(std::move(document));
  }
  std::ranges::stable_sort(documents, {}, &ImportedDocument::line);
  summary.documents = static_cast<std::int64_t>(documents.size());
  ImportFile::write(output, model, documents);
  return summary;
}

}  // namespace

MergeSummary merge_results(std::span<const std::string> inputs, const std::string& output, const ProgramRun& run) {
  if (inputs.empty()) throw Error(ErrorCode::kUsage, "merge: expected results files, got none");
  const ResultsKind kind = results_kind(inputs.front());
  for (const std::string& path : inputs) {
    if (results_kind(path) == kind) continue;
    throw Error(ErrorCode::kInput,
                fmt::format("{} and {}: one holds imported records, the other the results of a scan; imported records "
                            "merge with imported ones only",
                            inputs.front(), path));
  }
  return kind == ResultsKind::kScan ? merge_scans(inputs, output, run) : merge_imports(inputs, output);
}

}  // namespace sinkscope
