#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "tests/support/invariant_observer.h"

namespace sinkscope {
namespace {

// Every architecture's own graph, by a tiny model of it.
class ProbePoints : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "probe_points_" + std::to_string(::getpid()) + ".gguf";
    TinyOptions tiny;
    tiny.arch = GetParam();
    tiny.n_layers = 6;
    write_tiny_model(tiny, path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_;
};

INSTANTIATE_TEST_SUITE_P(Family, ProbePoints, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

bool has_products(Precision precision) {
  try {
    resolve_precision(precision);
    return true;
  } catch (const Error&) {  // the build has none
    return false;
  }
}

TEST_P(ProbePoints, AreFoundInEveryBlockAndKeepTheirInvariants) {
  const bool parallel = GetParam() == "phi2";
  // The device takes the network in other pieces than llama.cpp's own backend: both must show every point.
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    SCOPED_TRACE(name_of(precision));
    LoadOptions options;
    options.path = path_;
    options.n_ubatch = 32;
    options.precision = precision;
    const auto model = load_model(options);
    for (const Lacking& lacking : model->lacking()) {
      EXPECT_TRUE(parallel && lacking.what == "residual between attention and MLP")
          << "layer " << lacking.layer << ": " << lacking.what << ": " << lacking.why;
    }
    EXPECT_EQ(model->lacking().size(), parallel ? 6U : 0U);
    Pack pack;
    pack.sequences.push_back({kTinyBos});
    for (int i = 0; i < 99; ++i) pack.sequences[0].push_back((i * i * 7 + i) % 256);
    InvariantObserver observer(model->facts());
    model->run(pack, observer, {});
    const int n_events = 4 * model->facts().n_layers;
    EXPECT_EQ(observer.attentions, n_events);
    EXPECT_EQ(observer.states[ProbePoint::kBlockOutput], n_events);
    EXPECT_EQ(observer.states[ProbePoint::kAttentionInput], n_events);
    EXPECT_EQ(observer.states[ProbePoint::kMidResidual], parallel ? 0 : n_events);
    EXPECT_EQ(observer.states[ProbePoint::kAttentionWrite], n_events);
    EXPECT_EQ(observer.states[ProbePoint::kMlpWrite], n_events);
    EXPECT_EQ(observer.states[ProbePoint::kMlpInput], n_events);
    // The network adds in float32: what is left is one rounding.
    EXPECT_LT(observer.worst_write_error, 1e-6);
    EXPECT_LT(observer.worst_mass_error, 1e-5);
  }
}

}  // namespace
}  // namespace sinkscope
