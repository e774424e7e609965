// Caches of few bits on a tiny model, against arithmetic that is written out.
#include "impact/rounded_cache.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <memory>

#include "base/half.h"
#include "base/views.h"
#include "impact/kept_tokens.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kTokens = 150;
constexpr int kHeadDim = 64;

class RoundedCacheTest : public testing::Test {
 protected:
  std::unique_ptr<Model> load(int n_heads, int n_ubatch = 64) {
    TinyOptions tiny;
    tiny.n_layers = 3;
    tiny.d_model = 128;
    tiny.n_heads = n_heads;
    tiny.n_kv_heads = n_heads;
    write_tiny_model(tiny, folder_.file("model.gguf"));
    LoadOptions options;
    options.path = folder_.file("model.gguf");
    options.n_ctx = 256;
    options.n_ubatch = n_ubatch;
    options.runtime.n_threads = 1;
    options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
    options.precision = Precision::kNative;
    return load_model(options);
  }

  RunRecord run(Model& model, const char* cache, std::vector<int> exact) {
    RoundedCache edit(cache_form_from(cache), std::move(exact), model.facts());
    return record(model, {{some_text(kTokens, 2)}}, {&edit});
  }

  const TemporaryFolder folder_;
};

using Row = std::vector<double>;

// H x, element by element.
Row rotated(const Row& row) {
  Row result(row.size(), 0.0);
  for (std::size_t head = 0; head < row.size(); head += kHeadDim) {
    for (unsigned i = 0; i < kHeadDim; ++i) {
      for (unsigned j = 0; j < kHeadDim; ++j) {
        result[head + i] += (std::popcount(i & j) % 2 == 0 ? 1 : -1) * row[head + j] / 8;
      }
    }
  }
  return result;
}

double as_half(double value) {
  return static_cast<double>(float_from_half(half_from_float(static_cast<float>(value))));
}

// Blocks of 32 as their format says.
Row in_blocks(Row row, bool four_bits) {
  for (std::size_t first = 0; first < row.size(); first += 32) {
    double largest = 0;
    for (std::size_t i = first; i < first + 32; ++i) {
      if (std::abs(row[i]) > std::abs(largest)) largest = row[i];
    }
    const double step = four_bits ? largest / -8 : std::abs(largest) / 127;
    for (std::size_t i = first; i < first + 32; ++i) {
      const double level = four_bits ? std::min(15.0, std::floor(row[i] / step + 8.5)) - 8 : std::round(row[i] / step);
      row[i] = level * as_half(step);
    }
  }
  return row;
}

Row between(const Row& values, int bits) {
  double low = values[0], high = values[0];
  for (const double value : values) low = std::min(low, value), high = std::max(high, value);
  const double step = (high - low) / ((1 << bits) - 1);
  Row result;
  for (const double value : values) result.push_back(low + step * std::round((value - low) / step));
  return result;
}

Row row_of(const RunRecord& run, ProbePoint point, int token) {
  const auto row = run.row(point, 0, token);
  return {row.begin(), row.end()};
}

// Values on the edge between two levels may fall to either.
void expect_alike(const std::vector<Row>& expected, const RunRecord& run, ProbePoint point) {
  int n = 0, n_off = 0;
  for (int token = 0; token < kTokens; ++token) {
    const Row got = row_of(run, point, token);
    const Row& want = expected[static_cast<std::size_t>(token)];
    double largest = 0;
    for (const double value : want) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < got.size(); ++i, ++n) {
      if (std::abs(got[i] - want[i]) > 1e-4 * largest) ++n_off;
    }
  }
  EXPECT_LE(n_off, n / 500);
}

const std::vector<int> kExact = {0, 40, 41, 149};

bool is_exact(int token) { return std::ranges::find(kExact, token) != kExact.end(); }

TEST_F(RoundedCacheTest, BlocksAreThoseOfTheirFormat) {
  const auto model = load(2);
  const RunRecord plain = record(*model, {{some_text(kTokens, 2)}});
  for (const auto& [name, four_bits, rotates] :
       {std::tuple("q8_0", false, true), {"q4_0", true, true}, {"q8_0:plain", false, false}, {"q4_0:plain", true, false}}) {
    SCOPED_TRACE(name);
    const RunRecord rounded = run(*model, name, kExact);
    for (const ProbePoint point : {ProbePoint::kCachedKeys, ProbePoint::kCachedValues}) {
      std::vector<Row> expected;
      for (int token = 0; token < kTokens; ++token) {
        Row row = row_of(plain, point, token);
        if (!is_exact(token)) {
          row = rotates ? rotated(in_blocks(rotated(row), four_bits)) : in_blocks(row, four_bits);
        } else {
          EXPECT_EQ(row_of(rounded, point, token), row) << token;
        }
        expected.push_back(std::move(row));
      }
      expect_alike(expected, rounded, point);
    }
  }
}

TEST_F(RoundedCacheTest, RangesLeaveExactTokensOut) {
  const auto model = load(2);
  const RunRecord plain = record(*model, {{some_text(kTokens, 2)}});
  for (const int bits : {2, 4}) {
    const RunRecord rounded = run(*model, bits == 2 ? "kivi2" : "kivi4", kExact);
    std::vector<Row> keys, values;
    for (int token = 0; token < kTokens; ++token) {
      keys.push_back(row_of(plain, ProbePoint::kCachedKeys, token));
      Row value = row_of(plain, ProbePoint::kCachedValues, token);
      for (std::size_t first = 0; !is_exact(token) && first < value.size(); first += 32) {
        const auto begin = value.begin() + static_cast<std::ptrdiff_t>(first);
        std::ranges::copy(between({begin, begin + 32}, bits), begin);
      }
      values.push_back(std::move(value));
    }
    for (int first = 0; first < kTokens; first += 32) {
      std::vector<int> members;
      for (int token = first; token < std::min(first + 32, kTokens); ++token) {
        if (!is_exact(token)) members.push_back(token);
      }
      for (std::size_t channel = 0; channel < keys[0].size(); ++channel) {
        Row of_channel;
        for (const int token : members) of_channel.push_back(keys[static_cast<std::size_t>(token)][channel]);
        const Row after = between(of_channel, bits);
        for (std::size_t i = 0; i < members.size(); ++i) keys[static_cast<std::size_t>(members[i])][channel] = after[i];
      }
    }
    expect_alike(keys, rounded, ProbePoint::kCachedKeys);
    expect_alike(values, rounded, ProbePoint::kCachedValues);
  }
}

TEST_F(RoundedCacheTest, AllTokensExactChangeNoBit) {
  const auto model = load(2);
  const RunRecord plain = record(*model, {{some_text(kTokens, 2)}});
  std::vector<int> all;
  for (int token = 0; token < kTokens; ++token) all.push_back(token);
  for (const char* cache : {"q8_0", "q4_0:plain", "kivi2"}) EXPECT_EQ(run(*model, cache, all).bits, plain.bits) << cache;
  EXPECT_NE(run(*model, "q8_0", {}).bits, plain.bits);
}

TEST_F(RoundedCacheTest, FewerBitsAreFartherAway) {
  const auto model = load(2);
  const RunRecord plain = record(*model, {{some_text(kTokens, 2)}});
  const auto distance = [&](const char* cache) {
    const RunRecord rounded = run(*model, cache, {});
    double sum = 0;
    for (int token = 0; token < kTokens; ++token) {
      const auto a = plain.row(ProbePoint::kBlockOutput, 2, token), b = rounded.row(ProbePoint::kBlockOutput, 2, token);
      for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    }
    return std::sqrt(sum);
  };
  const double q8 = distance("q8_0"), q4 = distance("q4_0"), kivi4 = distance("kivi4"), kivi2 = distance("kivi2");
  EXPECT_GT(q8, 0);
  EXPECT_GT(q4, 4 * q8);
  EXPECT_GT(kivi2, 2 * kivi4);
}

TEST_F(RoundedCacheTest, RefusesWhatItCannotRound) {
  expect_error(ErrorCode::kModel, "expected heads of a multiple of 32 numbers, got 16 and 16 in block 0", [&] {
    const auto model = load(8);
    run(*model, "q8_0", {});
  });
  expect_error(ErrorCode::kUsage, "expected micro-batches of a multiple of 32 tokens", [&] {
    const auto model = load(2, 40);
    run(*model, "kivi2", {});
  });
  const auto model = load(2);
  expect_error(ErrorCode::kUsage, "expected position 0 to 149, got 150", [&] { run(*model, "q8_0", {150}); });
}

}  // namespace
}  // namespace sinkscope
