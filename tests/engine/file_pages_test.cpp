#include "engine/memory/file_pages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#ifdef __linux__

namespace sinkscope {
namespace {

// Resident KiB of all mappings of this process whose line in smaps holds both texts; -1 if there is none.
long resident_kib(const std::string& access, const std::string& name) {
  std::ifstream smaps("/proc/self/smaps");
  long total = -1, kib = 0;
  bool picked = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t first = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-", &first) == 1 && line.find('-') < 20) {
      picked = line.find(" " + access + " ") != std::string::npos && line.find(name) != std::string::npos;
    } else if (picked && std::sscanf(line.c_str(), "Rss: %ld", &kib) == 1) {
      total = std::max(total, 0L) + kib;
    }
  }
  return total;
}

TEST(FilePages, WeightsAreGivenBackAndReadAgain) {
  const std::filesystem::path folder =
      std::filesystem::canonical(std::filesystem::temp_directory_path()) / fmt::format("sinkscope_{}_pages", getpid());
  std::filesystem::create_directory(folder);
  const std::string path = folder / "weights.gguf";
  constexpr std::size_t kBytes = 1 << 20;
  std::ofstream(path) << std::string(kBytes, 'w');
  const int file = open(path.c_str(), O_RDONLY);
  ASSERT_GE(file, 0);
  void* mapped = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  ASSERT_NE(mapped, MAP_FAILED);
  const auto* bytes = static_cast<const volatile char*>(mapped);
  for (std::size_t i = 0; i < kBytes; i += 512) ASSERT_EQ(bytes[i], 'w');
  EXPECT_EQ(resident_kib("r--s", path), 1024);
  release_weight_pages(folder / "no such file.gguf");
  EXPECT_EQ(resident_kib("r--s", path), 1024);
  release_weight_pages(path);
  EXPECT_EQ(resident_kib("r--s", path), 0);
  EXPECT_EQ(bytes[kBytes - 1], 'w');
  munmap(mapped, kBytes);
  std::filesystem::remove_all(folder);
}

TEST(FilePages, CodeRunsOnAfterItWasGivenBack) {
  EXPECT_EQ(fmt::format("{:.3e}", 1234.5), "1.234e+03");
  const long before = resident_kib("r-xp", "/libc.so");
  ASSERT_GT(before, 0);
  release_start_up_pages();
  EXPECT_LT(resident_kib("r-xp", "/libc.so"), before);
  EXPECT_EQ(fmt::format("{:.3e}", 1234.5), "1.234e+03");
}

}  // namespace
}  // namespace sinkscope

#endif
