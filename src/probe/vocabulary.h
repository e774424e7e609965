#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// What tokenising asks of a model.
struct VocabularyFacts {
  std::string name;  // of the model: general.name, or the file's name without its folder
  int n_vocab = 0;
  TokenId bos = -1;       // -1: the vocabulary has none
  bool adds_bos = false;  // the model's own setting
  TokenId eos = -1;
  TokenId pad = -1;  // -1: the vocabulary names none
  bool has_chat_template = false;
};

// A token that stands for a name in a text, "<|im_end|>" for one, where special text is parsed.
struct ControlToken {
  TokenId id = -1;
  std::string text;
  bool strips_left = false, strips_right = false;  // blanks beside it go with it
};

// The tokens of a model. Its implementation lives in `engine`; other rooms know it by this only.
class Vocabulary {
 public:
  virtual ~Vocabulary() = default;

  virtual const VocabularyFacts& facts() const = 0;
  // parse_special  false: text that looks like a control token stays text
  // returns        tokens without BOS
  // throws         Error{kInput} if the tokeniser refuses the text
  virtual std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const = 0;
  // All that parse_special is about, the longest first: in this order texts are searched for them.
  virtual std::vector<ControlToken> control_tokens() const = 0;
  // The bytes that a token stands for; control tokens by their name.
  //
  // throws  Error{kInput} if there is no such token
  virtual std::string token_bytes(TokenId token) const = 0;
  // Whether the model ends a text with it.
  virtual bool ends_text(TokenId token) const = 0;
  // The Jinja source of the model's own chat template; empty without one.
  virtual std::string chat_template() const = 0;
};

}  // namespace sinkscope
