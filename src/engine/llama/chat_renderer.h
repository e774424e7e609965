#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/llama/chat.h"

namespace sinkscope {

// What a chat template may take. A model's template is a program of whoever made the file.
struct ChatLimits {
  std::size_t template_bytes = std::size_t{64} << 10;  // three times the longest that is known
  int nesting = 100;                                   // brackets within brackets, or blocks within blocks
  std::size_t rendered_bytes = std::size_t{16} << 20;  // of one conversation
  std::size_t memory_bytes = std::size_t{512} << 20;   // beside what the process has when it begins
  double seconds = 10;                                 // for one conversation, by the clock and of the processor
};

// Renders conversations by one template, in a process of its own with bounds: whatever a template does there, this
// process goes on. That process is a copy of this one (fork), made when the first conversation comes, that has closed
// every file and does nothing but render.
class ChatRenderer {
 public:
  // should_stop  asked ten times a second while a conversation is rendered; true throws Error{kInterrupted}
  // throws       Error{kModel} if the template is longer or nested deeper than it may be
  ChatRenderer(std::string chat_template, std::string bos_text, std::string eos_text, const ChatLimits& limits = {},
               std::function<bool()> should_stop = {});
  ~ChatRenderer();
  ChatRenderer(const ChatRenderer&) = delete;
  ChatRenderer& operator=(const ChatRenderer&) = delete;

  // returns  as render_chat
  // throws   Error{kInput} if messages_json is no array of messages; Error{kModel} if the template cannot be parsed, or
  //          its process ended for the third time; RefusedText if this conversation is refused, or needs more than it
  //          may; Error{kInterrupted}
  RenderedChat render(std::string_view messages_json, bool add_generation_prompt);

 private:
  class Process;
  std::string chat_template_, bos_text_, eos_text_;
  ChatLimits limits_;
  std::function<bool()> should_stop_;
  std::unique_ptr<Process> process_;
  int n_ended_ = 0;  // processes that ended before they answered
};

// Tokens of conversations: a renderer, and tokenize_pieces. The renderer is made when the first conversation comes.
class ChatTokenizer {
 public:
  // vocabulary     must outlive this
  // chat_template  Jinja source, the model's own as a rule
  // parse_special  as of tokenize_pieces
  ChatTokenizer(const Vocabulary& vocabulary, std::string chat_template, bool parse_special,
                std::function<bool()> should_stop = {});

  // returns  tokens with whatever BOS the template writes, and no other
  // throws   as ChatRenderer; Error{kModel} if the template is empty
  std::vector<TokenId> operator()(std::string_view messages_json, bool add_generation_prompt);

  // What is to be said of the conversations so far, for a scan's record: one sentence, or none.
  std::vector<std::string> notes() const;

 private:
  const Vocabulary& vocabulary_;
  std::string chat_template_;
  bool parse_special_;
  std::function<bool()> should_stop_;
  std::unique_ptr<ChatRenderer> renderer_;
  std::size_t n_rendered_ = 0, n_differ_ = 0;
};

}  // namespace sinkscope
