#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sinkscope {

// $XDG_CACHE_HOME, or ~/.cache; empty where neither is known.
std::filesystem::path user_cache_folder();

// Whether a file may be written at the path; "-" always may. Nothing is created.
//
// throws  Error{kOutput} if the path is a directory, or its folder is missing or not writable
void check_writable(const std::string& path);

// Whether an output would take the place of a file that the command reads or writes otherwise, under whatever names;
// "-" and empty names are no files.
//
// throws  Error{kUsage} if it would
void check_own_file(const std::string& output, const std::vector<std::string>& others);

}  // namespace sinkscope
