// Scans of tiny models on a device that is none (late_device.h) beside the same on the processor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "base/error.h"
#include "engine/llama/model.h"
#include "measure/pack_meter.h"
#include "plant/tiny/tiny.h"
#include "probe/change_rows.h"
#include "probe/hide_keys.h"
#include "tests/engine/gpu/late_device.h"
#include "tests/engine/gpu/slow_kernels.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

std::vector<TokenId> text(int n, int step, bool bos = true) {
  std::vector<TokenId> tokens;
  if (bos) tokens.push_back(kTinyBos);
  for (int i = 0; static_cast<int>(tokens.size()) < n; ++i) {
    tokens.push_back(i % 50 == 20 ? '#' : (i * i * step + i) % 256);
  }
  return tokens;
}

class DeviceTest : public testing::Test {
 protected:
  DeviceTest() {
    register_late_devices();
    tiny_.sinks = {{4, '#', 150}};
  }

  void write() { write_tiny_model(tiny_, path_.string()); }

  std::unique_ptr<Model> load(const std::vector<std::string>& devices, int n_gpu_layers = -1, int n_ubatch = 96) {
    LoadOptions options;
    options.path = path_.string();
    options.n_ctx = 1024;
    options.n_ubatch = n_ubatch;
    options.runtime.n_threads = 1;
    options.max_sequences = 4;
    options.precision = Precision::kNative;
    options.devices.names = devices;
    options.n_gpu_layers = n_gpu_layers;
    return load_model(options);
  }

  static std::vector<SequenceMeasurement> measure(Model& model, const Pack& pack) {
    MeterOptions options;
    options.n_threads = 1;
    PackMeter meter(model.facts(), pack, options);
    model.run(pack, meter, RunOptions{});
    return meter.take();
  }

  TinyOptions tiny_;
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.file("tiny.gguf");
};

void expect_near(const Matrix<float>& a, const Matrix<float>& b, double relative, const char* what) {
  ASSERT_EQ(a.rows(), b.rows());
  ASSERT_EQ(a.cols(), b.cols());
  for (std::size_t r = 0; r < a.rows(); ++r) {
    for (std::size_t c = 0; c < a.cols(); ++c) {
      EXPECT_NEAR(a(r, c), b(r, c), relative * std::abs(a(r, c)) + 1e-6) << what << " " << r << ", " << c;
    }
  }
}

void expect_near(const Cube<float>& a, const Cube<float>& b, double tolerance, const char* what) {
  ASSERT_EQ(a.depth(), b.depth());
  for (std::size_t d = 0; d < a.depth(); ++d) {
    for (std::size_t r = 0; r < a.rows(); ++r) {
      for (std::size_t c = 0; c < a.cols(); ++c) {
        EXPECT_NEAR(a(d, r, c), b(d, r, c), tolerance * (1 + 0.05 * std::abs(a(d, r, c))))
            << what << " " << d << ", " << r << ", " << c;
      }
    }
  }
}

void expect_near(const CandidateCosines& a, const CandidateCosines& b, const SequenceMeasurement& m, double tolerance,
                 const char* what) {
  for (std::size_t l = 0; l < static_cast<std::size_t>(m.n_layers); ++l) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(m.n_candidates); ++c) {
      ASSERT_EQ(a.holds(c), b.holds(c));
      for (std::size_t t = 0; a.holds(c) && t < static_cast<std::size_t>(m.n_tokens); ++t) {
        if (std::isnan(a(l, c, t)) && std::isnan(b(l, c, t))) continue;  // the candidate had not come
        EXPECT_NEAR(a(l, c, t), b(l, c, t), tolerance) << what << " " << l << ", " << c << ", " << t;
      }
    }
  }
}

// The network's numbers are the same, bit for bit; figures are the same sums in another order, of writes that are taken
// from the network's own nodes instead of from differences.
void expect_same(const SequenceMeasurement& a, const SequenceMeasurement& b) {
  EXPECT_EQ(a.has_writes, b.has_writes);
  EXPECT_EQ(a.has_attention, b.has_attention);
  EXPECT_EQ(a.has_read, b.has_read);
  EXPECT_EQ(a.has_key_value, b.has_key_value);
  EXPECT_EQ(a.has_centred, b.has_centred);
  EXPECT_EQ(a.standing, b.standing);
  EXPECT_EQ(a.watched, b.watched);
  expect_near(a.hidden_norm, b.hidden_norm, 1e-5, "hidden_norm");
  expect_near(a.attn_write_norm, b.attn_write_norm, 2e-4, "attn_write_norm");
  expect_near(a.mlp_write_norm, b.mlp_write_norm, 2e-4, "mlp_write_norm");
  expect_near(a.key_norm, b.key_norm, 1e-5, "key_norm");
  expect_near(a.value_norm, b.value_norm, 1e-5, "value_norm");
  expect_near(a.alignment, b.alignment, a, 1e-5, "alignment");
  expect_near(a.centred_alignment, b.centred_alignment, a, 1e-4, "centred_alignment");
  expect_near(a.read_alignment, b.read_alignment, a, 1e-5, "read_alignment");
  expect_near(a.mlp_write_alignment, b.mlp_write_alignment, a, 1e-3, "mlp_write_alignment");
  // Queries are rounded to f16 for products with f16 keys: some 2e-5 of a score.
  expect_near(a.attention_sum, b.attention_sum, 2e-3, "attention_sum");
  expect_near(a.attention_far_sum, b.attention_far_sum, 2e-3, "attention_far_sum");
  for (std::size_t l = 0; l < a.learned_mass.rows(); ++l) {
    for (std::size_t h = 0; h < a.learned_mass.cols(); ++h) {
      EXPECT_NEAR(a.learned_mass(l, h), b.learned_mass(l, h), 2e-3) << l << ", " << h;
    }
  }
  for (std::size_t l = 0; l < a.logit_gap_sum.depth(); ++l) {
    for (std::size_t w = 0; w < a.logit_gap_sum.rows(); ++w) {
      for (std::size_t c = 0; c < a.logit_gap_sum.cols(); ++c) {
        ASSERT_EQ(a.logit_gap_queries(l, w, c), b.logit_gap_queries(l, w, c)) << l << ", " << w << ", " << c;
        EXPECT_NEAR(a.logit_gap_sum(l, w, c), b.logit_gap_sum(l, w, c), 1e-3 * (1 + a.logit_gap_queries(l, w, c)));
      }
      EXPECT_EQ(a.eviction_queries(l, w), b.eviction_queries(l, w));
      EXPECT_EQ(a.eviction_left_out(l, w), b.eviction_left_out(l, w));
      for (std::size_t h = 0; h < a.eviction_cost.cols(); ++h) {
        EXPECT_NEAR(a.eviction_cost(l, w, h), b.eviction_cost(l, w, h),
                    2e-2 * std::abs(a.eviction_cost(l, w, h)) + 1e-4)
            << l << ", " << w << ", " << h;
      }
    }
    ASSERT_EQ(a.channels[l].size(), b.channels[l].size());
    for (std::size_t i = 0; i < a.channels[l].size(); ++i) {
      EXPECT_EQ(a.channels[l][i].position, b.channels[l][i].position);
      EXPECT_EQ(a.channels[l][i].top.channel, b.channels[l][i].top.channel);
    }
    EXPECT_EQ(a.channel_median[l], b.channel_median[l]);
  }
}

class EveryFamily : public DeviceTest, public testing::WithParamInterface<std::string_view> {};

TEST_P(EveryFamily, IsMeasuredOnADeviceAsOnTheProcessor) {
  tiny_.arch = GetParam();
  write();
  const Pack pack{{text(300, 7), text(5, 3), text(120, 11)}};
  const auto model = load({"none"}), on_device = load({"LATE0"});
  EXPECT_EQ(model->precision(), "native");
  EXPECT_EQ(on_device->precision(), "late (f16 attention)");
  const Pack alone{{pack.sequences[0]}};
  const Pack& shown = model->max_sequences() > 1 ? pack : alone;
  const auto a = measure(*model, shown), b = measure(*on_device, shown);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t s = 0; s < a.size(); ++s) {
    SCOPED_TRACE(s);
    expect_same(a[s], b[s]);
  }
}

INSTANTIATE_TEST_SUITE_P(Archs, EveryFamily, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& arch) {
                           std::string name(arch.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_F(DeviceTest, LayersMayLieOnTwoDevicesAndTheProcessor) {
  write();
  const Pack pack{{text(300, 7)}};
  const auto a = measure(*load({"none"}), pack);
  for (const int n_gpu_layers : {3, 6, 9}) {
    SCOPED_TRACE(n_gpu_layers);
    expect_same(a[0], measure(*load({"LATE0", "LATE1"}, n_gpu_layers), pack)[0]);
  }
}

TEST_F(DeviceTest, MicroBatchesMayCutTheFirstPositions) {
  write();
  // The primary of the last one is sought behind a stretch of equal tokens.
  std::vector<TokenId> stretch(30, 'a');
  for (const TokenId token : text(60, 3, false)) stretch.push_back(token);
  const Pack pack{{text(90, 7), text(80, 5), stretch}};
  for (const int n_ubatch : {5, 64, 512}) {
    SCOPED_TRACE(n_ubatch);
    const auto a = measure(*load({"none"}, -1, n_ubatch), pack), b = measure(*load({"LATE0"}, -1, n_ubatch), pack);
    for (std::size_t s = 0; s < a.size(); ++s) expect_same(a[s], b[s]);
  }
}

// What the device cannot do is done on the host, and comes to the same.
TEST_F(DeviceTest, WhatTheDeviceLacksIsReadToTheHost) {
  write();
  const Pack pack{{text(200, 7)}};
  const auto a = measure(*load({"none"}), pack);
  for (const ggml_op lacking : {GGML_OP_FILL, GGML_OP_SUM_ROWS, GGML_OP_FLASH_ATTN_EXT, GGML_OP_POOL_2D}) {
    SCOPED_TRACE(ggml_op_name(lacking));
    refuse_on_late_devices(lacking, true);
    const auto model = load({"LATE0"}, 6);
    expect_same(a[0], measure(*model, pack)[0]);
    // probe-points says so; layers 3 to 7 lie on the device.
    const bool sums = lacking == GGML_OP_POOL_2D;
    for (const ProbeNode& node : model->probe_nodes()) {
      if (!node.what.starts_with("attention (s") && !node.what.starts_with("attention (r")) continue;
      EXPECT_GE(node.layer, 3);
      EXPECT_EQ(node.what, sums ? "attention (summed on the GPU)" : "attention (read to the host)");
    }
    refuse_on_late_devices(lacking, false);
  }
}

// One wait a block, and one for each end of a stretch: nothing else may hold the network up.
TEST_F(DeviceTest, TheNetworkWaitsOnceABlock) {
  write();
  const auto model = load({"LATE0"}, -1, 512);
  const Pack pack{{text(400, 7)}};
  measure(*model, pack);
  late_waits() = 0;
  late_copies() = {};
  measure(*model, pack);
  EXPECT_LE(late_waits(), static_cast<std::uint64_t>(model->facts().n_layers) + 8);
  // Nothing of a state's width comes back but of the first 8 tokens, and of every 32nd and large ones.
  const std::uint64_t of_states = 400ULL * 8 * 64 * 4 * 4;
  EXPECT_LT(late_copies().to_host, of_states);
}

// Kernels of our own stand for operations: masks by rows, candidates of several sequences, watched columns made of
// logits and normalisers.
TEST_F(DeviceTest, KernelsTakeThePlaceOfOperations) {
  const Pack pack{{text(150, 7), text(5, 3), text(120, 11)}};
  for (const char* arch : {"llama", "gpt-oss", "gemma3"}) {
    SCOPED_TRACE(arch);
    tiny_.arch = arch;
    write();
    const auto a = measure(*load({"none"}), pack);
    const SlowKernelsInUse kernels;
    const auto b = measure(*load({"LATE0"}), pack);
    EXPECT_GT(SlowKernelsInUse::n_column_sums(), 0);
    EXPECT_GT(SlowKernelsInUse::n_states(), 0);
    for (std::size_t s = 0; s < a.size(); ++s) expect_same(a[s], b[s]);
  }
}

// With edits, states and attention are read to the host, and what was changed is written back to the device.
TEST_F(DeviceTest, EditsAreMadeOnDevices) {
  write();
  const Pack pack{{text(200, 7)}};
  const auto run = [&](const std::vector<std::string>& devices, bool edited) {
    ChangeRows clip({ProbePoint::kMlpWrite, 2, 0, 0}, ClipNorm{1});
    HideKeys hide(HiddenKeys{.positions = {21}, .first_layer = 5});
    const auto model = load(devices);
    PackMeter meter(model->facts(), pack, MeterOptions{});
    RunOptions options;
    if (edited) options.edits = {&clip, &hide};
    model->run(pack, meter, options);
    return meter.take();
  };
  const auto plain = run({"none"}, false), a = run({"none"}, true);
  EXPECT_GT(std::abs(plain[0].attention_sum(6, 0, 21) - a[0].attention_sum(6, 0, 21)), 0.01);
  expect_same(a[0], run({"LATE0"}, true)[0]);
}

// What an observer throws comes out of run(), and the model works on.
class Thrower final : public PackMeter {
 public:
  using PackMeter::PackMeter;
  void on_state_figures(const StateFigures& figures) override {
    if (figures.layer == 3) throw Error(ErrorCode::kModel, "seen enough");
    PackMeter::on_state_figures(figures);
  }
};

TEST_F(DeviceTest, WhatAnObserverThrowsComesOut) {
  write();
  const auto model = load({"LATE0"});
  const Pack pack{{text(200, 7)}};
  const auto before = measure(*model, pack);
  Thrower thrower(model->facts(), pack, MeterOptions{});
  expect_error(ErrorCode::kModel, "seen enough", [&] { model->run(pack, thrower, RunOptions{}); });
  expect_same(before[0], measure(*model, pack)[0]);
}

TEST_F(DeviceTest, DevicesAreChosenByName) {
  write();
  expect_error(ErrorCode::kUsage,
               "-dev LATE7: expected a GPU of this build and machine, or none; there are: LATE0, LATE1",
               [&] { load({"LATE7"}); });
  const ModelFile file(path_.string());
  DeviceOptions options;
  options.split_layers = false;
  options.main_gpu = 2;
  expect_error(ErrorCode::kUsage, "--main-gpu 2: expected 0 to 1",
               [&] { place_layers(file, options, {}, -1, 1024, 64); });
  options.main_gpu = 1;
  EXPECT_EQ(place_layers(file, options, {}, -1, 1024, 64).devices.size(), 1U);
  // 4 GiB hold the layers of this model, not a cache of 100 million tokens.
  expect_error(ErrorCode::kModel, "-ngl 9: expected so many layers to fit on LATE1",
               [&] { place_layers(file, options, {}, 9, 100'000'000, 64); });
  EXPECT_LT(place_layers(file, options, {}, -1, 100'000'000, 64).n_gpu_layers, 9);
}

}  // namespace
}  // namespace sinkscope
