#pragma once

#include <filesystem>
#include <string>

namespace sinkscope {

// $XDG_CACHE_HOME, or ~/.cache; empty where neither is known.
std::filesystem::path user_cache_folder();

// Whether a file may be written at the path; "-" always may. Nothing is created.
//
// throws  Error{kOutput} if the path is a directory, or its folder is missing or not writable
void check_writable(const std::string& path);

}  // namespace sinkscope
