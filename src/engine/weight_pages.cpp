#include "engine/weight_pages.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace sinkscope {

void release_weight_pages(const std::string& path) {
#ifdef __linux__
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(path, error).parent_path();
  if (error) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    char access[5] = {};
    int name = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &first, &end, access, &name) != 3)
      continue;
    const std::filesystem::path file = line.substr(static_cast<std::size_t>(name));
    // Read-only and shared with the file: what is given back is read again, unchanged.
    if (std::string_view(access) != "r--s" || file.extension() != ".gguf" || file.parent_path() != folder) continue;
    madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
#else
  (void)path;
#endif
}

}  // namespace sinkscope
