#pragma once

#include <string>
#include <string_view>

namespace sinkscope {

// Pages of mapped files that are not needed any more can be given back; one that is touched again is read again.
// Where the system does not tell or take, all stays as it is.

// Of a mapped model file. llama.cpp has all of it mapped in when it loads it; a scan then asks only for what it reads,
// which of the vocabulary's matrices, and of experts that nobody chose, is little.
//
// path  of the model; of a split one, any part
void release_weight_pages(const std::string& path);

// The code of a shared library. Of oneDNN's 14 MiB most is what compiles products for the shapes of the first
// micro-batch.
//
// name_begins  how the name of the library's file begins
void release_code_pages(std::string_view name_begins);

}  // namespace sinkscope
