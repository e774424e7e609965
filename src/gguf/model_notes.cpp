#include "gguf/model_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string_view>

namespace sinkscope {
namespace {

using namespace std::string_view_literals;

constexpr std::int64_t kNormalToken = 1;  // of tokenizer.ggml.token_type

// Names that llama.cpp takes for control tokens, whatever the file says of them.
constexpr std::array kControlNames = {"<|eot_id|>"sv,      "<|im_end|>"sv,      "<|end|>"sv,
                                      "<end_of_turn>"sv,   "<|endoftext|>"sv,   "<|end_of_text|>"sv,
                                      "<EOT>"sv,           "_<EOT>"sv,          "[EOT]"sv,
                                      "<|eom_id|>"sv,      "<|fim_prefix|>"sv,  "<fim-prefix>"sv,
                                      "<fim_prefix>"sv,    "<PRE>"sv,           "<|code_prefix|>"sv,
                                      "<|fim_suffix|>"sv,  "<fim-suffix>"sv,    "<fim_suffix>"sv,
                                      "<SUF>"sv,           "<|code_suffix|>"sv, "<|fim_middle|>"sv,
                                      "<fim-middle>"sv,    "<fim_middle>"sv,    "<MID>"sv,
                                      "<|code_middle|>"sv, "<|fim_pad|>"sv,     "<fim-pad>"sv,
                                      "<fim_pad>"sv,       "<PAD>"sv,           "[PAD]"sv,
                                      "<|fim_repo|>"sv,    "<|repo_name|>"sv,   "<fim-repo>"sv,
                                      "<REPO>"sv,          "<reponame>"sv,      "<|file_sep|>"sv,
                                      "<|return|>"sv,      "<|call|>"sv,        "<|flush|>"sv,
                                      "<|calls|>"sv,       "[EOS]"sv,           "<end_of_utterance>"sv,
                                      "<eos>"sv,           "<turn|>"sv,         "<|tool_response>"sv};

// Calls visit with the number and the bytes of each string of an array; the payload was checked when it was read.
void for_each_text(const GgufMetadata::Entry& array, const std::function<void(std::size_t, std::string_view)>& visit) {
  const std::byte* at = array.payload.data() + sizeof(std::uint32_t);
  const auto take = [&] {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
  };
  const std::uint64_t count = take();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t length = take();
    visit(i, {reinterpret_cast<const char*>(at), length});
    at += length;
  }
}

bool is_text_array(const GgufMetadata::Entry* entry) {
  std::uint32_t type = 0;
  if (entry == nullptr || entry->type != GgufType::kArray) return false;
  std::memcpy(&type, entry->payload.data(), sizeof type);
  return type == static_cast<std::uint32_t>(GgufType::kString);
}

std::size_t n_tokens_of(const GgufFile& file) {
  const auto* tokens = file.metadata().find("tokenizer.ggml.tokens");
  if (!is_text_array(tokens)) return 0;
  std::uint64_t count;
  std::memcpy(&count, tokens->payload.data() + sizeof(std::uint32_t), sizeof count);
  return count;
}

// The token that llama.cpp takes for BOS where a file names none, by the kind of vocabulary.
std::optional<std::size_t> default_bos(const GgufMetadata& metadata) {
  const std::string model = metadata.text("tokenizer.ggml.model").value_or("");
  if (model == "llama") return 1;
  return model == "gpt2" ? std::optional<std::size_t>(11) : std::nullopt;
}

bool is_control(const GgufMetadata& metadata, std::size_t id) {
  constexpr std::int64_t kControlToken = 3;
  const auto types = metadata.integers("tokenizer.ggml.token_type");
  return types && id < types->size() && (*types)[id] == kControlToken;
}

void note_bos(const GgufFile& file, std::vector<std::string>& notes) {
  const GgufMetadata& metadata = file.metadata();
  if (named_bos(file) || n_tokens_of(file) == 0) return;
  const auto id = metadata.integer("tokenizer.ggml.bos_token_id");
  const bool adds = metadata.flag("tokenizer.ggml.add_bos_token")
                        .value_or(metadata.text("tokenizer.ggml.model") == "llama");  // SentencePiece
  if (!id && !adds) return;                                                           // a vocabulary without BOS
  const std::string what = id ? fmt::format("tokenizer.ggml.bos_token_id is {}, which no token has", *id)
                              : "tokenizer.ggml.bos_token_id is missing";
  const auto guess = default_bos(metadata);
  notes.push_back(what +
                  (!guess ? ": BOS is llama.cpp's default if that is a control token, else there is none"
                   : is_control(metadata, *guess)
                       ? fmt::format(": token {} is taken for BOS, as llama.cpp does with such vocabularies", *guess)
                       : std::string(": there is no BOS, and texts begin without one")));
}

void note_pre_tokeniser(const GgufMetadata& metadata, std::vector<std::string>& notes) {
  if (metadata.text("tokenizer.ggml.model") != "gpt2" || metadata.find("tokenizer.ggml.pre") != nullptr) return;
  notes.emplace_back(
      "tokenizer.ggml.pre is missing: texts are cut into words by llama.cpp's default rule, so tokens "
      "may differ from those that the model was trained on");
}

void note_control_names(const GgufFile& file, std::vector<std::string>& notes) {
  const GgufMetadata& metadata = file.metadata();
  const auto* tokens = metadata.find("tokenizer.ggml.tokens");
  const auto types = metadata.integers("tokenizer.ggml.token_type");
  if (!is_text_array(tokens) || !types) return;
  std::string names;
  for_each_text(*tokens, [&](std::size_t id, std::string_view name) {
    if (name.size() < 5 || (name.front() != '<' && name.front() != '[' && name.front() != '_')) return;
    if (id >= types->size() || (*types)[id] != kNormalToken) return;
    if (std::ranges::find(kControlNames, name) == kControlNames.end()) return;
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", name, id);
  });
  if (names.empty()) return;
  notes.push_back(
      fmt::format("the file has these as ordinary tokens, and llama.cpp takes them for control tokens: {}", names));
}

void note_trained_length(const GgufMetadata& metadata, const std::string& arch, std::vector<std::string>& notes) {
  const auto length = metadata.integer(arch + ".context_length");
  if (!length || *length <= kMostTrainedTokens) return;
  notes.push_back(fmt::format("{}.context_length is {}, which is no trained length: texts may have up to {} tokens",
                              arch, *length, kMostTrainedTokens));
}

// llama.cpp builds these without a window.
void note_window(const GgufMetadata& metadata, const std::string& arch, std::vector<std::string>& notes) {
  constexpr std::array kWithoutWindow = {"llama"sv, "qwen2"sv, "phi3"sv};
  const auto window = metadata.integer(arch + ".attention.sliding_window");
  if (!window || *window <= 0 || std::ranges::find(kWithoutWindow, arch) == kWithoutWindow.end()) return;
  notes.push_back(
      fmt::format("{}.attention.sliding_window is {}, which llama.cpp ignores: every token sees all before "
                  "it, so texts longer than that are not run as the model was trained",
                  arch, *window));
}

}  // namespace

std::optional<std::int64_t> named_bos(const GgufFile& file) {
  const auto id = file.metadata().integer("tokenizer.ggml.bos_token_id");
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= n_tokens_of(file)) return std::nullopt;
  return id;
}

std::vector<std::string> model_notes(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const std::string arch = metadata.text("general.architecture").value_or("");
  std::vector<std::string> notes;
  note_bos(file, notes);
  note_pre_tokeniser(metadata, notes);
  note_control_names(file, notes);
  note_trained_length(metadata, arch, notes);
  note_window(metadata, arch, notes);
  return notes;
}

}  // namespace sinkscope
