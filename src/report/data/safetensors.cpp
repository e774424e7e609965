#include "report/data/safetensors.h"

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "report/data/safetensors_header.h"

namespace sinkscope {
namespace {

constexpr std::size_t kElement_bytes = 4;  // of F32 and of I32

// One array as the header lists it.
struct Entry {
  std::int64_t ordinal;
  ProfileShape array;  // of token_ids: one axis
};

constexpr const char* kTokenIds = "token_ids";

std::size_t size_bytes(const Entry& entry) {
  std::size_t n = kElement_bytes;
  for (const std::size_t axis : entry.array.shape) n *= axis;
  return n;
}

std::vector<Entry> entries_of(const ScanFile& file, std::int64_t first, std::int64_t last) {
  std::vector<Entry> entries;
  for (std::int64_t ordinal = first; ordinal <= last; ++ordinal) {
    const auto shapes = file.profile_shapes(ordinal);
    if (shapes.empty()) continue;
    entries.push_back({ordinal, {kTokenIds, {shapes.front().columns()}, ProfileEncoding::kFloat}});
    for (const ProfileShape& shape : shapes) entries.push_back({ordinal, shape});
  }
  return entries;
}

std::vector<SafetensorsEntry> listed(const std::vector<Entry>& entries, bool prefixed) {
  std::vector<SafetensorsEntry> list;
  for (const Entry& entry : entries) {
    const std::string name = prefixed ? fmt::format("{}/{}", entry.ordinal, entry.array.name) : entry.array.name;
    list.push_back({name, entry.array.name == kTokenIds ? "I32" : "F32", entry.array.shape, size_bytes(entry)});
  }
  return list;
}

}  // namespace

void write_safetensors(const ScanFile& file, std::optional<std::int64_t> ordinal, std::ostream& out) {
  if (file.options().keep == Keep::kRuns) {
    throw Error(ErrorCode::kUsage,
                "safetensors: expected a file that keeps profiles, got one that keeps runs only; scan again with "
                "--keep profiles, or heads, into a new file");
  }
  const std::int64_t n_documents = file.n_documents();
  if (ordinal && (*ordinal < 0 || *ordinal >= n_documents)) {
    throw Error(ErrorCode::kInput,
                fmt::format("safetensors: expected a document from 0 to {}, got {}", n_documents - 1, *ordinal));
  }
  const auto entries = entries_of(file, ordinal.value_or(0), ordinal.value_or(n_documents - 1));
  write_safetensors_header(
      {{"schema", "sinkscope.profiles/1"},
       {"model", file.model().facts.name},
       {"model_sha256", file.model().sha256},
       {"precision", "stored as float16 times a power of two for each row: relative error at most 2^-11"}},
      listed(entries, !ordinal && n_documents != 1), out);
  for (const Entry& entry : entries) {
    if (entry.array.name == kTokenIds) {
      write_little_endian(file.document(entry.ordinal).tokens, out);
    } else {
      write_little_endian(file.profile(entry.ordinal, entry.array.name).values, out);
    }
    if (!out) break;
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "safetensors: writing failed; check the free space");
}

}  // namespace sinkscope
