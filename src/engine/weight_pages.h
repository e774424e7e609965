#pragma once

#include <string>

namespace sinkscope {

// Gives back the pages of a mapped model file. llama.cpp has all of it mapped in when it loads it; a scan then asks
// only for what it reads, which of the vocabulary's matrices, and of experts that nobody chose, is little.
//
// path    of the model; of a split one, any part
// errors  none: where the system does not tell or take, all stays as it is
void release_weight_pages(const std::string& path);

}  // namespace sinkscope
