#include "plant/tiny/tiny.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "base/error.h"
#include "gguf/file.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

TEST(Tiny, EqualOptionsGiveEqualBytesAndAnotherSeedOthers) {
  const TemporaryFolder folder;
  TinyOptions options;
  write_tiny_model(options, folder.file("a.gguf"));
  write_tiny_model(options, folder.file("b.gguf"));
  options.seed = 2;
  write_tiny_model(options, folder.file("c.gguf"));
  EXPECT_EQ(bytes_of_file(folder.file("a.gguf")), bytes_of_file(folder.file("b.gguf")));
  EXPECT_NE(bytes_of_file(folder.file("a.gguf")), bytes_of_file(folder.file("c.gguf")));
}

TEST(Tiny, OnlyTheSinkNeuronsTouchTheAxis) {
  const TemporaryFolder folder;
  TinyOptions options;
  options.sinks = {{4, '#', 150}};
  write_tiny_model(options, folder.file("m.gguf"));
  const GgufFile file(folder.file("m.gguf"));
  for (int layer = 0; layer < options.n_layers; ++layer) {
    const auto down = file.to_floats(*file.find("blk." + std::to_string(layer) + ".ffn_down.weight"));
    for (int neuron = 0; neuron < options.d_ff; ++neuron) {
      const bool planted = (layer == 1 && neuron == 0) || (layer == 4 && neuron == 1);
      // Channel 0 is the axis: the first row of the down matrix.
      EXPECT_EQ(down[static_cast<std::size_t>(neuron)] != 0, planted) << layer << " " << neuron;
    }
  }
  // norm / silu(6) is the neuron's column, written to one channel.
  const auto down = file.to_floats(*file.find("blk.4.ffn_down.weight"));
  EXPECT_NEAR(down[1], 150 / (6 / (1 + std::exp(-6.0))), 1e-3);
}

TEST(Tiny, WithoutPrimaryNothingIsReserved) {
  const TemporaryFolder folder;
  TinyOptions options;
  options.primary = false;
  write_tiny_model(options, folder.file("m.gguf"));
  const GgufFile file(folder.file("m.gguf"));
  const auto embedding = file.to_floats(*file.find("token_embd.weight"));
  EXPECT_NE(embedding[0], 0);
}

TEST(Tiny, RefusesWhatCannotBe) {
  const TemporaryFolder folder;
  const auto refused = [&](auto change) {
    TinyOptions options;
    change(options);
    try {
      write_tiny_model(options, folder.file("m.gguf"));
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUsage;
    }
    return false;
  };
  EXPECT_TRUE(refused([](TinyOptions& o) { o.arch = "gpt2"; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.n_layers = 0; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.n_kv_heads = 3; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.d_model = 66; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.sinks = {{8, 'a', 100}}; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.sinks = {{4, 'a', 0}}; }));
  EXPECT_TRUE(refused([](TinyOptions& o) { o.sinks = {{4, 'a', 100}, {5, 'a', 100}}; }));
  EXPECT_TRUE(refused([](TinyOptions& o) {
    o.primary = false;
    o.sinks = {{4, 'a', 100}};
  }));
  EXPECT_FALSE(refused([](TinyOptions&) {}));
}

}  // namespace
}  // namespace sinkscope
