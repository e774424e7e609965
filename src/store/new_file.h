#pragma once

#include <functional>
#include <string>

namespace sinkscope {

// Makes a file as a whole: `write` makes it under another name in the same folder, from which it is renamed when it is
// done, and removed if anything fails. A link is followed. What earlier runs left that were killed is removed too.
//
// throws  Error{kOutput} if there is a file of that name, or it cannot be made; whatever `write` threw, in whose words the
//         other name is replaced by the file's own
void write_new_file(const std::string& target, const std::function<void(const std::string& path)>& write);

}  // namespace sinkscope
