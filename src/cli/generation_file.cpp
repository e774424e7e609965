#include "cli/generation_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "scan/scanned_document.h"
#include "text/bounded_json.h"
#include "text/json_bodies.h"
#include "text/jsonl.h"
#include "text/line_reader.h"

namespace sinkscope {
namespace {

std::string key_of(std::span<const TokenId> prompt) { return document_key(prompt, static_cast<int>(prompt.size())); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: {}; it was left as it is, give another -o", path, why));
}

[[noreturn]] void fail(const std::string& path) {
  throw Error(ErrorCode::kOutput, fmt::format("{}: cannot be written; {}; check the path, its permissions and the free "
                                              "space",
                                              path, std::strerror(errno)));
}

// What the line says of where it came from, in words that show a difference.
std::string in_words(const GenerationSource& source) {
  return fmt::format("model {} ({}...), temperature {}, top-p {}, top-k {}, seed {}, at most {} tokens{}{}",
                     source.model, source.sha256.substr(0, 12), source.sampling.temperature, source.sampling.top_p,
                     source.sampling.top_k, source.sampling.seed, source.max_tokens,
                     source.deployment.empty() ? "" : ", ", source.deployment);
}

GenerationSource source_of(const nlohmann::ordered_json& text) {
  const nlohmann::ordered_json& sampling = text.at("sampling");
  GenerationSource source;
  source.model = text.at("model").get<std::string>();
  source.sha256 = text.at("sha256").get<std::string>();
  source.sampling.temperature = sampling.at("temperature").get<float>();
  source.sampling.top_p = sampling.at("top_p").get<float>();
  source.sampling.top_k = sampling.at("top_k").get<int>();
  source.sampling.seed = sampling.at("seed").get<std::uint32_t>();
  source.max_tokens = sampling.at("max_tokens").get<int>();
  source.deployment = text.value("deployment", "");
  return source;
}

// The whole lines of a file in bytes; what follows the last of them was cut off.
std::uintmax_t whole_lines(const std::string& path, std::uintmax_t size) {
  std::ifstream file(path, std::ios::binary);
  std::string block;
  for (std::uintmax_t end = size; end > 0;) {
    const std::uintmax_t begin = end > 65536 ? end - 65536 : 0;
    block.resize(end - begin);
    file.seekg(static_cast<std::streamoff>(begin));
    if (!file.read(block.data(), static_cast<std::streamsize>(block.size()))) fail(path);
    if (const auto at = block.rfind('\n'); at != std::string::npos) return begin + at + 1;
    end = begin;
  }
  return 0;
}

bool begins_a_text(const std::string& path) {
  const std::string expected = fmt::format("{{\"schema\": \"{}\"", kGenerationSchema);
  std::string start(expected.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return expected.starts_with(start);
}

}  // namespace

GenerationFile::GenerationFile(const std::string& path, const GenerationSource& source)
    : path_(path), source_(source), lock_(path) {
  if (!begins_a_text(path)) refuse(path, "expected a file of generated texts, or none, got another");
  const std::uintmax_t size = std::filesystem::file_size(path), whole = whole_lines(path, size);
  read_texts();
  if (whole < size && truncate(path.c_str(), static_cast<off_t>(whole)) != 0) fail(path);
}

void GenerationFile::read_texts() {
  LineReader lines(path_, kMaxLineBytes);
  const std::uintmax_t whole = whole_lines(path_, std::filesystem::file_size(path_));
  std::uintmax_t read = 0;
  std::string line;
  for (auto result = lines.next(line); result != LineReader::Result::kEnd; result = lines.next(line)) {
    if (result == LineReader::Result::kTooLong) {
      refuse(path_, fmt::format("line {} is longer than {} bytes", lines.line_number(), kMaxLineBytes));
    }
    read += line.size() + 1;
    if (read > whole) return;
    GenerationSource found;
    try {
      const nlohmann::ordered_json text = parse_bounded_json(line);
      if (text.at("schema") != kGenerationSchema) throw Error(ErrorCode::kInput, "another schema");
      const auto prompt = tokens_of(text.at("prompt_tokens")), output = tokens_of(text.at("output_tokens"));
      if (!prompt || !output) throw Error(ErrorCode::kInput, "no token ids");
      found = source_of(text);
      add(*prompt, *output);
    } catch (const std::exception& error) {
      refuse(path_, fmt::format("line {} is no generated text ({})", lines.line_number(), error.what()));
    }
    GenerationSource expected = source_;
    expected.model = found.model;  // the digest says which it is
    expected.sampling.seed = seed(texts_.size() - 1);
    if (found != expected) {
      refuse(path_, fmt::format("line {} was generated otherwise; expected {}, got {}", lines.line_number(),
                                in_words(expected), in_words(found)));
    }
  }
}

void GenerationFile::add(std::span<const TokenId> prompt, std::span<const TokenId> output) {
  texts_.push_back(key_of(prompt));
  std::vector<TokenId> whole(prompt.begin(), prompt.end());
  whole.insert(whole.end(), output.begin(), output.end());
  documents_.insert(document_key(whole, static_cast<int>(prompt.size())));
  n_output_tokens_ += static_cast<std::int64_t>(output.size());
}

void GenerationFile::check_prompt(std::size_t i, std::span<const TokenId> prompt) const {
  if (texts_.at(i) == key_of(prompt)) return;
  refuse(path_, fmt::format("line {} continues another prompt than the input's document {}", i + 1, i + 1));
}

void GenerationFile::append(const GeneratedText& text) {
  const std::string line = generation_line(source_, text);
  const int descriptor = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) fail(path_);
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = write(descriptor, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    written += static_cast<std::size_t>(n);
  }
  const bool kept = written == line.size() && fsync(descriptor) == 0;
  const int reason = errno;
  close(descriptor);
  if (!kept) {
    errno = reason;
    fail(path_);
  }
  add(text.prompt_tokens, text.output_tokens);
}

}  // namespace sinkscope
