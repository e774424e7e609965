// Caches, RoPE, metadata and adapters as they are deployed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/llama/model.h"
#include "gguf/file.h"
#include "gguf/metadata_override.h"
#include "gguf/writer.h"
#include "plant/tiny/tiny.h"
#include "scan/examine.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

using testing::HasSubstr;

std::vector<TokenId> text(int n_tokens) {
  std::vector<TokenId> tokens{kTinyBos};
  for (int i = 1; i < n_tokens; ++i) tokens.push_back('a' + i * i % 26);
  return tokens;
}

class Deployed : public testing::Test {
 protected:
  Deployed() {
    TinyOptions tiny;
    tiny.n_layers = 3;
    tiny.d_model = 256;  // heads of 64: quantised keys are then turned by llama.cpp
    write_tiny_model(tiny, path_);
  }
  std::unique_ptr<Model> load(const std::string& path, const Deployment& deployment,
                              Precision precision = Precision::kF32) const {
    LoadOptions options;
    options.path = path;
    options.precision = precision;
    options.n_ubatch = 64;
    options.deployment = deployment;
    return load_model(options);
  }
  static Deployment cached_as(const std::string& type) {
    Deployment deployment;
    deployment.cache_type_k = deployment.cache_type_v = type;
    return deployment;
  }
  // An array by layer and token.
  static std::vector<float> measured(Model& model, std::string_view array, int n_tokens = 200) {
    ExamineOptions options;
    options.keep = Keep::kProfiles;
    const std::vector<Examined> examined = examine(model, {{text(n_tokens)}}, options);
    for (const ProfileArray& profile : examined.front().profiles) {
      if (profile.name == array) return profile.values;
    }
    ADD_FAILURE() << "no array " << array;
    return {};
  }
  // The mean relative difference of two arrays of positive numbers, where both are measured.
  static double difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double sum = 0;
    int n = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!(a[i] > 0 && b[i] > 0)) continue;
      sum += std::abs(double{a[i]} - double{b[i]}) / double{a[i]};
      ++n;
    }
    EXPECT_GT(n, 100);
    return sum / n;
  }
  // A copy of the model with other tensors.
  std::string changed(const std::string& name, const std::string& tensor, std::span<const float> values) const {
    const GgufFile file(path_);
    NewGgufTensor replaced{tensor, file.find(tensor)->shape, kGgufF32, {values.begin(), values.end()}};
    write_gguf_copy(file, std::span(&replaced, 1), folder_.file(name));
    return folder_.file(name);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("tiny.gguf");
};

// Fewer bits round more, and the types are really taken. Column sums are checked against the queries in every run.
TEST_F(Deployed, CachesOfEveryTypeAreMeasured) {
  const std::vector<float> exact = measured(*load(path_, cached_as("f32")), "sink_score");
  for (const Precision precision : {Precision::kF32, Precision::kNative}) {
    double before = 0;
    for (const auto& [type, most] : {std::pair("f16", 1e-3), {"q8_0", 1e-2}, {"q4_0", 0.2}}) {
      const double error = difference(exact, measured(*load(path_, cached_as(type), precision), "sink_score"));
      EXPECT_GT(error, before) << type;
      EXPECT_LT(error, most) << type;
      before = error;
    }
  }
  for (const std::string& type : cache_type_names()) {
    EXPECT_LT(difference(exact, measured(*load(path_, cached_as(type)), "sink_score")), 0.2) << type;
  }
}

TEST_F(Deployed, CachesOfKeysAndValuesAreTwoThings) {
  Deployment keys = cached_as("f32"), values = cached_as("f32");
  keys.cache_type_k = "q4_0";
  values.cache_type_v = "q4_0";
  const auto exact = load(path_, cached_as("f32"));
  // The first block's attention knows of no rounded value yet.
  const auto first_block = [](const std::vector<float>& scores) {
    return std::vector(scores.begin(), scores.begin() + 200);
  };
  const std::vector<float> scores = first_block(measured(*exact, "sink_score"));
  EXPECT_GT(difference(scores, first_block(measured(*load(path_, keys), "sink_score"))), 1e-3);
  EXPECT_EQ(difference(scores, first_block(measured(*load(path_, values), "sink_score"))), 0);
  EXPECT_GT(difference(measured(*exact, "hidden_norm"), measured(*load(path_, values), "hidden_norm")), 1e-5);
}

TEST_F(Deployed, RopeIsStretched) {
  const std::vector<float> plain = measured(*load(path_, {}), "sink_score");
  Deployment half, linear, yarn, base, none;
  half.rope_freq_scale = 0.5F;
  linear.rope_scaling = "linear";
  linear.rope_freq_scale = 0.5F;
  yarn.rope_scaling = "yarn";
  yarn.rope_freq_scale = 0.5F;
  yarn.yarn_orig_ctx = 128;
  base.rope_freq_base = 100;
  none.rope_scaling = "none";
  EXPECT_GT(difference(plain, measured(*load(path_, half), "sink_score")), 1e-2);
  EXPECT_EQ(difference(measured(*load(path_, half), "sink_score"), measured(*load(path_, linear), "sink_score")), 0);
  EXPECT_GT(difference(measured(*load(path_, linear), "sink_score"), measured(*load(path_, yarn), "sink_score")), 1e-3);
  EXPECT_GT(difference(plain, measured(*load(path_, base), "sink_score")), 1e-2);
  EXPECT_EQ(difference(plain, measured(*load(path_, none), "sink_score")), 0);
  yarn.rope_scaling = "squeeze";
  expect_error(ErrorCode::kUsage, "none, linear or yarn", [&] { load(path_, yarn); });
}

// The same numbers as of a file that says so itself.
TEST_F(Deployed, MetadataAreOverridden) {
  const GgufFile file(path_);
  GgufMetadata metadata = file.metadata();
  metadata.set_f32("llama.rope.freq_base", 77);
  metadata.set_flag("tokenizer.ggml.add_bos_token", false);
  std::vector<NewGgufTensor> tensors;
  for (const GgufTensor& tensor : file.tensors())
    tensors.push_back({tensor.name, tensor.shape, kGgufF32, file.to_floats(tensor)});
  const std::string other = folder_.file("other.gguf");
  write_gguf(metadata, tensors, other);
  Deployment deployment;
  deployment.override_kv = {"llama.rope.freq_base=float:77", "tokenizer.ggml.add_bos_token=bool:false",
                            "llama.context_length=int:333"};
  const auto plain = load(path_, {}), overridden = load(path_, deployment), written = load(other, {});
  EXPECT_EQ(difference(measured(*written, "sink_score"), measured(*overridden, "sink_score")), 0);
  EXPECT_GT(difference(measured(*plain, "sink_score"), measured(*overridden, "sink_score")), 1e-2);
  EXPECT_TRUE(plain->vocabulary().facts().adds_bos);
  EXPECT_FALSE(overridden->vocabulary().facts().adds_bos);
  EXPECT_EQ(overridden->max_tokens(), 333);
  EXPECT_EQ(ModelFile(path_, deployment.override_kv).trained_length(), 333);
}

TEST_F(Deployed, WhatCannotBeOverriddenIsRefused) {
  const auto refused = [&](const std::string& text, const std::string& why) {
    expect_error(ErrorCode::kUsage, why, [&] { ModelFile(path_, std::vector{text}); });
  };
  refused("llama.rope.freq_base", "expected KEY=TYPE:VALUE");
  refused("llama.rope.freq_base=10000", "expected KEY=TYPE:VALUE");
  refused("=int:1", "expected KEY=TYPE:VALUE");
  refused("a=int:1.5", "'1.5'");
  refused("a=bool:yes", "'yes' of type 'bool'");
  refused("a=word:x", "'x' of type 'word'");
  refused("a=str:" + std::string(128, 'x'), "128 bytes");
  refused(std::string(128, 'k') + "=int:1", "a key of 128 bytes");
  // llama.cpp would go on without it.
  refused("llama.attention.layer_norm_rms_epsilon=int:1", "expected type float, as the model's file has it, got int");
  refused("tokenizer.ggml.tokens=str:a", "expected a key whose value is no list, got str");
}

class Adapted : public Deployed {
 protected:
  static constexpr int kRank = 2;

  Adapted() {
    const GgufFile file(path_);
    const GgufTensor& tensor = *file.find(kWeight);
    weights_ = file.to_floats(tensor);
    const auto rows = static_cast<std::size_t>(tensor.rows()), cols = static_cast<std::size_t>(tensor.cols());
    std::vector<float> down(kRank * cols), up(rows * kRank);
    for (std::size_t i = 0; i < down.size(); ++i) down[i] = 0.1F * std::sin(static_cast<float>(i));
    for (std::size_t i = 0; i < up.size(); ++i) up[i] = 0.1F * std::cos(1.3F * static_cast<float>(i));
    GgufMetadata metadata;
    metadata.set_text("general.type", "adapter");
    metadata.set_text("general.architecture", "llama");
    metadata.set_text("adapter.type", "lora");
    metadata.set_f32("adapter.lora.alpha", 4);
    write_gguf(metadata,
               std::vector<NewGgufTensor>{{std::string(kWeight) + ".lora_a", {kRank, tensor.cols()}, kGgufF32, down},
                                          {std::string(kWeight) + ".lora_b", {tensor.rows(), kRank}, kGgufF32, up}},
               adapter_);
    product_.assign(weights_.size(), 0);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t col = 0; col < cols; ++col) {
        for (std::size_t k = 0; k < kRank; ++k)
          product_[row * cols + col] += up[row * kRank + k] * down[k * cols + col];
      }
    }
  }
  // The model with the adapter in its weights: alpha over rank is 2.
  std::string merged(float scale) const {
    std::vector<float> sum = weights_;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += scale * 2 * product_[i];
    return changed("merged.gguf", kWeight, sum);
  }
  static constexpr const char* kWeight = "blk.1.ffn_down.weight";
  const std::string adapter_ = folder_.file("adapter.gguf");
  std::vector<float> weights_, product_;
};

TEST_F(Adapted, AsIfTheAdapterWereInTheWeights) {
  Deployment deployment;
  deployment.lora = {{adapter_, "", 1.5F}};
  const auto model = load(path_, deployment);
  const std::vector<float> adapted = measured(*model, "hidden_norm");
  EXPECT_LT(difference(measured(*load(merged(1.5F), {}), "hidden_norm"), adapted), 1e-4);
  EXPECT_GT(difference(measured(*load(path_, {}), "hidden_norm"), adapted), 1e-3);
  EXPECT_EQ(model->deployment().lora.at(0).sha256.size(), 64U);
  // In every context, also a larger one that is made later.
  EXPECT_LT(difference(measured(*load(merged(1.5F), {}), "hidden_norm", 900), measured(*model, "hidden_norm", 900)),
            1e-4);
}

TEST_F(Adapted, OtherFilesAreRefused) {
  const auto refused = [&](const std::string& path, ErrorCode code, const std::string& why) {
    Deployment deployment;
    deployment.lora = {{path, "", 1}};
    expect_error(code, why, [&] { load(path_, deployment); });
  };
  refused(path_, ErrorCode::kUsage, "expected a LoRA adapter, got another GGUF file");
  refused(folder_.file("none.gguf"), ErrorCode::kModel, "none.gguf");
}

}  // namespace
}  // namespace sinkscope
