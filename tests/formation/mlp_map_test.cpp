// A layer's MLP on vectors of one's own, against what the network itself makes of the same vectors.
#include "formation/mlp_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/index.h"
#include "formation/neurons.h"
#include "gguf/file.h"
#include "tests/plant/letters.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kMlpLayer = 3, kMlpTokens = 70;

// What one layer's MLP reads and writes in a run.
class MlpOfARun final : public Observer {
 public:
  explicit MlpOfARun(std::size_t d) : inputs(kMlpTokens, d), writes(kMlpTokens, d) {}
  bool wants(ProbePoint point, int layer) override {
    return layer == kMlpLayer && (point == ProbePoint::kMlpInput || point == ProbePoint::kMlpWrite);
  }
  void on_state(const StateEvent& event) override {
    Matrix<float>& to = event.point == ProbePoint::kMlpInput ? inputs : writes;
    for (std::size_t row = 0; row < event.states.rows(); ++row) {
      std::ranges::copy(event.states.row(row), to.row(index(event.first_token) + row).begin());
    }
    ++n_events;
  }
  Matrix<float> inputs, writes;
  int n_events = 0;
};

double largest(const Matrix<float>& matrix) {
  double most = 0;
  for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(matrix.data()[i])));
  }
  return most;
}

class MlpMap : public testing::TestWithParam<std::string_view> {
 protected:
  MlpMap() {
    TinyOptions options;
    options.arch = GetParam();
    write_tiny_model(options, path_);
    model_ = load_tiny(path_);
  }
  MlpOfARun run() {
    MlpOfARun seen(index(model_->facts().d_model));
    model_->run({{letters(5, 1, kMlpTokens).front()}}, seen, {});
    return seen;
  }
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("tiny.gguf");
  std::unique_ptr<Model> model_;
};

TEST_P(MlpMap, IsTheNetworksOwn) {
  const MlpOfARun seen = run();
  if (seen.n_events < 2) GTEST_SKIP() << "the layer shows no MLP";
  const Matrix<float> writes = run_mlp(*model_, kMlpLayer, seen.inputs.view(), {});
  const double scale = largest(seen.writes);
  ASSERT_GT(scale, 0);
  for (std::size_t i = 0; i < kMlpTokens; ++i) {
    for (std::size_t c = 0; c < writes.cols(); ++c) {
      // Float32 throughout: rows of another micro-batch are added up in another order.
      ASSERT_NEAR(writes(i, c), seen.writes(i, c), 1e-4 * scale) << "token " << i << ", channel " << c;
    }
  }
}

// Where the weights are of a kind that neurons can be told of, they say the same.
TEST_P(MlpMap, IsThatOfTheWeights) {
  std::optional<MlpWeights> mlp;
  try {
    mlp.emplace(GgufFile(path_), kMlpLayer);
  } catch (const Error& error) {
    ASSERT_EQ(error.code(), ErrorCode::kModel);
    GTEST_SKIP() << error.what();
  }
  // ggml reads GELU from a table of half floats by a half float: 2^-11 of each. Else float32 throughout.
  const bool gelu = mlp_layout(GgufFile(path_), kMlpLayer).activation == Activation::kGelu;
  const MlpOfARun seen = run();
  const double tolerance = (gelu ? 0x1p-10 : 1e-4) * largest(seen.writes);
  for (std::size_t i = 0; i < kMlpTokens; i += 7) {
    const std::vector<float> write = mlp->read(std::as_const(seen.inputs).row(i)).write;
    for (std::size_t c = 0; c < write.size(); ++c) ASSERT_NEAR(write[c], seen.writes(i, c), tolerance) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, MlpMap, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& instance) {
                           std::string name(instance.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sinkscope
