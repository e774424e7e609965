#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"

namespace sinkscope {
namespace {

// All numbers that a run shows of states and attention, in order.
class Recorder final : public Observer {
 public:
  bool wants(ProbePoint point, int) override { return point == ProbePoint::kBlockOutput; }
  bool wants_attention(int) override { return true; }
  void on_state(const StateEvent& event) override { add(event.states); }
  void on_attention(const AttentionEvent& event) override {
    add(event.sums);
    add(event.far_sums);
  }
  std::vector<float> numbers;

 private:
  void add(const MatrixView<const float>& rows) {
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      numbers.insert(numbers.end(), rows.row(r).begin(), rows.row(r).end());
    }
  }
};

class TwoModels : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      paths_[i] = testing::TempDir() + "two_models_" + std::to_string(::getpid()) + "_" + std::to_string(i) + ".gguf";
      TinyOptions tiny;
      tiny.arch = i == 0 ? "llama" : "gemma3";
      tiny.n_layers = 4;
      tiny.seed = i + 1;
      write_tiny_model(tiny, paths_[i]);
    }
  }
  void TearDown() override {
    for (const std::string& path : paths_) std::filesystem::remove(path);
  }

  std::unique_ptr<Model> load(std::size_t which) const {
    LoadOptions options;
    options.path = paths_[which];
    options.n_ubatch = 64;
    options.precision = GetParam();
    options.runtime.n_threads = 2;
    return load_model(options);
  }

  static std::vector<float> run(Model& model) {
    Pack pack;
    pack.sequences.push_back({kTinyBos});
    for (int i = 0; i < 150; ++i) pack.sequences[0].push_back((i * i + 3 * i) % 256);
    Recorder recorder;
    model.run(pack, recorder, {});
    return recorder.numbers;
  }

  std::array<std::string, 2> paths_;
};

TEST_P(TwoModels, RunOnTwoThreadsAsEachAlone) {
  std::array<std::vector<float>, 2> alone;
  for (std::size_t i = 0; i < alone.size(); ++i) alone[i] = run(*load(i));
  ASSERT_FALSE(alone[0].empty());
  constexpr int kTimes = 5;
  std::array<int, 2> equal{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < alone.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int time = 0; time < kTimes; ++time) equal[i] += run(*load(i)) == alone[i] ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal[0], kTimes);
  EXPECT_EQ(equal[1], kTimes);
}

TEST_P(TwoModels, MayMoveFromOneThreadToAnother) {
  const std::unique_ptr<Model> model = load(0);
  const std::vector<float> here = run(*model);
  std::vector<float> there;
  std::thread([&] { there = run(*model); }).join();
  EXPECT_TRUE(here == there);
  EXPECT_TRUE(here == run(*model));
}

TEST_P(TwoModels, AnErrorIsToldToWhomItConcerns) {
  const std::string broken = paths_[1] + ".broken";
  {
    std::ifstream whole(paths_[1], std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(whole), {}};
    const std::size_t at = bytes.find("general.architecture");
    ASSERT_NE(at, std::string::npos);
    const std::size_t name = bytes.find("gemma3", at);
    ASSERT_NE(name, std::string::npos);
    bytes.replace(name, 6, "gemmaX");
    std::ofstream(broken, std::ios::binary) << bytes;
  }
  int named = 0, ran = 0;
  std::thread fails([&] {
    for (int time = 0; time < 20; ++time) {
      try {
        LoadOptions options;
        options.path = broken;
        load_model(options);
      } catch (const Error& error) {
        named += std::string(error.what()).find("gemmaX") != std::string::npos ? 1 : 0;
      }
    }
  });
  const std::unique_ptr<Model> model = load(0);
  for (int time = 0; time < 5; ++time) ran += run(*model).empty() ? 0 : 1;
  fails.join();
  EXPECT_EQ(named, 20);
  EXPECT_EQ(ran, 5);
  std::filesystem::remove(broken);
}

INSTANTIATE_TEST_SUITE_P(Precisions, TwoModels, testing::Values(Precision::kNative, Precision::kF32),
                         [](const auto& test) { return test.param == Precision::kNative ? "native" : "f32"; });

}  // namespace
}  // namespace sinkscope
