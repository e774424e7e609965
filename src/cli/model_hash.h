#pragma once

#include <filesystem>
#include <string>

namespace sinkscope {

// SHA-256 of a model's file; of a split model, of its parts' digests in order.
//
// cache   folder of digests known already, by path, size, time of change and inode; empty: none. A digest is kept
//         only if the file was still for two seconds before and did not change while it was read. A cache that
//         cannot be read or written costs time and nothing else
// throws  Error{kModel} if the file cannot be read
// cost    about a second a gigabyte the first time
std::string model_sha256(const std::string& path, const std::filesystem::path& cache);

}  // namespace sinkscope
