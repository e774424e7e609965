#include "engine/llama/chat_renderer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/llama/child_process.h"
#include "probe/refused_text.h"

namespace sinkscope {
namespace {

constexpr int kMostEnded = 3;  // processes that end before they answer: the template's fault, no conversation's

// How deep brackets and blocks of a template's tags stand within each other, at most. What it writes outside of tags is
// text.
class Nesting {
 public:
  static int of(std::string_view source) {
    Nesting nesting;
    for (std::size_t at = 0; at + 1 < source.size();) {
      const std::string_view opened = source.substr(at, 2);
      if (opened == "{#") {
        at = after(source, "#}", at + 2);
      } else if (opened == "{{" || opened == "{%") {
        const std::size_t end = after(source, opened == "{{" ? "}}" : "%}", at + 2);
        nesting.take_tag(source.substr(at + 2, end - at - 2), opened == "{%");
        at = end;
      } else {
        ++at;
      }
    }
    return nesting.most_;
  }

 private:
  static std::size_t after(std::string_view source, std::string_view mark, std::size_t from) {
    const std::size_t found = source.find(mark, from);
    return found == std::string_view::npos ? source.size() : found + mark.size();
  }

  void take_tag(std::string_view tag, bool is_block) {
    int brackets = 0;
    for (const char c : tag) {
      if (c == '(' || c == '[' || c == '{') most_ = std::max(most_, ++brackets + blocks_);
      if (c == ')' || c == ']' || c == '}') --brackets;
    }
    if (!is_block) return;
    const std::size_t first = tag.find_first_of("abcdefghijklmnopqrstuvwxyz");
    if (first == std::string_view::npos) return;
    const std::string_view word = tag.substr(first);
    constexpr std::array<std::string_view, 5> kBlocks = {"if", "for", "macro", "call", "filter"};
    if (word.starts_with("end")) blocks_ = std::max(0, blocks_ - 1);
    if (std::ranges::any_of(kBlocks, [&](std::string_view name) { return word.starts_with(name); })) {
      most_ = std::max(most_, ++blocks_);
    }
  }

  int blocks_ = 0, most_ = 0;
};

// Between the processes: numbers and texts with their lengths.
class Words {
 public:
  explicit Words(std::string_view bytes) : bytes_(bytes) {}
  static void add(std::string& to, std::string_view text) {
    const std::uint64_t length = text.size();
    to.append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
  bool at_end() const { return bytes_.empty(); }
  // returns  nothing where the bytes end before the text does
  std::optional<std::string_view> next() {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof length) return std::nullopt;
    std::memcpy(&length, bytes_.data(), sizeof length);
    bytes_.remove_prefix(sizeof length);
    if (length > bytes_.size()) return std::nullopt;
    const std::string_view text = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return text;
  }

 private:
  std::string_view bytes_;
};

enum class Outcome : char { kRendered = 'r', kRefused = 'f', kNoTemplate = 't', kNoMessages = 'm' };

std::string answer_of(Outcome outcome, std::string_view text = {}) {
  std::string answer(1, static_cast<char>(outcome));
  return answer.append(text);
}

// In the child: renders one conversation. Its first byte says whether a reply is awaited.
std::string rendered(std::string_view message, const std::string& chat_template, const std::string& bos_text,
                     const std::string& eos_text, const ChatLimits& limits) {
  try {
    const RenderedChat chat = render_chat(chat_template, message.substr(1), bos_text, eos_text, message[0] == '1');
    std::size_t bytes = 0;
    for (const ChatPiece& piece : chat.pieces) bytes += piece.text.size();
    if (bytes > limits.rendered_bytes) {
      return answer_of(Outcome::kRefused, "chat template: these messages came out as " + std::to_string(bytes) +
                                              " bytes, expected " + std::to_string(limits.rendered_bytes) + " at most");
    }
    std::string answer = answer_of(Outcome::kRendered);
    Words::add(answer, chat.llama_differs ? "1" : "0");
    for (const ChatPiece& piece : chat.pieces) {
      Words::add(answer, piece.from_message ? "1" : "0");
      Words::add(answer, piece.text);
    }
    return answer;
  } catch (const RefusedText& refused) {
    return answer_of(Outcome::kRefused, refused.what());
  } catch (const Error& error) {
    return answer_of(error.code() == ErrorCode::kInput ? Outcome::kNoMessages : Outcome::kNoTemplate, error.what());
  } catch (const std::bad_alloc&) {
    return answer_of(Outcome::kRefused, "chat template: these messages need more memory than they may");
  }
}

RenderedChat chat_of(std::string_view bytes) {
  RenderedChat chat;
  Words words(bytes);
  const auto differs = words.next();
  chat.llama_differs = differs == "1";
  while (!words.at_end()) {
    const auto from_message = words.next(), text = words.next();
    if (!text) throw Error(ErrorCode::kModel, "chat template: its process answered with something else than a text");
    chat.pieces.push_back({std::string(*text), *from_message == "1"});
  }
  return chat;
}

}  // namespace

class ChatRenderer::Process : public ChildProcess {
 public:
  using ChildProcess::ChildProcess;
};

ChatRenderer::ChatRenderer(std::string chat_template, std::string bos_text, std::string eos_text,
                           const ChatLimits& limits, std::function<bool()> should_stop)
    : chat_template_(std::move(chat_template)),
      bos_text_(std::move(bos_text)),
      eos_text_(std::move(eos_text)),
      limits_(limits),
      should_stop_(std::move(should_stop)) {
  const auto refuse = [](const std::string& what, std::size_t most, std::size_t got) {
    throw Error(ErrorCode::kModel, "chat template: expected " + what + " of " + std::to_string(most) +
                                       " at most, got " + std::to_string(got) +
                                       "; give another with --chat-template FILE");
  };
  if (chat_template_.size() > limits_.template_bytes) {
    refuse("a length in bytes", limits_.template_bytes, chat_template_.size());
  }
  if (const int depth = Nesting::of(chat_template_); depth > limits_.nesting) {
    refuse("a depth of brackets and blocks", static_cast<std::size_t>(limits_.nesting),
           static_cast<std::size_t>(depth));
  }
}

ChatRenderer::~ChatRenderer() = default;

RenderedChat ChatRenderer::render(std::string_view messages_json, bool add_generation_prompt) {
  if (!process_) {
    process_ = std::make_unique<Process>(
        ChildLimits{limits_.memory_bytes, limits_.seconds},
        [&](std::string_view message) { return rendered(message, chat_template_, bos_text_, eos_text_, limits_); });
  }
  const auto time =
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(limits_.seconds));
  // Each piece comes with two lengths and a mark, and no piece is empty.
  constexpr std::size_t kAround = 2 * sizeof(std::uint64_t) + 2;
  const std::size_t most = kAround * (limits_.rendered_bytes + 1) + (std::size_t{1} << 20);
  const auto answer = process_->ask((add_generation_prompt ? "1" : "0") + std::string(messages_json), most,
                                    std::chrono::steady_clock::now() + time, should_stop_);
  if (!answer || answer->empty()) {
    const std::string why = process_->why();
    process_.reset();
    const std::string line = "chat template: rendering these messages " + why;
    if (++n_ended_ < kMostEnded) throw RefusedText(line);
    throw Error(ErrorCode::kModel, line + ", as " + std::to_string(kMostEnded - 1) +
                                       " others before; give another template with --chat-template FILE");
  }
  const std::string text = answer->substr(1);
  switch (static_cast<Outcome>(answer->front())) {
    case Outcome::kRendered:
      return chat_of(text);
    case Outcome::kRefused:
      throw RefusedText(text);
    case Outcome::kNoMessages:
      throw Error(ErrorCode::kInput, text);
    case Outcome::kNoTemplate:
      break;
  }
  throw Error(ErrorCode::kModel, text);
}

ChatTokenizer::ChatTokenizer(const Vocabulary& vocabulary, std::string chat_template, bool parse_special,
                             std::function<bool()> should_stop)
    : vocabulary_(vocabulary),
      chat_template_(std::move(chat_template)),
      parse_special_(parse_special),
      should_stop_(std::move(should_stop)) {}

std::vector<TokenId> ChatTokenizer::operator()(std::string_view messages_json, bool add_generation_prompt) {
  if (!renderer_) {
    const VocabularyFacts& facts = vocabulary_.facts();
    if (chat_template_.empty()) {
      throw Error(ErrorCode::kModel, "--chat: expected a model with a chat template, got " + facts.name +
                                         " without one; give one with --chat-template FILE, or scan plain text");
    }
    const auto text_of = [&](TokenId token) { return token >= 0 ? vocabulary_.token_bytes(token) : std::string(); };
    renderer_ = std::make_unique<ChatRenderer>(std::move(chat_template_), text_of(facts.bos), text_of(facts.eos),
                                               ChatLimits{}, should_stop_);
  }
  const RenderedChat chat = renderer_->render(messages_json, add_generation_prompt);
  n_rendered_ += 1;
  n_differ_ += chat.llama_differs ? 1 : 0;
  return tokenize_pieces(vocabulary_, chat.pieces, parse_special_);
}

std::vector<std::string> ChatTokenizer::notes() const {
  if (n_differ_ == 0) return {};
  return {"chat template: " + std::to_string(n_differ_) + " of " + std::to_string(n_rendered_) +
          " conversations are rendered as Python's Jinja renders them; llama.cpp's own server gives the model another "
          "text"};
}

}  // namespace sinkscope
