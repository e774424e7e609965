#pragma once

#include <jinja/value.h>

#include <string>

namespace sinkscope {

// A number as Python writes it: 2.0, 0.1, 1e+16.
std::string python_float(double number);

// A value as Python's repr writes it: {'a': [1, None]}.
std::string python_repr(const jinja::value& of);

struct JsonForm {
  int indent = -1;  // less than 0: all in one line
  std::string item_mark = ", ", member_mark = ": ";
  bool ensure_ascii = false;  // other letters as \\uXXXX
};

// A value as Python's json.dumps writes it. What is undefined is null.
std::string python_json(const jinja::value& of, const JsonForm& form);

// Whether a message brought in any text in a value.
bool has_input(const jinja::value& of);

}  // namespace sinkscope
