#include "gguf/digest.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "base/whole_file.h"
#include "gguf/model_parts.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const std::string& text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return sha.hex();
}

// What a cached digest belongs to, as one line: any change of the file changes it.
std::string identity(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    throw Error(ErrorCode::kModel, fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  }
  return fmt::format("{} {} {} {} {} {}", fs::canonical(path).string(), status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_dev, status.st_ino);
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::optional<std::string> cached(const fs::path& entry, const std::string& file_identity) {
  constexpr std::size_t kMostBytes = 1 << 16;
  std::istringstream in(read_whole_file(entry.string(), kMostBytes).bytes);
  std::string digest, stored;
  if (!(in >> digest) || !std::getline(in >> std::ws, stored)) return std::nullopt;
  if (!is_digest(digest) || stored != file_identity) return std::nullopt;
  return digest;
}

void keep(const fs::path& entry, const std::string& digest, const std::string& file_identity) {
  std::error_code ignored;
  fs::create_directories(entry.parent_path(), ignored);
  try {
    write_whole_file(entry.string(), entry.string(),
                     [&](std::ostream& out) { out << digest << " " << file_identity << "\n"; });
  } catch (const Error&) {
    // Then it is read again the next time.
  }
}

bool was_still(const std::string& path) {
  std::error_code error;
  const auto changed = fs::last_write_time(path, error);
  return !error && fs::file_time_type::clock::now() - changed > std::chrono::seconds(2);
}

std::string file_sha256(const std::string& path, const fs::path& cache, const std::function<bool()>& should_stop) {
  const std::string before = identity(path);
  const fs::path entry = cache.empty() ? fs::path() : cache / digest_of(fs::canonical(path).string());
  if (!entry.empty()) {
    if (const auto digest = cached(entry, before)) return *digest;
  }
  std::string digest;
  try {
    digest = sha256_of_file(path, should_stop);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kModel, error.what());
  }
  if (!entry.empty() && was_still(path) && identity(path) == before) keep(entry, digest, before);
  return digest;
}

}  // namespace

std::string model_sha256(const std::string& path, const fs::path& cache, const std::function<bool()>& should_stop) {
  if (!is_named_as_part(path)) return file_sha256(path, cache, should_stop);
  const std::vector<std::string> parts = model_parts(GgufFile(path));
  if (parts.size() == 1) return file_sha256(path, cache, should_stop);
  std::string digests;
  for (const std::string& part : parts) digests += file_sha256(part, cache, should_stop);
  return digest_of(digests);
}

ModelDigest::ModelDigest(const std::string& path, const fs::path& cache)
    : digest_(std::async(std::launch::async, [this, path, cache] {
        return model_sha256(path, cache, [this] { return stopped_.load(); });
      })) {}

}  // namespace sinkscope
