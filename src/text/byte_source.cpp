#include "text/byte_source.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace sinkscope {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kHeadBytes = 16;
constexpr std::size_t kPackedBytes = std::size_t{1} << 16;
constexpr std::string_view kGzip = "\x1F\x8B"sv;

[[noreturn]] void throw_unreadable(const std::string& path) {
  throw Error(ErrorCode::kInput, fmt::format("cannot read {}: {}", source_name(path), std::strerror(errno)));
}

[[noreturn]] void throw_damaged(const std::string& path, const char* what) {
  throw Error(ErrorCode::kInput,
              fmt::format("{} is packed by gzip and {}; fetch it again, or unpack what there is by gzip -dc",
                          source_name(path), what));
}

// Files that hold no text as they are, by their first bytes, with what they are and the command that makes a text.
struct OtherKind {
  std::string_view mark, what, command;
  bool (*is_it)(std::string_view head) = nullptr;  // what else must hold
};

// No text that begins with the word: its version's number has zeros.
bool has_gguf_version(std::string_view head) { return head.substr(0, 8).find('\0') != std::string_view::npos; }
// The header's length, below 2^48, and a JSON object.
bool has_safetensors_header(std::string_view head) { return head.size() > 8 && head.substr(6, 3) == "\0\0{"sv; }

constexpr std::array kOtherKinds = {
    OtherKind{"PAR1"sv, "a Parquet file",
              "convert it: duckdb -c \"COPY (FROM '{0}') TO 'corpus.jsonl'\", or with pandas python3 -c \"import pandas; "
              "pandas.read_parquet('{0}').to_json('corpus.jsonl', orient='records', lines=True)\", or with pyarrow alone "
              "python3 -c \"import json, pyarrow.parquet as p; [print(json.dumps(r, default=str)) for b in "
              "p.ParquetFile('{0}').iter_batches() for r in b.to_pylist()]\" > corpus.jsonl"},
    OtherKind{"ARROW1"sv, "an Arrow file",
              "convert it: python3 -c \"import pyarrow.feather as f; "
              "f.read_table('{0}').to_pandas().to_json('corpus.jsonl', orient='records', lines=True)\""},
    OtherKind{"\x28\xB5\x2F\xFD"sv, "packed by Zstandard", "unpack it on the way in: zstd -dc '{0}' | sinkscope ... -"},
    OtherKind{"\xFD"
              "7zXZ"sv,
              "packed by xz", "unpack it on the way in: xz -dc '{0}' | sinkscope ... -"},
    OtherKind{"BZh"sv, "packed by bzip2", "unpack it on the way in: bzip2 -dc '{0}' | sinkscope ... -"},
    OtherKind{"PK\x03\x04"sv, "a ZIP archive", "unpack it on the way in: unzip -p '{0}' | sinkscope ... -"},
    OtherKind{"SQLite "sv, "an SQLite file", "sinkscope show '{0}' shows a results file"},
    OtherKind{"GGUF"sv, "a GGUF model", "a model is given by -m, the text for it by -f", has_gguf_version},
    OtherKind{""sv, "a safetensors file", "token ids are given as JSON, by --tokens", has_safetensors_header},
    OtherKind{"\x80\x02"sv, "a PyTorch checkpoint", "models are read as GGUF files, given by -m"},
    OtherKind{"%PDF-"sv, "a PDF", "take its text out first: pdftotext '{0}'"},
    OtherKind{"\x89PNG\r\n\x1A\n"sv, "a PNG image", "give a text"},
    OtherKind{"\xFF\xD8\xFF"sv, "a JPEG image", "give a text"},
    OtherKind{"\x7F"
              "ELF"sv,
              "a program", "give a text"},
};

void refuse_other_kinds(const std::string& path, std::string_view head) {
  for (const OtherKind& kind : kOtherKinds) {
    if (!head.starts_with(kind.mark) || (kind.is_it != nullptr && !kind.is_it(head))) continue;
    std::string command(kind.command);
    for (std::size_t at; (at = command.find("{0}")) != std::string::npos;) command.replace(at, 3, path);
    throw Error(ErrorCode::kInput, fmt::format("{} is {}: expected text; {}", source_name(path), kind.what, command));
  }
}

}  // namespace

std::string source_name(const std::string& path) { return path == "-" ? "standard input" : "'" + path + "'"; }

class ByteSource::Unpacker {
 public:
  Unpacker() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Unpacker() { inflateEnd(&stream); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  z_stream stream{};
  std::array<char, kPackedBytes> packed;
  bool in_member = true;  // a file may be several, one after another
};

ByteSource::ByteSource(const std::string& path) : path_(path) {
  if (path == "-") {
    file_.reset(stdin);
  } else {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) throw_unreadable(path);
    if (S_ISDIR(status.st_mode)) {
      throw Error(ErrorCode::kInput, fmt::format("cannot read '{}': expected a file, got a directory", path));
    }
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (!file_) throw_unreadable(path);
  }
  head_.resize(kHeadBytes);
  head_.resize(std::fread(head_.data(), 1, kHeadBytes, file_.get()));
  if (std::ferror(file_.get())) throw_unreadable(path);
  refuse_other_kinds(path, head_);
  if (head_.starts_with(kGzip)) unpacker_ = std::make_unique<Unpacker>();
}

ByteSource::~ByteSource() = default;

std::size_t ByteSource::read(std::span<char> into) {
  if (unpacker_) return read_packed(into);
  std::size_t n = std::min(head_.size(), into.size());
  std::copy_n(head_.begin(), n, into.begin());
  head_.erase(0, n);
  if (n < into.size()) n += std::fread(into.data() + n, 1, into.size() - n, file_.get());
  if (n == 0 && std::ferror(file_.get())) throw_unreadable(path_);
  return n;
}

std::size_t ByteSource::read_packed(std::span<char> into) {
  z_stream& stream = unpacker_->stream;
  stream.next_out = reinterpret_cast<Bytef*>(into.data());
  stream.avail_out = static_cast<uInt>(into.size());
  while (stream.avail_out == into.size()) {
    if (stream.avail_in == 0) {
      auto& packed = unpacker_->packed;
      std::size_t n = head_.copy(packed.data(), head_.size());
      head_.clear();
      n += std::fread(packed.data() + n, 1, packed.size() - n, file_.get());
      if (std::ferror(file_.get())) throw_unreadable(path_);
      if (n == 0) {
        if (unpacker_->in_member) throw_damaged(path_, "cut off");
        return 0;
      }
      stream.next_in = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_in = static_cast<uInt>(n);
    }
    if (!unpacker_->in_member) {
      inflateReset(&stream);
      unpacker_->in_member = true;
    }
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      unpacker_->in_member = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      throw_damaged(path_, "damaged");
    }
  }
  return into.size() - stream.avail_out;
}

}  // namespace sinkscope
