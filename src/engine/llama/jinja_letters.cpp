#include "engine/llama/jinja_letters.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace sinkscope {
namespace {

using Letters = std::vector<JinjaLetter>;

jinja::string text_between(const Letters& letters, std::size_t from, std::size_t end) {
  return joined_letters(
      Letters(letters.begin() + static_cast<std::ptrdiff_t>(from), letters.begin() + static_cast<std::ptrdiff_t>(end)));
}

bool is_blank(const JinjaLetter& letter) {
  return letter.bytes.size() == 1 && std::string_view(" \t\n\v\f\r").find(letter.bytes[0]) != std::string_view::npos;
}

std::vector<jinja::string> split_at_blanks(const Letters& letters, std::int64_t max_split) {
  std::vector<jinja::string> words;
  std::size_t at = 0;
  const auto skip = [&](bool blanks) {
    while (at < letters.size() && is_blank(letters[at]) == blanks) ++at;
  };
  for (skip(true); at < letters.size(); skip(true)) {
    const std::size_t from = at;
    if (max_split >= 0 && static_cast<std::int64_t>(words.size()) == max_split) {
      words.push_back(text_between(letters, from, letters.size()));
      break;
    }
    skip(false);
    words.push_back(text_between(letters, from, at));
  }
  return words;
}

}  // namespace

Letters letters_of(const jinja::string& text) {
  Letters letters;
  for (const jinja::string_part& part : text.parts) {
    bool first = true;
    for (const char byte : part.val) {
      const bool continues = (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
      if (continues && !first) {
        letters.back().bytes += byte;
      } else {
        letters.push_back({std::string(1, byte), part.is_input});
      }
      first = false;
    }
  }
  return letters;
}

jinja::string joined_letters(const Letters& letters) {
  jinja::string text;
  for (const JinjaLetter& letter : letters) {
    if (text.parts.empty() || text.parts.back().is_input != letter.is_input) {
      text.parts.push_back({letter.is_input, ""});
    }
    text.parts.back().val += letter.bytes;
  }
  return text;
}

std::vector<std::size_t> sliced_places(std::size_t n, std::optional<std::int64_t> start,
                                       std::optional<std::int64_t> stop, std::int64_t step) {
  if (step == 0) throw std::runtime_error("slice step cannot be zero");
  const auto size = static_cast<std::int64_t>(n);
  const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
  const auto place = [&](std::int64_t wanted) { return std::clamp(wanted < 0 ? wanted + size : wanted, least, most); };
  const std::int64_t from = start ? place(*start) : (step > 0 ? least : most);
  const std::int64_t end = stop ? place(*stop) : (step > 0 ? most : least);
  std::vector<std::size_t> places;
  for (std::int64_t at = from; step > 0 ? at < end : at > end;) {
    places.push_back(static_cast<std::size_t>(at));
    if (std::abs(step) > size) break;
    at += step;
  }
  return places;
}

std::vector<jinja::string> split_text(const jinja::string& text, const std::optional<std::string>& separator,
                                      std::int64_t max_split) {
  const Letters letters = letters_of(text);
  if (!separator) return split_at_blanks(letters, max_split);
  const Letters wanted = letters_of(jinja::string(*separator));
  if (wanted.empty()) throw std::runtime_error("empty separator");
  std::vector<jinja::string> parts;
  std::size_t from = 0;
  while (max_split < 0 || static_cast<std::int64_t>(parts.size()) < max_split) {
    const auto found = std::search(letters.begin() + static_cast<std::ptrdiff_t>(from), letters.end(), wanted.begin(),
                                   wanted.end(), [](const auto& a, const auto& b) { return a.bytes == b.bytes; });
    if (found == letters.end()) break;
    const auto at = static_cast<std::size_t>(found - letters.begin());
    parts.push_back(text_between(letters, from, at));
    from = at + wanted.size();
  }
  parts.push_back(text_between(letters, from, letters.size()));
  return parts;
}

}  // namespace sinkscope
