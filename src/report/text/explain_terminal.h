#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "formation/judge_explanation.h"
#include "report/text/terminal.h"

namespace sinkscope {

// An explanation for people: each claim's sentence and figures, then the sinks by layer, part, neuron, edits and end.
//
// token_bytes  what a token stands for
void write_explain_terminal(const Explanation& explanation, const std::function<std::string(TokenId)>& token_bytes,
                            const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
