#include "gguf/digest.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "gguf/writer.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

// SHA-256 of "abc", from FIPS 180-4.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class ModelHash : public ::testing::Test {
 protected:
  // A file that looks as if it had been written an hour ago.
  fs::path write(const std::string& name, const std::string& bytes, int seconds_ago = 3600) {
    const fs::path path = folder_ / name;
    write_bytes(path, bytes);
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
    return path;
  }
  std::size_t n_cached() const {
    return fs::exists(cache_) ? static_cast<std::size_t>(std::distance(fs::directory_iterator(cache_), {})) : 0;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path(), cache_ = folder_ / "cache";
};

TEST_F(ModelHash, IsTheFilesDigestWithAndWithoutACache) {
  const fs::path model = write("m.gguf", "abc");
  EXPECT_EQ(model_sha256(model, {}), kAbc);
  EXPECT_EQ(model_sha256(model, cache_), kAbc);
  EXPECT_EQ(n_cached(), 1U);
  EXPECT_EQ(model_sha256(model, cache_), kAbc);
}

TEST_F(ModelHash, AChangedFileIsReadAgain) {
  const fs::path model = write("m.gguf", "abc");
  model_sha256(model, cache_);
  write("m.gguf", "abd", 1800);
  EXPECT_EQ(model_sha256(model, cache_), model_sha256(model, {}));
  EXPECT_NE(model_sha256(model, cache_), kAbc);
}

TEST_F(ModelHash, AFileJustWrittenIsNotKept) {
  model_sha256(write("m.gguf", "abc", 0), cache_);
  EXPECT_EQ(n_cached(), 0U);
}

TEST_F(ModelHash, ADamagedCacheCostsTimeOnly) {
  const fs::path model = write("m.gguf", "abc");
  model_sha256(model, cache_);
  for (const auto& entry : fs::directory_iterator(cache_)) std::ofstream(entry.path()) << "zz not a digest";
  EXPECT_EQ(model_sha256(model, cache_), kAbc);
  std::ofstream(folder_ / "blocked") << "a file where the cache folder should be";
  EXPECT_EQ(model_sha256(model, folder_ / "blocked"), kAbc);
}

TEST_F(ModelHash, ASplitModelIsAllItsParts) {
  GgufMetadata metadata;
  metadata.set_text("general.architecture", "llama");
  metadata.set_u32("split.count", 2);
  const fs::path first = folder_ / "m-00001-of-00002.gguf";
  write_gguf(metadata, {}, first);
  write("m-00002-of-00002.gguf", "def");
  const std::string before = model_sha256(first, {});
  write("m-00002-of-00002.gguf", "deg");
  EXPECT_NE(model_sha256(first, {}), before);
  fs::remove(folder_ / "m-00002-of-00002.gguf");
  EXPECT_THROW(model_sha256(first, {}), Error);
}

}  // namespace
}  // namespace sinkscope
