#pragma once

#include <string>

#include "report/findings.h"

namespace sinkscope {

// What was found, as the title of a page: "6 secondary sinks take 22–51 % of all attention in blocks 6–22".
std::string headline(const Findings& found);

// One sentence on how much attention the sinks take; empty where none was measured.
std::string attention_sentence(const Findings& found);

}  // namespace sinkscope
