#pragma once

#include <jinja/string.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sinkscope {

// A character of a template's string, and whether a message brought it in.
struct JinjaLetter {
  std::string bytes;  // one character of UTF-8
  bool is_input = false;
};

std::vector<JinjaLetter> letters_of(const jinja::string& text);
jinja::string joined_letters(const std::vector<JinjaLetter>& letters);

// The places that Python's [start:stop:step] takes of n, in order.
//
// throws  std::runtime_error if step is 0
std::vector<std::size_t> sliced_places(std::size_t n, std::optional<std::int64_t> start,
                                       std::optional<std::int64_t> stop, std::int64_t step);

// As Python's str.split: between runs of blanks without a separator, else at each separator, at most max_split times.
//
// max_split  less than 0: no bound
// throws     std::runtime_error if the separator is ""
std::vector<jinja::string> split_text(const jinja::string& text, const std::optional<std::string>& separator,
                                      std::int64_t max_split);

}  // namespace sinkscope
