#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "probe/model_facts.h"
#include "sinks/figures.h"

namespace sinkscope {

// The model that a results file belongs to.
struct ModelRecord {
  ModelFacts facts;  // facts.path is neither stored nor read
  std::string sha256;
  std::vector<Lacking> lacking;
};

// How much of a document's measurement a results file keeps.
enum class Keep {
  kRuns,      // the figures of all candidate tokens
  kProfiles,  // and the profile arrays, [n_layers, n_tokens] each
  kHeads,     // and those by head, [n_layers, n_heads, n_tokens] each
};
std::string_view name_of(Keep keep);  // "runs", "profiles", "heads"
// throws  Error{kUsage} naming the three
Keep keep_from_name(std::string_view name);

// Everything that decides which numbers are measured. A results file holds documents of one such set only;
// thresholds are no part of it, since rules are applied to the stored figures afterwards.
struct MeasurementOptions {
  int min_distance = 64;
  std::string bos = "auto";  // auto, on, off
  bool special = false;      // control tokens in a text are parsed
  bool chat = false;
  int chunk = 0;  // tokens a chunk; 0: documents are whole
  int n_ubatch = 512;
  int parallel = 1;  // documents that may share a pack, which decides how micro-batches cut them
  std::string precision = "native";
  std::string cache_type_k = "f16";
  bool final_norm = false;  // the last layer's state is taken after the final norm, as the paper's code does
  CandidateFloor floor;
  Keep keep = Keep::kRuns;
};

// An option's name and its value as JSON text; for messages, the results file and JSON, in a fixed order.
using NamedOption = std::pair<std::string, std::string>;
std::vector<NamedOption> named_options(const MeasurementOptions& options);
// throws  Error{kInput} if a name lacks or a value is not of its kind; names that it does not know are ignored
MeasurementOptions options_from_names(std::span<const NamedOption> named);

// One run of the program that wrote into a results file. Kept as a record; never part of JSON, CSV or safetensors.
struct ProgramRun {
  std::string started_utc;  // ISO 8601
  std::string sinkscope_version;
  std::string llama_version;
  std::string compiler;
  std::string command;  // the arguments
  std::string precision;
  std::string cpu_features;
  int n_threads = 0;
  bool operator==(const ProgramRun&) const = default;
};

// Where a document's text came from. Equal texts are stored once, with all their origins.
struct Origin {
  std::string file;          // as the user named it; never part of JSON
  std::string id;            // the document's name: of the JSONL record, or the file's name without its folder
  std::optional<int> line;   // of the JSONL file, from 1
  std::optional<int> chunk;  // from 0; nothing where documents are whole
  // Position in the whole document = position in this sequence + document_offset. A chunk's own BOS lies on its
  // predecessor's last token, and on the document's BOS in the first chunk.
  std::int64_t document_offset = 0;
};

// What identifies a document: SHA-256 of its token ids as int32 little endian, then its prompt length likewise.
//
// tokens   as the network read them, with BOS
// returns  64 lower case hexadecimal digits
std::string document_key(std::span<const TokenId> tokens, int prompt_tokens);

// One document to be stored.
struct DocumentRecord {
  std::vector<TokenId> tokens;           // as the network read them, with BOS
  std::vector<std::string> token_bytes;  // [n_tokens] what each stands for; equal ids have equal bytes
  std::vector<Origin> origins;           // at least one
  SequenceFigures figures;               // n_tokens and prompt_tokens in it are the document's
  std::vector<ProfileArray> profiles;    // profile_arrays() where the file keeps them; empty for kRuns
};

// One document as it is read.
struct StoredDocument {
  std::int64_t ordinal = 0;  // from 0, in the order in which documents were stored
  std::string key;
  std::vector<TokenId> tokens;
  std::vector<Origin> origins;
  SequenceFigures figures;
  std::size_t program_run = 0;  // index into ScanFile::program_runs(): which run measured it
};

// A line of the input that was passed over.
struct SkippedLine {
  std::string file;
  int line = 0;
  std::string reason;
};

}  // namespace sinkscope
