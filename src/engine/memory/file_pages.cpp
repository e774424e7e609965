#include "engine/memory/file_pages.h"

#include <sys/mman.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace sinkscope {
namespace {

// Gives back the pages of all mappings of files with such an access ("r--s", as /proc writes it) that a test picks.
template <typename Test>
void release_pages(std::string_view access, Test picks) {
#ifdef __linux__
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    char allowed[5] = {};
    int name = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n", &first, &end, allowed, &name) != 3)
      continue;
    if (allowed != access || !picks(std::filesystem::path(line.substr(static_cast<std::size_t>(name))))) continue;
    madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
#else
  (void)access, (void)picks;
#endif
}

}  // namespace

void release_weight_pages(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(path, error).parent_path();
  if (error) return;
  // Read-only and shared with the file: what is given back is read again, unchanged.
  release_pages("r--s", [&](const std::filesystem::path& file) {
    return file.extension() == ".gguf" && file.parent_path() == folder;
  });
}

void release_start_up_pages() {
  // Code that cannot be written is what the file holds; what no file holds has a name in brackets.
  release_pages("r-xp", [&](const std::filesystem::path& file) { return file.is_absolute(); });
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace sinkscope
