#pragma once

#include <string>
#include <string_view>

namespace sinkscope {

// Text of documents and vocabularies as it may be shown on a terminal: one line, with nothing in it that a terminal
// would obey. Line feeds become U+21B5, tabs U+21E5; other control characters, invisible and direction-changing code
// points \u200b, and bytes that are no UTF-8 \xe2.
std::string displayable(std::string_view bytes);

// The bytes of a token as outputs for readers show them: all of any usual token, and of one that is no word but a text
// by itself the first 200 or so, cut between characters, with an ellipsis.
std::string clip_token(std::string_view bytes);

// Columns that text takes: 2 for wide characters and emoji, 0 for combining marks. Colour sequences of ours take none.
int display_width(std::string_view text);

// The start, or the end, of displayable text in at most `columns`, with an ellipsis where something was cut.
std::string clip_end(std::string_view text, int columns);
std::string clip_start(std::string_view text, int columns);

// Breaks displayable text between words into lines of at most `width` columns, each with its line feed.
//
// lead  begins the first line; the others begin with as many spaces
std::string wrapped(std::string_view lead, std::string_view text, int width);

}  // namespace sinkscope
