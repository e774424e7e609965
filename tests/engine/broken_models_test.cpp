#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/llama/model.h"
#include "engine/llama/model_file.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "measure/pack_meter.h"
#include "plant/tiny/tiny.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_bytes.h"
#include "tests/support/invariant_observer.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kRefused = 4, kRan = 0;

void load_and_run(const std::string& path) {
  try {
    LoadOptions options;
    options.path = path;
    options.n_ubatch = 16;
    options.runtime.n_threads = 1;
    options.runtime.tuning.on_fatal = [](const char*) { _exit(kRefused); };
    const auto model = load_model(options);
    Pack pack;
    pack.sequences.push_back({kTinyBos, 1, 2, 3, 4, 5});
    InvariantObserver observer(model->facts());
    model->run(pack, observer, {});
    _exit(kRan);
  } catch (const Error&) {
    _exit(kRefused);
  }
}

// In a process of its own: what a broken file makes of it must not be a crash.
int status_of(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
#ifndef __SANITIZE_ADDRESS__  // which reserves more than any limit
    const rlimit memory{4UL << 30, 4UL << 30};
    setrlimit(RLIMIT_AS, &memory);
#endif
    alarm(60);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    load_and_run(path);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class BrokenModels : public testing::Test {
 protected:
  void SetUp() override { make("llama"); }
  void make(const std::string& arch) {
    TinyOptions tiny;
    tiny.arch = arch;
    tiny.n_layers = 2;
    write_tiny_model(tiny, path_);
    whole_ = bytes_of_file(path_);
  }
  int status_with(const std::string& bytes) {
    write_bytes(path_, bytes);
    return status_of(path_);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("broken.gguf");
  std::string whole_;
};

TEST_F(BrokenModels, AWholeOneRuns) {
  const int status = status_with(whole_);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kRan);
}

TEST_F(BrokenModels, ACutOneIsRefused) {
  for (const double part : {0.0, 0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999}) {
    const int status =
        status_with(whole_.substr(0, static_cast<std::size_t>(static_cast<double>(whole_.size()) * part)));
    ASSERT_TRUE(WIFEXITED(status)) << "cut at " << part << ": signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), kRefused) << "cut at " << part;
  }
}

TEST_F(BrokenModels, AFlippedBitNeverCrashes) {
  std::mt19937 random(7);
  // Metadata and the list of tensors stand before the first tensor's data.
  const std::size_t head = 16384;
  for (int i = 0; i < 60; ++i) {
    std::string bytes = whole_;
    const std::size_t at = i < 10 ? static_cast<std::size_t>(i) * 3 : random() % std::min(head, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    const int status = status_with(bytes);
    EXPECT_TRUE(WIFEXITED(status)) << "flip at byte " << at << ": signal " << WTERMSIG(status);
  }
}

// llama.cpp divides by some of these numbers, and steps by others.
TEST_F(BrokenModels, ANumberThatIsMissingOrZeroNeverCrashesOrHangs) {
  for (const char* arch : {"llama", "olmo2", "gemma3", "phi2", "deepseek2"}) {
    make(arch);
    const GgufMetadata metadata = GgufFile(path_).metadata();
    for (const GgufMetadata::Entry& entry : metadata.entries()) {
      if (entry.type != GgufType::kU32) continue;
      const std::size_t key = whole_.find(entry.key);
      std::string missing = whole_, zero = whole_;
      missing[key] = '?';
      zero.replace(key + entry.key.size() + sizeof(std::uint32_t), sizeof(std::uint32_t), 4, '\0');
      for (const auto& [bytes, what] : {std::pair(&missing, "missing"), std::pair(&zero, "zero")}) {
        const int status = status_with(*bytes);
        EXPECT_TRUE(WIFEXITED(status)) << entry.key << ' ' << what << ": signal " << WTERMSIG(status);
      }
    }
  }
}

// The first part may hold nothing but metadata: what the weights are stored as, the others say.
TEST_F(BrokenModels, AWeightThatIsNoNumberIsNamed) {
  for (const char* name : {"blk.1.ffn_down.weight", "blk.0.attn_k.weight"}) {
    LoadOptions options;
    options.path = folder_.file("spoilt.gguf");
    {
      const GgufFile file(path_);
      const GgufTensor& tensor = *file.find(name);
      NewGgufTensor spoilt{tensor.name, tensor.shape, tensor.type, file.to_floats(tensor)};
      spoilt.values[5] = std::numeric_limits<float>::quiet_NaN();
      write_gguf_copy(file, std::vector{spoilt}, options.path);
    }
    const auto model = load_model(options);
    std::vector<TokenId> tokens(100);
    std::iota(tokens.begin(), tokens.end(), 40);
    const Pack pack{{tokens}};
    PackMeter meter(model->facts(), pack, {});
    expect_error(ErrorCode::kModel, "NaN or infinite in tensor " + std::string(name) + ", the first at 5",
                 [&] { model->run(pack, meter, {}); });
  }
}

TEST_F(BrokenModels, AllPartsOfASplitModelSayHowItIsStored) {
  const auto write_part = [&](const char* name, GgufMetadata metadata, std::uint32_t part, std::uint32_t type) {
    metadata.set_u32("split.no", part);
    metadata.set_u32("split.count", 2);
    const std::vector<NewGgufTensor> one = {{"a", {8}, type, {1, 2, 3, 4, 5, 6, 7, 8}}};
    write_gguf(metadata, part == 0 ? std::vector<NewGgufTensor>() : one, folder_.file(name));
  };
  const GgufMetadata metadata = GgufFile(path_).metadata();
  for (const std::uint32_t type : {kGgufF32, kGgufF16}) {
    write_part("s-00001-of-00002.gguf", metadata, 0, type);
    write_part("s-00002-of-00002.gguf", {}, 1, type);
    const ModelFile file(folder_.file("s-00001-of-00002.gguf"));
    EXPECT_EQ(file.stored_in_f32(), type == kGgufF32);
    EXPECT_TRUE(file.is_split());
    EXPECT_EQ(file.n_weight_bytes(), type == kGgufF32 ? 32U : 16U);
  }
}

}  // namespace
}  // namespace sinkscope
