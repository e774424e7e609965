// Keys that some queries of some blocks do not see, against masks that are made by hand.
#include "probe/hide_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "tests/engine/architectures/made_up_model.h"
#include "tests/engine/edits/hand_masked_run.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

struct Case {
  std::string_view arch;
  bool made_up;  // by llama.cpp's own list of tensors: what tiny models do not have
  Precision precision;
  bool packed;
};

// ALiBi; soft caps and two windows; chunks; a parallel block; blocks without attention, which cannot be packed.
constexpr std::string_view kMadeUp[] = {"bloom", "gemma2", "llama4", "cohere2", "lfm2"};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    for (const bool packed : {false, true}) {
      for (const std::string_view arch : tiny_archs()) all.push_back({arch, false, precision, packed});
      for (const std::string_view arch : kMadeUp) {
        if (!packed || arch != "lfm2") all.push_back({arch, true, precision, packed});
      }
    }
  }
  return all;
}

class HideKeysTest : public testing::TestWithParam<Case> {
 protected:
  HideKeysTest() {
    path_ = folder_.file("model.gguf");
    if (GetParam().made_up) {
      write_made_up_model(std::string(GetParam().arch), path_);
    } else {
      TinyOptions tiny;
      tiny.arch = GetParam().arch;
      tiny.n_layers = 6;
      tiny.sinks = {{3, '#', 150}};
      write_tiny_model(tiny, path_);
    }
    if (GetParam().packed) {
      pack_ = {{some_text(60, 1), some_text(220, 2), some_text(70, 3)}};
    } else {
      pack_ = {{some_text(220, 2)}};
    }
  }

  std::unique_ptr<Model> load(int n_ubatch) const {
    LoadOptions options;
    options.path = path_;
    options.n_ctx = 512;
    options.n_ubatch = n_ubatch;
    options.runtime.n_threads = 1;
    options.max_sequences = 3;
    options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
    options.precision = GetParam().precision;
    return load_model(options);
  }

  int edited_sequence() const { return GetParam().packed ? 1 : 0; }

  const TemporaryFolder folder_;
  std::string path_;
  Pack pack_;
};

INSTANTIATE_TEST_SUITE_P(Family, HideKeysTest, testing::ValuesIn(fewer_if_sanitized(cases())), [](const auto& test) {
  std::string name = std::string(test.param.arch) + "_" + std::string(name_of(test.param.precision)) +
                     (test.param.packed ? "_packed" : "_alone");
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

struct Distance {
  double score = 0, far_score = 0, watched = 0;  // absolute
  double output = 0;                             // of the largest block output, relative to its norm
};

constexpr int kMinDistance = 16;
const std::vector<std::int32_t> kWatched{0, 17, 57, 100};

Distance distance(const RunRecord& fast, const HandMaskedRun& slow, int n_tokens) {
  Distance worst;
  for (const auto& [layer, sums] : fast.sums) {
    const auto at = static_cast<std::size_t>(layer);
    const Cube<float>& attention = slow.attention[at];
    const std::size_t n = attention.rows();
    Matrix<double> watched(n, kWatched.size(), 0.0);
    for (std::size_t head = 0; head < attention.depth(); ++head) {
      for (std::size_t key = 0; key < n; ++key) {
        double sum = 0, far = 0;
        for (std::size_t query = 0; query < n; ++query) {
          sum += static_cast<double>(attention(head, query, key));
          if (slow.is_far(query, key, kMinDistance)) far += static_cast<double>(attention(head, query, key));
        }
        const double queries = fast.visible_queries.at(layer)[key];
        worst.score = std::max(worst.score, std::abs(sums(head, key) - sum) / queries);
        worst.far_score = std::max(worst.far_score, std::abs(fast.far_sums.at(layer)(head, key) - far) / queries);
      }
      for (std::size_t query = 0; query < n; ++query) {
        for (std::size_t w = 0; w < kWatched.size(); ++w) {
          watched(query, w) += static_cast<double>(attention(head, query, static_cast<std::size_t>(kWatched[w]))) /
                               static_cast<double>(attention.depth());
        }
      }
    }
    const auto& by_query = fast.watched_attention.at(layer);
    for (std::size_t query = 0; query < by_query.size(); ++query) {
      for (std::size_t w = 0; w < by_query[query].size(); ++w) {
        worst.watched = std::max(worst.watched, std::abs(static_cast<double>(by_query[query][w]) - watched(query, w)));
      }
    }
  }
  for (std::size_t layer = 0; layer < slow.outputs.size(); ++layer) {
    for (int token = 0; token < n_tokens; ++token) {
      const auto a = slow.outputs[layer].row(static_cast<std::size_t>(token));
      const auto b = fast.row(ProbePoint::kBlockOutput, static_cast<int>(layer), token);
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
        norm += std::pow(static_cast<double>(a[i]), 2);
      }
      worst.output = std::max(worst.output, std::sqrt(difference / norm));
    }
  }
  return worst;
}

TEST_P(HideKeysTest, EqualMasksMadeByHand) {
  const int s = edited_sequence(), n_tokens = pack_.n_tokens();
  const bool hybrid = GetParam().arch == "lfm2";  // its even blocks have no attention
  // The primary from block 1 on, sinks in one block, neighbours seen from near only, and a key of another sequence.
  std::vector<HiddenKeys> hidden;
  for (const int layer : {0, 1, 2, 3}) {
    if (hybrid && layer % 2 == 0) continue;
    hidden.push_back({s, {100, 101, 102}, layer, layer, 30});
    if (layer >= 1) hidden.push_back({s, {0}, layer, layer});
    if (layer == 3) hidden.push_back({s, {17, 57}, layer, layer});
  }
  if (GetParam().packed) hidden.push_back({.sequence = 2, .positions = {5}, .last_layer = 2, .min_distance = 2});
  const auto hides = [&](int layer, int sequence, int query, int key) {
    return std::ranges::any_of(hidden, [&](const HiddenKeys& keys) {
      return keys.sequence == sequence && layer >= keys.first_layer && layer <= keys.last_layer &&
             query - key >= keys.min_distance && std::ranges::find(keys.positions, key) != keys.positions.end();
    });
  };
  // ggml's GELU rounds what it reads to 16 bits, so the last bit of a sum may become 1e-4 of a write, edited or not. In
  // BLOOM, made of random weights, later scores show it too.
  const bool gelu = GetParam().arch == "phi2" || GetParam().arch.starts_with("gemma") || GetParam().arch == "bloom";
  const double tolerance = GetParam().arch == "bloom" ? 5e-5 : 1e-5, of_output = gelu ? 3e-4 : 1e-5;
  HideKeys edit(hidden);
  std::vector<RunRecord> plain, edited;
  for (const int n_ubatch : {64, 512}) {  // keys of other micro-batches; all in one
    const auto model = load(n_ubatch);
    edited.push_back(record(*model, pack_, {&edit}, kWatched));
    plain.push_back(record(*model, pack_, {}, kWatched));  // which knows nothing of the run before
  }
  const int n_layers = static_cast<int>(edited[0].key_norms.rbegin()->first) + 1;
  const HandMaskedRun by_hand(path_, pack_, n_layers, hides);
  const HandMaskedRun unedited(path_, pack_, n_layers, [](int, int, int, int) { return false; });
  for (const std::size_t i : {0, 1}) {
    SCOPED_TRACE(i == 0 ? "micro-batches of 64" : "one micro-batch");
    const Distance of_edited = distance(edited[i], by_hand, n_tokens),
                   of_plain = distance(plain[i], unedited, n_tokens);
    for (const Distance& worst : {of_edited, of_plain}) {
      EXPECT_LT(worst.score, tolerance);
      EXPECT_LT(worst.far_score, tolerance);
      EXPECT_LT(worst.watched, tolerance);
      EXPECT_LT(worst.output, of_output);
    }
    const Distance effect = distance(edited[i], unedited, n_tokens);
    EXPECT_GT(effect.score, 100 * tolerance) << "the edit does something";
    EXPECT_GT(effect.output, 10 * of_output);
  }
}

// Attention that nobody observes is edited all the same.
TEST_P(HideKeysTest, WithoutAnObserverOfAttentionGiveTheSameStates) {
  class LastState final : public Observer {
   public:
    bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kBlockOutput && layer == last; }
    void on_state(const StateEvent& event) override {
      kept.insert(kept.end(), event.states.data(), event.states.data() + event.states.rows() * event.states.cols());
    }
    int last = 0;
    std::vector<float> kept;
  };
  const auto model = load(64);
  HideKeys edit(std::vector<HiddenKeys>{{edited_sequence(), {0, 57}, 1, 1}, {edited_sequence(), {17}, 3, 3}});
  const RunRecord observed = record(*model, pack_, {&edit});
  LastState last;
  last.last = model->facts().n_layers - 1;
  RunOptions options;
  options.edits = {&edit};
  model->run(pack_, last, options);
  EXPECT_TRUE(std::ranges::equal(last.kept, observed.states.at({ProbePoint::kBlockOutput, last.last})));
}

}  // namespace
}  // namespace sinkscope
