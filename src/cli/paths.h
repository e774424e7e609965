#pragma once

#include <filesystem>
#include <string>

namespace sinkscope {

// $XDG_CACHE_HOME, or ~/.cache; empty where neither is known.
std::filesystem::path user_cache_folder();

// A word as a POSIX shell reads it back: as it is where that is safe, else in single quotes.
std::string shell_word(const std::string& word);

// Whether a file may be written at the path; "-" always may. Nothing is created.
//
// throws  Error{kOutput} if the path is a directory, or its folder is missing or not writable
void check_writable(const std::string& path);

}  // namespace sinkscope
