#pragma once

#include <jinja/runtime.h>

namespace sinkscope {

// Has a parsed template rendered as Python's Jinja renders it, by which models were trained and most programs render,
// where llama.cpp's engine gives another text without a word. Its nodes are exchanged for ours:
//
//   for        a pass has names of its own: what it sets is gone in the next
//   if         what was written before continue or break stays; llama.cpp drops it, often a whole message
//   macro      sees the names around its definition, not those of its caller; parameters may be left out, and their
//              defaults may name earlier ones
//   {{ }}      None, lists and objects are written as Python writes them; llama.cpp writes nothing, or list items in a
//   row strings    are characters, not bytes: length, [i], [-1], [i:j:k]; split() without a separator goes by runs of
//   blanks;
//              all parts of a split know that a message brought them in
//   numbers    -7 % 3 is 2; whole numbers keep all their digits; fractions have Python's
//   default    fills in for what is undefined, not for None
//   format     '%s'|format(x) is refused (llama.cpp leaves '%s' as it is)
//
// Still as llama.cpp does: upper, lower, title and capitalize of other than ASCII letters; fractions within lists and
// tojson; members of what is undefined, and None + 'a', which Python refuses.
//
// throws  nothing by itself; rendering then may
// source  compared case by case with jinja2 3.1.6 as transformers sets it up: findings/, tests/engine/python_jinja_test
void render_as_python(jinja::program& program);

}  // namespace sinkscope
