#pragma once

#include <string>
#include <vector>

#include "impact/judge_protection.h"

namespace sinkscope {

// llama.cpp's options that keep the prefix: "--context-shift --keep 0".
std::string llama_flags(const KeepPrefix& prefix);

// What the options do not say: when they work, what they count, what they lose. One sentence each.
std::vector<std::string> llama_warnings(const KeepPrefix& prefix);

}  // namespace sinkscope
