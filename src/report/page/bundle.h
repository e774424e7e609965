#pragma once

#include <string_view>

namespace sinkscope {

// The page's script and style sheet, as web/ builds them.
std::string_view bundle_script();
std::string_view bundle_style();

}  // namespace sinkscope
