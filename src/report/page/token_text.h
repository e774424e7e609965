#pragma once

#include <string>
#include <vector>

namespace sinkscope {

// What each token shows of a text, as UTF-8: a character that several tokens share stands where it begins, and the
// others show nothing of it. Bytes that are no UTF-8 become U+FFFD.
//
// token_bytes  [n_tokens]
// returns      [n_tokens]; joined, the text
std::vector<std::string> token_texts(const std::vector<std::string>& token_bytes);

}  // namespace sinkscope
