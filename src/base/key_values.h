#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace sinkscope {

// "key=value" pairs with commas between them; a value in single or double quotes may hold commas.
//
// refuse  throws, and is told what was found in place of such pairs: a key without a value, a key twice, a quote that is
//         not closed
std::map<std::string, std::string> key_values_of(std::string_view text,
                                                 const std::function<void(const std::string& got)>& refuse);

}  // namespace sinkscope
