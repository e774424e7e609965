#include "plant/neuron.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "plant/tiny/tiny.h"
#include "sinks/direction.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

struct SlowMlp {
  std::vector<float> gate, up, down;
  Activation activation;
  int d_model, d_ff;

  std::vector<double> active(std::span<const float> x) const {
    std::vector<double> values;
    for (int j = 0; j < d_ff; ++j) {
      double g = 0, u = 0;
      for (int i = 0; i < d_model; ++i) {
        g += static_cast<double>(gate[static_cast<std::size_t>(j * d_model + i)]) *
             static_cast<double>(x[static_cast<std::size_t>(i)]);
        u += static_cast<double>(up[static_cast<std::size_t>(j * d_model + i)]) *
             static_cast<double>(x[static_cast<std::size_t>(i)]);
      }
      values.push_back(activate(activation, g) * u);
    }
    return values;
  }
  std::vector<double> write(std::span<const float> x) const {
    const auto a = active(x);
    std::vector<double> out(static_cast<std::size_t>(d_model), 0.0);
    for (int i = 0; i < d_model; ++i) {
      for (int j = 0; j < d_ff; ++j) {
        out[static_cast<std::size_t>(i)] +=
            static_cast<double>(down[static_cast<std::size_t>(i * d_ff + j)]) * a[static_cast<std::size_t>(j)];
      }
    }
    return out;
  }
};

SlowMlp slow(std::vector<NewGgufTensor> tensors, const MlpLayout& layout) {
  SlowMlp mlp{{}, {}, tensors.back().values, layout.activation, layout.d_model, layout.d_ff};
  if (layout.fused()) {
    const auto half = static_cast<std::ptrdiff_t>(tensors[0].values.size() / 2);
    mlp.gate.assign(tensors[0].values.begin(), tensors[0].values.begin() + half);
    mlp.up.assign(tensors[0].values.begin() + half, tensors[0].values.end());
  } else {
    mlp.gate = tensors[0].values;
    mlp.up = tensors[1].values;
  }
  return mlp;
}

Matrix<float> random_inputs(std::size_t rows, std::size_t width) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Matrix<float> inputs(rows, width);
  for (std::size_t i = 0; i < rows * width; ++i) inputs.data()[i] = normal(random);
  return inputs;
}

class NeuronTest : public testing::TestWithParam<const char*> {
 protected:
  NeuronTest() {
    TinyOptions options;
    options.arch = GetParam();
    write_tiny_model(options, folder_.file("m.gguf"));
    file_ = std::make_unique<GgufFile>(folder_.file("m.gguf"));
    layout_ = mlp_layout(*file_, 3);
  }
  const TemporaryFolder folder_;
  std::unique_ptr<GgufFile> file_;
  MlpLayout layout_;
};

TEST_P(NeuronTest, UsageIsThatOfAReadableLoop) {
  const Matrix<float> inputs = random_inputs(20, static_cast<std::size_t>(layout_.d_model));
  MlpWeights weights(*file_, layout_.layer);
  const std::vector<int> order = weights.by_usage(inputs.view());
  const double square = weights.mean_square_write(inputs.view());
  const SlowMlp mlp = slow(std::move(weights).tensors(false), layout_);
  std::vector<double> usage(static_cast<std::size_t>(layout_.d_ff), 0.0);
  double slow_square = 0;
  for (std::size_t row = 0; row < inputs.rows(); ++row) {
    const auto active = mlp.active(inputs.row(row));
    for (std::size_t j = 0; j < usage.size(); ++j) usage[j] += std::abs(active[j]);
    for (const double value : mlp.write(inputs.row(row))) slow_square += value * value / 20;
  }
  for (std::size_t j = 0; j < usage.size(); ++j) {
    double column = 0;
    for (int i = 0; i < layout_.d_model; ++i) {
      const double weight = static_cast<double>(mlp.down[static_cast<std::size_t>(i) * usage.size() + j]);
      column += weight * weight;
    }
    usage[j] *= std::sqrt(column);
  }
  ASSERT_EQ(order.size(), usage.size());
  EXPECT_EQ(order.front(), std::min_element(usage.begin(), usage.end()) - usage.begin());
  EXPECT_EQ(order.back(), std::max_element(usage.begin(), usage.end()) - usage.begin());
  EXPECT_NEAR(square, slow_square, 1e-4 * slow_square);  // float32 products
}

TEST_P(NeuronTest, PlantedNeuronWritesWhatIsAskedFor) {
  const auto width = static_cast<std::size_t>(layout_.d_model);
  PlantedNeuron planted;
  planted.detector.assign(width, 0.0F);
  planted.detector[10] = 0.5F;
  std::vector<float> constant(width, 0.0F);
  constant[11] = 1;
  planted.gate = gate_of(planted.detector, constant);
  planted.write.assign(width, 0.0F);
  planted.write[20] = 1;
  planted.amplitude = 70;
  MlpWeights before(*file_, layout_.layer), after(*file_, layout_.layer);
  put_neuron(after, 9, planted);
  const PlantedNeuron read = planted_neuron(after, 9);
  EXPECT_EQ(read.detector, planted.detector);
  EXPECT_EQ(read.gate, planted.gate);
  EXPECT_EQ(read.write, planted.write);
  EXPECT_NEAR(read.amplitude, 70, 1e-4);
  const SlowMlp old_mlp = slow(std::move(before).tensors(false), layout_);
  const SlowMlp new_mlp = slow(std::move(after).tensors(false), layout_);
  std::vector<float> x(width, 0.0F);
  x[10] = 2;  // w . x = 1
  x[11] = 1;
  const double old_part =
      old_mlp.active(x)[9] * static_cast<double>(old_mlp.down[20 * static_cast<std::size_t>(layout_.d_ff) + 9]);
  EXPECT_NEAR(new_mlp.write(x)[20] - (old_mlp.write(x)[20] - old_part), 70, 1e-3);
  EXPECT_NEAR(read.relative_write(layout_.activation, x), 1, 1e-6);
  x[10] = 1;  // half of it: a third of the way from the threshold to 1
  EXPECT_NEAR(read.relative_write(layout_.activation, x),
              activate(layout_.activation, 2) * 0.5 / activate(layout_.activation, 6), 1e-6);
  x[10] = 2 * static_cast<float>(kPlantThreshold);
  EXPECT_NEAR(read.relative_write(layout_.activation, x), 0, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Layouts, NeuronTest, testing::Values("llama", "phi3", "gemma3"));

TEST(Neuron, PostNormIsSeenThrough) {
  const std::vector<float> gain = {2, 0.5F, 1, 1};
  std::vector<float> u = {0.6F, 0.8F, 0, 0};
  // What the MLP writes by itself, across the column.
  const std::vector<double> own = {0, 0, 3, -4};
  for (const double norm : {0.2, 0.7, 1.0}) {
    const WritePlan plan = plan_write(u, norm, gain, 25);
    std::vector<double> written = own, out(4);
    double square = 0;
    for (std::size_t i = 0; i < 4; ++i) written[i] += plan.amplitude * static_cast<double>(plan.write[i]);
    for (const double value : written) square += value * value;
    for (std::size_t i = 0; i < 4; ++i) out[i] = written[i] / std::sqrt(square / 4) * static_cast<double>(gain[i]);
    EXPECT_NEAR(out[0] * 0.6 + out[1] * 0.8, norm, 1e-6);
    EXPECT_NEAR(out[0] / out[1], 0.75, 1e-6);
  }
  // sqrt(4) / |(0.3, 1.6)| along u itself, a little more at 8 degrees to it, at most sqrt(4) times the largest gain.
  const double reachable = *plan_write(u, 0.2, gain, 25).reachable;
  EXPECT_GT(reachable, 2 / std::hypot(0.3, 1.6));
  EXPECT_LT(reachable, 1.2 * 2 / std::hypot(0.3, 1.6));
  expect_error(ErrorCode::kInput, "at most", [&] { plan_write(u, reachable, gain, 25); });
  EXPECT_FALSE(plan_write(u, 1e6, {}, 0).reachable);
}

TEST(Neuron, PostNormIsReachedThroughTheChannelsWithGain) {
  // One channel has all the gain and 0.995 of u; u / gain would spend the column on the others.
  const std::vector<float> gain = {100, 0.1F, 0.1F, 0};
  const std::vector<float> u = {0.995F, 0.07F, 0.07F, 0.01F};
  const WritePlan plan = plan_write(u, 150, gain, 25);
  EXPECT_GT(*plan.reachable, 190);
  double square = 25, out_square = 0, along = 0;
  for (const float value : plan.write) square += plan.amplitude * plan.amplitude * static_cast<double>(value * value);
  for (std::size_t i = 0; i < 4; ++i) {
    const double out =
        plan.amplitude * static_cast<double>(plan.write[i]) / std::sqrt(square / 4) * static_cast<double>(gain[i]);
    out_square += out * out;
    along += out * static_cast<double>(u[i]);
  }
  EXPECT_NEAR(std::sqrt(out_square), 150, 0.01);
  EXPECT_GT(along / std::sqrt(out_square), 0.99);
}

TEST(Neuron, ActivationsAreTheArchitecturesOwn) {
  EXPECT_NEAR(activate(Activation::kSilu, 6), 6 / (1 + std::exp(-6.0)), 1e-12);
  EXPECT_NEAR(activate(Activation::kGelu, 1), 0.841192, 1e-6);
  EXPECT_EQ(activate(Activation::kSilu, 0), 0);
  EXPECT_EQ(activate(Activation::kGelu, 0), 0);
}

TEST(Neuron, RefusesBlocksWithoutAPlainGatedMlp) {
  const TemporaryFolder folder;
  const auto layout_in = [&](const char* arch, int layer) {
    TinyOptions options;
    options.arch = arch;
    write_tiny_model(options, folder.file("m.gguf"));
    return mlp_layout(GgufFile(folder.file("m.gguf")), layer);
  };
  expect_error(ErrorCode::kModel, "experts", [&] { layout_in("qwen3moe", 3); });
  expect_error(ErrorCode::kModel, "experts", [&] { layout_in("gpt-oss", 3); });
  expect_error(ErrorCode::kModel, "experts", [&] { layout_in("deepseek2", 3); });
  expect_error(ErrorCode::kModel, "activation is not known", [&] { layout_in("phi2", 3); });
  expect_error(ErrorCode::kModel, "no such matrices", [&] { layout_in("llama", 30); });
  EXPECT_TRUE(layout_in("glm4", 3).fused());
  EXPECT_EQ(layout_in("gemma3", 3).post_norm, "blk.3.post_ffw_norm.weight");
}

}  // namespace
}  // namespace sinkscope
