#pragma once

#include <string>
#include <vector>

#include "gguf/file.h"

namespace sinkscope {

// The files in which a model lies, in order. A model is split if its first file says so, whatever that is called; the
// other parts are found by name: m-00001-of-00003.gguf, m-00002-of-00003.gguf, ...
//
// first    the file that was named
// returns  one path for a model that is whole
// throws   Error{kModel} if it is split and not named so, or a part is missing
std::vector<std::string> model_parts(const GgufFile& first);

// Whether a file is named as the first part of a split model.
bool is_named_as_part(const std::string& path);

}  // namespace sinkscope
