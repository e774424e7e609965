// Keys and values of a key-value cache, changed as they are written to it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "plant/tiny/tiny.h"
#include "probe/change_rows.h"
#include "tests/engine/architectures/made_up_model.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/expect_error.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

struct Case {
  std::string_view arch;
  bool made_up;
  Precision precision;
  std::string_view cache;
  bool packed;
};

constexpr std::string_view kMadeUp[] = {"gemma2", "llama4", "cohere2", "lfm2"};
constexpr std::string_view kWithoutCache[] = {"deepseek2"};  // values are views of keys

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    for (const std::string_view cache : {std::string_view("f32"), std::string_view("f16")}) {
      for (const bool packed : {false, true}) {
        for (const std::string_view arch : tiny_archs()) all.push_back({arch, false, precision, cache, packed});
        for (const std::string_view arch : kMadeUp) {
          if (!packed || arch != "lfm2") all.push_back({arch, true, precision, cache, packed});
        }
      }
    }
  }
  return all;
}

constexpr int kPlace = 33;  // of the token that differs; in the first of several micro-batches
constexpr int kTokens = 150;

class CacheEditsTest : public testing::TestWithParam<Case> {
 protected:
  CacheEditsTest() {
    const std::string path = folder_.file("model.gguf");
    if (GetParam().made_up) {
      write_made_up_model(std::string(GetParam().arch), path);
    } else {
      TinyOptions tiny;
      tiny.arch = GetParam().arch;
      tiny.n_layers = 6;
      tiny.sinks = {{3, '#', 150}};
      write_tiny_model(tiny, path);
    }
    LoadOptions options;
    options.path = path;
    options.n_ctx = 512;
    options.n_ubatch = 64;
    options.runtime.n_threads = 1;
    options.max_sequences = 3;
    options.deployment.cache_type_k = options.deployment.cache_type_v = GetParam().cache;
    options.precision = GetParam().precision;
    model_ = load_model(options);
    here_ = other_ = GetParam().packed ? Pack{{some_text(60, 1), some_text(kTokens, 2), some_text(70, 3)}}
                                       : Pack{{some_text(kTokens, 2)}};
    TokenId& token = other_.sequences[index()][kPlace];
    token = token == 'x' ? 'y' : 'x';
  }

  std::size_t index() const { return GetParam().packed ? 1 : 0; }
  int first_token() const { return GetParam().packed ? 60 : 0; }
  bool has_cache(int layer) const { return model_->facts().cached_key_width[static_cast<std::size_t>(layer)] > 0; }
  int n_layers() const { return model_->facts().n_layers; }

  const TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
  Pack here_, other_;
};

INSTANTIATE_TEST_SUITE_P(Family, CacheEditsTest, testing::ValuesIn(fewer_if_sanitized(cases())), [](const auto& test) {
  std::string name = std::string(test.param.arch) + "_" + std::string(name_of(test.param.precision)) +
                     "_" + std::string(test.param.cache) + (test.param.packed ? "_packed" : "_alone");
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

double norm_of(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

// A later token knows an earlier one by what the cache holds of it, and by nothing else. So a text whose cache holds
// another text's keys and values of the one token that differs goes on as that other text.
TEST_P(CacheEditsTest, LaterTokensKnowATokenByWhatTheCacheHolds) {
  const RunRecord here = record(*model_, here_), other = record(*model_, other_);
  std::vector<ChangeRows::Change> changes;
  bool all_cached = true;
  for (int layer = 0; layer < n_layers(); ++layer) {
    const bool without = std::ranges::find(kWithoutCache, GetParam().arch) != std::end(kWithoutCache);
    EXPECT_EQ(has_cache(layer), model_->facts().has_attention[static_cast<std::size_t>(layer)] && !without) << layer;
    all_cached = all_cached && has_cache(layer);
    if (!has_cache(layer)) continue;
    for (const ProbePoint point : {ProbePoint::kCachedKeys, ProbePoint::kCachedValues}) {
      const auto row = other.row(point, layer, first_token() + kPlace);
      changes.emplace_back(RowPlace{point, layer, static_cast<int>(index()), kPlace},
                           ReplaceRow{{row.begin(), row.end()}});
    }
  }
  if (!all_cached) return;  // blocks that are recurrent know more of the token
  ChangeRows edit(std::move(changes));
  const RunRecord edited = record(*model_, here_, {&edit});
  double changed = 0;
  const int n_all = here_.n_tokens();
  for (int token = 0; token < n_all; ++token) {
    const bool after = token > first_token() + kPlace && token < first_token() + kTokens;
    for (int layer = 0; layer < n_layers(); ++layer) {
      const auto a = (after ? other : here).row(ProbePoint::kBlockOutput, layer, token);
      const auto b = edited.row(ProbePoint::kBlockOutput, layer, token);
      const auto was = here.row(ProbePoint::kBlockOutput, layer, token);
      const double norm = norm_of(a);
      double off = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        off = std::max(off, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
        changed = std::max(changed, std::abs(static_cast<double>(was[i]) - static_cast<double>(b[i])) / norm);
      }
      // The token itself sees the cache of the other text too.
      if (token == first_token() + kPlace) continue;
      ASSERT_LE(off, 1e-5 * norm) << "layer " << layer << " token " << token;
    }
  }
  EXPECT_GT(changed, 1e-3);
}

TEST_P(CacheEditsTest, WhatIsObservedIsWhatAttentionReads) {
  const RunRecord run = record(*model_, here_);
  const double tolerance = GetParam().cache == "f32" ? 1e-5 : 2e-3;  // halves have 11 bits
  for (int layer = 0; layer < n_layers(); ++layer) {
    if (!has_cache(layer)) continue;
    for (int token = 0; token < here_.n_tokens(); ++token) {
      const auto t = static_cast<std::size_t>(token);
      const double key = norm_of(run.row(ProbePoint::kCachedKeys, layer, token));
      const double value = norm_of(run.row(ProbePoint::kCachedValues, layer, token));
      ASSERT_NEAR(static_cast<double>(run.key_norms.at(layer)[t]), key, tolerance * key) << layer << " " << token;
      ASSERT_NEAR(static_cast<double>(run.value_norms.at(layer)[t]), value, tolerance * value) << layer << " " << token;
    }
  }
}

TEST_P(CacheEditsTest, RowsThatAreWrittenAsTheyWereChangeNoBit) {
  const RunRecord plain = record(*model_, here_);
  std::vector<ChangeRows::Change> changes;
  for (int layer = 0; layer < n_layers(); ++layer) {
    if (!has_cache(layer)) continue;
    for (const ProbePoint point : {ProbePoint::kCachedKeys, ProbePoint::kCachedValues}) {
      for (const int position : {0, kPlace, 64, kTokens - 1}) {
        const auto row = plain.row(point, layer, first_token() + position);
        changes.emplace_back(RowPlace{point, layer, static_cast<int>(index()), position},
                             ReplaceRow{{row.begin(), row.end()}});
      }
    }
  }
  if (changes.empty()) {
    ChangeRows edit({ProbePoint::kCachedKeys, 0, 0, 0}, ClipNorm{1});
    expect_error(ErrorCode::kModel, "the network has no node for it", [&] { record(*model_, here_, {&edit}); });
    return;
  }
  ChangeRows edit(std::move(changes));
  EXPECT_EQ(record(*model_, here_, {&edit}).bits, plain.bits);
}

}  // namespace
}  // namespace sinkscope
