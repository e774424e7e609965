#pragma once

#include <string>

namespace sinkscope {

// Pages that are not needed any more can be given back. Of mapped files one that is touched again is read again. Where
// the system does not tell or take, all stays as it is.

// Of a mapped model file. llama.cpp has all of it mapped in when it loads it; a scan then asks only for what it reads,
// which of the vocabulary's matrices, and of experts that nobody chose, is little.
//
// path  of the model; of a split one, any part
void release_weight_pages(const std::string& path);

// What only starting up needed: code of the program and of libraries, and memory that was freed since. Of oneDNN's 14
// MiB most is what compiles products for the shapes of the first micro-batch.
void release_start_up_pages();

}  // namespace sinkscope
