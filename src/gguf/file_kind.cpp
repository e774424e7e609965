#include "gguf/file_kind.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr char kConvert[] =
    "convert the model's folder with llama.cpp's convert_hf_to_gguf.py, or fetch a GGUF file of it";

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, word) != words.end();
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view without_blanks(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text;
}

bool is_text(std::string_view head) {
  return std::ranges::none_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f';
  });
}

// The first words of a text, for a message.
std::string beginning_of(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown(text.substr(0, std::min(text.find_first_of("\r\n"), kShown)));
  // No part of a character at the cut.
  const auto goes_on = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  if (shown.size() < text.size() && goes_on(text[shown.size()])) {
    while (!shown.empty() && goes_on(shown.back())) shown.pop_back();
    if (!shown.empty()) shown.pop_back();
  }
  return shown;
}

OtherFile what_is_json(std::string_view json) {
  const auto has = [&](std::string_view piece) { return json.find(piece) != std::string_view::npos; };
  if (has("application/vnd.ollama") || has("application/vnd.docker.distribution.manifest")) {
    return {"a manifest of Ollama",
            "give the blob whose digest it names beside application/vnd.ollama.image.model: blobs/sha256-..."};
  }
  if (has("\"weight_map\"")) return {"the index of a model in safetensors", kConvert};
  if (has("\"architectures\"") || has("\"model_type\"")) return {"the configuration of a Hugging Face model", kConvert};
  if (has("\"error\"")) return {"an error message that was saved as a file", "download the model again"};
  return {"a JSON text", "give the path of a GGUF file; sinkscope models lists those found here"};
}

// A folder with a model in other files than GGUF.
bool holds_weights(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string extension = at->path().extension().string();
    if (extension == ".safetensors" || extension == ".bin" || extension == ".pth") return true;
  }
  return false;
}

std::string first_gguf_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".gguf") names.push_back(at->path().filename().string());
  }
  return names.empty() ? std::string() : *std::ranges::min_element(names);
}

constexpr std::array kEncoders = {"bert"sv,      "modern-bert"sv,  "nomic-bert"sv,      "nomic-bert-moe"sv,
                                  "neo-bert"sv,  "jina-bert-v2"sv, "jina-bert-v3"sv,    "eurobert"sv,
                                  "t5encoder"sv, "llama-embed"sv,  "gemma-embedding"sv, "distilbert"sv,
                                  "roberta"sv,   "xlm-roberta"sv};
constexpr std::array kDiffusion = {"dream"sv, "llada"sv, "llada-moe"sv, "rnd1"sv};
constexpr std::array kDrafts = {"eagle3"sv, "dflash"sv, "gemma4-assistant"sv};
constexpr std::array kSound = {"wavtokenizer-dec"sv, "qwen3tts"sv, "pockettts"sv, "whisper"sv};
constexpr std::array kImages = {"flux"sv,   "sd1"sv, "sd3"sv,   "sdxl"sv,    "aura"sv, "hidream"sv,   "ltxv"sv,
                                "cosmos"sv, "wan"sv, "hyvid"sv, "lumina2"sv, "pig"sv,  "qwen_image"sv};

std::optional<OtherFile> by_architecture(const GgufMetadata& metadata, const std::string& arch) {
  const std::string sinks = "attention sinks are defined for causal attention only: give a causal language model";
  if (is_one_of(arch, kEncoders) || metadata.flag(arch + ".attention.causal") == false) {
    return OtherFile{fmt::format("an encoder ({}), whose tokens also see later ones", arch), sinks};
  }
  if (arch == "t5") return OtherFile{"a model with an encoder before its decoder (t5)", sinks};
  if (is_one_of(arch, kDiffusion)) {
    return OtherFile{fmt::format("a diffusion model of text ({}), whose tokens also see later ones", arch), sinks};
  }
  if (is_one_of(arch, kDrafts)) {
    return OtherFile{fmt::format("a draft model ({}), which runs on another model's states", arch),
                     "give the model that it drafts for"};
  }
  if (is_one_of(arch, kSound)) return OtherFile{fmt::format("a model of sound ({})", arch), "give a language model"};
  if (is_one_of(arch, kImages)) {
    return OtherFile{fmt::format("a model of images or films ({})", arch), "give a language model"};
  }
  return std::nullopt;
}

// Keys without which no language model can be made.
std::optional<OtherFile> by_missing_key(const GgufFile& file, const std::string& arch) {
  const GgufMetadata& metadata = file.metadata();
  for (const std::string& key : {arch + ".block_count", arch + ".embedding_length", arch + ".context_length",
                                 std::string("tokenizer.ggml.model")}) {
    if (metadata.find(key) != nullptr) continue;
    return OtherFile{fmt::format("a GGUF file without {}, which a language model needs", key),
                     "it was written by an old or another converter: fetch a newer file, or convert the model again "
                     "with a current llama.cpp"};
  }
  return std::nullopt;
}

}  // namespace

OtherFile what_is_no_gguf(std::span<const std::byte> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view text = without_blanks(head);
  const std::string begin = lower(text.substr(0, 512));
  if (head.empty()) return {"an empty file", "fetch the model again"};
  if (head.starts_with("version https://git-lfs.github.com/spec/")) {
    return {"a pointer of Git LFS, which stands for the model's file", "fetch the file itself: git lfs pull"};
  }
  if (begin.starts_with("<!doctype html") || begin.starts_with("<html") || begin.starts_with("<head")) {
    return {"a saved HTML page",
            "download the model itself, by the link of its file (on Hugging Face .../resolve/..., "
            "not .../blob/...)"};
  }
  if (begin.starts_with("<?xml") || begin.starts_with("<error")) {
    return {"an XML text, such as a download site answers with", "download the model again"};
  }
  constexpr std::size_t kLengthBytes = 8;
  if (head.size() > kLengthBytes + 1 && head[kLengthBytes] == '{' && head[kLengthBytes - 1] == '\0' &&
      head[kLengthBytes - 2] == '\0') {
    return {"a safetensors file", kConvert};
  }
  if (head.starts_with("PK\x03\x04") || head.starts_with("\x80\x02")) {
    return {"a PyTorch checkpoint or a ZIP archive", kConvert};
  }
  if (head.starts_with("\x1F\x8B") || head.starts_with("\x28\xB5\x2F\xFD") || head.starts_with("BZh") ||
      head.starts_with("\xFD"
                       "7zXZ")) {
    return {"a compressed file", "unpack it first"};
  }
  for (const std::string_view old : {"lmgg"sv, "fmgg"sv, "tjgg"sv, "algg"sv}) {
    if (!head.starts_with(old)) continue;
    return {"a file in a format of before GGUF (GGML)", "fetch a GGUF file, or convert the model again"};
  }
  if (head.starts_with("SQLite format 3")) {
    return {"an SQLite file, such as a results file", "give the model that was scanned"};
  }
  if (text.starts_with('{') && is_text(head)) return what_is_json(text);
  if (is_text(head)) {
    return {fmt::format("a text that begins \"{}\"", beginning_of(text)), "give the path of a GGUF file"};
  }
  return {"a file of an unknown kind, as its first bytes are not 'GGUF'", kConvert};
}

std::optional<OtherFile> what_is_no_file(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status) || !fs::exists(status)) return std::nullopt;
  if (!fs::is_directory(status)) {
    return OtherFile{"no regular file but a pipe or a device", "write the model into a file first: it is mapped"};
  }
  if (const std::string name = first_gguf_in(path); !name.empty()) {
    return OtherFile{"a directory with GGUF files",
                     fmt::format("name one of them, such as {}", (fs::path(path) / name).string())};
  }
  if (holds_weights(path)) return OtherFile{"a directory with a model of Hugging Face's format", kConvert};
  return OtherFile{"a directory", "name a GGUF file; sinkscope models lists those found here"};
}

std::optional<OtherFile> what_is_other(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const std::string arch = metadata.text("general.architecture").value_or("");
  const std::string type = metadata.text("general.type").value_or("");
  if (type == "mmproj" || arch == "clip") {
    return OtherFile{"a projector (mmproj), which turns images or sound into states of a language model",
                     "give the language model that it belongs to"};
  }
  if (type == "adapter" || metadata.find("adapter.type") != nullptr) {
    return OtherFile{"a LoRA adapter", "give the model that it changes; llama.cpp's llama-export-lora merges the two"};
  }
  if (arch == "controlvector") return OtherFile{"a control vector", "give the model that it steers"};
  if (type == "imatrix" || arch == "imatrix" || metadata.find("imatrix.chunk_count") != nullptr) {
    return OtherFile{"an importance matrix (imatrix), which quantisation uses", "give the quantised model itself"};
  }
  const std::int64_t part = metadata.integer("split.no").value_or(0);
  const std::int64_t n_parts = metadata.integer("split.count").value_or(1);
  if (part > 0) {
    return OtherFile{fmt::format("part {} of {} of a split model", part + 1, n_parts),
                     fmt::format("name its first part, which ends in -00001-of-{:05}.gguf; the others beside it are "
                                 "found",
                                 n_parts)};
  }
  if (arch.empty()) {
    return OtherFile{"a GGUF file without general.architecture, so no model",
                     "fetch a newer file, or convert the model again with a current llama.cpp"};
  }
  if (auto other = by_architecture(metadata, arch)) return other;
  if (type == "vocab" || (n_parts <= 1 && file.tensors().empty() && metadata.find("tokenizer.ggml.model") != nullptr)) {
    return OtherFile{"a vocabulary without weights", "give the whole model"};
  }
  return by_missing_key(file, arch);
}

std::optional<OtherFile> what_is(const std::string& path) {
  if (auto other = what_is_no_file(path)) return other;
  std::array<char, 4096> head;
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), head.size());
  const auto bytes = std::as_bytes(std::span(head).first(static_cast<std::size_t>(in.gcount())));
  if (in.gcount() > 0 && std::memcmp(head.data(), "GGUF", std::min<std::size_t>(bytes.size(), 4)) != 0) {
    return what_is_no_gguf(bytes);
  }
  return what_is_other(GgufFile(path));
}

void refuse_other_file(const std::string& path, const OtherFile& other) {
  throw OtherFileError(fmt::format("model '{}': expected a causal language model as a GGUF file, got {}; {}", path,
                                   other.what, other.advice),
                       other);
}

OtherFile foreign_tensor_type(std::uint32_t type) {
  constexpr char kOther[] = "fetch a file that was quantised for llama.cpp";
  // bitnet.cpp took numbers that llama.cpp had used before, and uses again.
  if (type >= 36 && type <= 38) return OtherFile{"a model quantised for bitnet.cpp (i2_s, i8_s or tl1)", kOther};
  if (type >= 31 && type <= 33) {
    return OtherFile{"a model in Q4_0_4_4, Q4_0_4_8 or Q4_0_8_8, which llama.cpp no longer reads",
                     "fetch it in Q4_0, which is laid out for the processor when it is loaded"};
  }
  if (type == 4 || type == 5) return OtherFile{"a model in Q4_2 or Q4_3, which llama.cpp no longer reads", kOther};
  constexpr std::uint32_t kFirstOfIk = 97, kLastOfIk = 400;
  if (type >= kFirstOfIk && type <= kLastOfIk) {
    return OtherFile{"a model quantised for ik_llama.cpp (such as iq4_k)", kOther};
  }
  return OtherFile{fmt::format("a model with tensors of a type ({}) that this llama.cpp does not have", type), kOther};
}

}  // namespace sinkscope
