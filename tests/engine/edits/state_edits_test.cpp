// States that are changed while a network runs: what follows reads them, and nothing else notices.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "probe/change_rows.h"
#include "probe/hide_keys.h"
#include "tests/engine/edits/run_record.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kLayers = 5, kEdited = 2;

struct Case {
  std::string_view arch;
  Precision precision;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::kNative, Precision::kF32}) {
    if (!has_products(precision)) continue;
    for (const std::string_view arch : tiny_archs()) all.push_back({arch, precision});
  }
  return all;
}

class StateEdits : public testing::TestWithParam<Case> {
 protected:
  StateEdits() {
    TinyOptions tiny;
    tiny.arch = GetParam().arch;
    tiny.n_layers = kLayers;
    tiny.sinks = {{kEdited, '#', 150}};
    LoadOptions options;
    options.path = folder_.file("tiny.gguf");
    write_tiny_model(tiny, options.path);
    options.n_ubatch = 48;
    options.runtime.n_threads = 1;
    options.max_sequences = 3;
    options.deployment.cache_type_k = options.deployment.cache_type_v = "f32";
    options.precision = GetParam().precision;
    model_ = load_model(options);
  }

  // Norm of a difference, relative to that of a.
  static double distance(std::span<const float> a, std::span<const float> b) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
      norm += std::pow(static_cast<double>(a[i]), 2);
    }
    return std::sqrt(difference / norm);
  }

  std::vector<float> some_vector(float scale) const {
    std::vector<float> vector(static_cast<std::size_t>(model_->facts().d_model));
    for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = scale * std::sin(1.7F * static_cast<float>(i) + 0.3F);
    return vector;
  }

  const TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
};

INSTANTIATE_TEST_SUITE_P(Family, StateEdits, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = std::string(test.param.arch) + "_" + std::string(name_of(test.param.precision));
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

class Nothing final : public Edit {
 public:
  std::string description() const override { return "nothing"; }
};

TEST_P(StateEdits, WithoutEffectChangeNoBit) {
  const Pack pack{{some_text(70, 1), some_text(50, 2)}};
  const std::vector<std::int32_t> watched{0, 9, 70, 81};
  const RunRecord plain = record(*model_, pack, {}, watched);
  Nothing nothing;
  EXPECT_EQ(record(*model_, pack, {&nothing}, watched).bits, plain.bits);
  // These ask for nodes, and then find nothing to change.
  ChangeRows scale({{{ProbePoint::kMlpWrite, kEdited, 0, 9}, ScaleComponent{some_vector(3), 1, 5}},
                    {{ProbePoint::kMlpWrite, kEdited, 1, 40}, ClipNorm{1e9}},
                    {{ProbePoint::kBlockOutput, 0, 1, 40}, AddToRow{some_vector(0)}}});
  HideKeys far_away({{.positions = {3}, .min_distance = 1000}, {.sequence = 1, .positions = {49}}});
  EXPECT_EQ(record(*model_, pack, {&scale, &far_away}, watched).bits, plain.bits);
}

TEST_P(StateEdits, AReplacedWriteIsWhatTheStreamGets) {
  const Pack pack{{some_text(90, 1)}};
  const int token = 57;  // of the second micro-batch
  const RunRecord plain = record(*model_, pack);
  const std::vector<float> write = some_vector(5);
  ChangeRows edit({ProbePoint::kMlpWrite, kEdited, 0, token}, ReplaceRow{write});
  const RunRecord edited = record(*model_, pack, {&edit});
  const auto before = plain.row(ProbePoint::kMlpWrite, kEdited, token);
  const auto shown = edited.row(ProbePoint::kMlpWrite, kEdited, token);
  EXPECT_TRUE(std::ranges::equal(shown, write)) << "observers see the edited row";
  const auto from = plain.row(ProbePoint::kBlockOutput, kEdited, token);
  const auto to = edited.row(ProbePoint::kBlockOutput, kEdited, token);
  double largest = 0;
  for (const float value : from) largest = std::max(largest, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < write.size(); ++i) {
    const double difference = static_cast<double>(write[i]) - static_cast<double>(before[i]);
    EXPECT_NEAR(to[i] - from[i], difference, 1e-6 * largest);
  }
  // Other tokens of the layer, and the layers before, know nothing of it; later tokens do.
  for (int other = 0; other < 90; ++other) {
    if (other == token) continue;
    EXPECT_TRUE(std::ranges::equal(plain.row(ProbePoint::kBlockOutput, kEdited, other),
                                   edited.row(ProbePoint::kBlockOutput, kEdited, other)));
  }
  EXPECT_EQ(plain.sums.at(kEdited).view().row(0)[3], edited.sums.at(kEdited).view().row(0)[3]);
  EXPECT_NE(plain.key_norms.at(kEdited + 1)[token], edited.key_norms.at(kEdited + 1)[token]);
  EXPECT_EQ(plain.key_norms.at(kEdited + 1)[token + 1], edited.key_norms.at(kEdited + 1)[token + 1]);
  EXPECT_GT(distance(plain.row(ProbePoint::kBlockOutput, kEdited + 1, token + 1),
                     edited.row(ProbePoint::kBlockOutput, kEdited + 1, token + 1)),
            1e-6);
}

// Two texts that differ in their last token. With the state of the one put into the other, all that follows is equal.
TEST_P(StateEdits, ATransplantedStateCarriesAllThatFollows) {
  const ModelFacts& facts = model_->facts();
  Pack pack{{some_text(60, 1)}}, other = pack;
  const int token = 59;
  other.sequences[0].back() = pack.sequences[0].back() ^ 1;
  const RunRecord wanted = record(*model_, other), plain = record(*model_, pack);
  const auto check = [&](ProbePoint point, int layer) {
    SCOPED_TRACE(std::string(name_of(point)) + " of layer " + std::to_string(layer));
    const auto row = wanted.row(point, layer, token);
    ChangeRows edit({point, layer, 0, token}, ReplaceRow{{row.begin(), row.end()}});
    const RunRecord edited = record(*model_, pack, {&edit});
    for (int later = layer + 1; later < kLayers; ++later) {
      // A row is computed as it is alone, but experts multiply rows in groups.
      EXPECT_LT(distance(wanted.row(ProbePoint::kBlockOutput, later, token),
                         edited.row(ProbePoint::kBlockOutput, later, token)),
                1e-6);
      EXPECT_NEAR(wanted.key_norms.at(later)[token], edited.key_norms.at(later)[token],
                  1e-6 * wanted.key_norms.at(later)[token]);
      EXPECT_NEAR(wanted.value_norms.at(later)[token], edited.value_norms.at(later)[token],
                  1e-6 * wanted.value_norms.at(later)[token]);
    }
    EXPECT_GT(distance(plain.row(ProbePoint::kBlockOutput, kLayers - 1, token),
                       edited.row(ProbePoint::kBlockOutput, kLayers - 1, token)),
              1e-4);
  };
  check(ProbePoint::kEmbedding, -1);
  check(ProbePoint::kBlockOutput, 0);
  check(ProbePoint::kBlockOutput, kEdited);
  // r_l alone decides what follows within its block and after.
  if (facts.has_mid_residual[kEdited]) {
    const auto row = wanted.row(ProbePoint::kMidResidual, kEdited, token);
    ChangeRows edit({ProbePoint::kMidResidual, kEdited, 0, token}, ReplaceRow{{row.begin(), row.end()}});
    const RunRecord edited = record(*model_, pack, {&edit});
    EXPECT_LT(distance(wanted.row(ProbePoint::kBlockOutput, kEdited, token),
                       edited.row(ProbePoint::kBlockOutput, kEdited, token)),
              1e-6);
  }
}

TEST_P(StateEdits, AnMlpInputDecidesWhatTheMlpWrites) {
  const bool own_node = model_->facts().has_mid_residual[kEdited] && GetParam().arch != "olmo2";
  if (!own_node) GTEST_SKIP() << "refused: see RefusedWhereANodeIsShared";
  const Pack pack{{some_text(60, 1)}};
  const RunRecord plain = record(*model_, pack);
  const auto row = plain.row(ProbePoint::kMlpInput, kEdited, 20);
  ChangeRows edit({ProbePoint::kMlpInput, kEdited, 0, 50}, ReplaceRow{{row.begin(), row.end()}});
  const RunRecord edited = record(*model_, pack, {&edit});
  EXPECT_LT(distance(plain.row(ProbePoint::kMlpWrite, kEdited, 20), edited.row(ProbePoint::kMlpWrite, kEdited, 50)),
            1e-6);
  EXPECT_GT(distance(plain.row(ProbePoint::kMlpWrite, kEdited, 50), edited.row(ProbePoint::kMlpWrite, kEdited, 50)),
            1e-3);
  EXPECT_TRUE(std::ranges::equal(plain.row(ProbePoint::kMidResidual, kEdited, 50),
                                 edited.row(ProbePoint::kMidResidual, kEdited, 50)));
}

TEST_P(StateEdits, InOneSequenceOfAPackChangeNoBitOfTheOther) {
  const Pack pack{{some_text(70, 1), some_text(66, 2)}};
  const RunRecord plain = record(*model_, pack);
  ChangeRows add({{{ProbePoint::kAttentionWrite, 1, 1, 0}, AddToRow{some_vector(2)}},
                  {{ProbePoint::kMlpWrite, kEdited, 1, 5}, AddToRow{some_vector(3)}}});
  HideKeys hide(HiddenKeys{.sequence = 1, .positions = {0, 17}, .first_layer = 1});
  const RunRecord edited = record(*model_, pack, {&add, &hide});
  // The device gathers the rows of an expert and multiplies them at once: how many there are decides how it rounds.
  const bool experts =
      model_->facts().arch == "qwen3moe" || model_->facts().arch == "gpt-oss" || model_->facts().arch == "deepseek2";
  const double tolerance = experts && GetParam().precision != Precision::kNative ? 1e-6 : 0;
  for (int token = 0; token < 70; ++token) {
    for (int layer = 0; layer < kLayers; ++layer) {
      EXPECT_LE(distance(plain.row(ProbePoint::kBlockOutput, layer, token),
                         edited.row(ProbePoint::kBlockOutput, layer, token)),
                tolerance)
          << "layer " << layer << " token " << token;
      for (std::size_t head = 0; head < plain.sums.at(layer).rows(); ++head) {
        EXPECT_NEAR(plain.sums.at(layer)(head, token), edited.sums.at(layer)(head, token), tolerance);
        EXPECT_NEAR(plain.far_sums.at(layer)(head, token), edited.far_sums.at(layer)(head, token), tolerance);
      }
    }
  }
  EXPECT_GT(distance(plain.row(ProbePoint::kBlockOutput, kLayers - 1, 135),
                     edited.row(ProbePoint::kBlockOutput, kLayers - 1, 135)),
            1e-5);
}

TEST_P(StateEdits, RefusedWhereANodeIsShared) {
  const Pack pack{{some_text(20, 1)}};
  const auto refusal = [&](ProbePoint point) -> std::string {
    ChangeRows edit({point, kEdited, 0, 3}, AddToRow{some_vector(1)});
    try {
      record(*model_, pack, {&edit});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      return error.what();
    }
    return {};
  };
  const bool parallel = GetParam().arch == "phi2", post_norm = GetParam().arch == "olmo2";
  EXPECT_EQ(refusal(ProbePoint::kMlpWrite), "");
  EXPECT_EQ(refusal(ProbePoint::kAttentionWrite), "");
  EXPECT_EQ(refusal(ProbePoint::kBlockOutput), "");
  EXPECT_EQ(refusal(ProbePoint::kMidResidual).empty(), !parallel) << refusal(ProbePoint::kMidResidual);
  EXPECT_EQ(refusal(ProbePoint::kMlpInput).empty(), !parallel && !post_norm) << refusal(ProbePoint::kMlpInput);
  EXPECT_EQ(refusal(ProbePoint::kAttentionInput).empty(), !parallel && !post_norm)
      << refusal(ProbePoint::kAttentionInput);
  if (parallel) {
    EXPECT_NE(refusal(ProbePoint::kMlpInput).find("is attention_input too"), std::string::npos);
  }
}

TEST_P(StateEdits, RefusedWhereTheyNameWhatIsNotThere) {
  const Pack pack{{some_text(20, 1), some_text(10, 2)}};
  const auto refusal = [&](Edit&& edit) -> std::string {
    try {
      record(*model_, pack, {&edit});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "taken";
  };
  const auto of_row = [&](RowPlace place, RowChange change) { return refusal(ChangeRows(place, std::move(change))); };
  const AddToRow add{some_vector(1)};
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, kLayers, 0, 0}, add).find("expected layer 0 to 4, got 5"),
            std::string::npos);
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, 0, 2, 0}, add).find("expected sequence 0 to 1, got 2"), std::string::npos);
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, 0, 1, 10}, add).find("expected position 0 to 9, got 10"), std::string::npos);
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, 0, 0, 0}, AddToRow{{1, 2}}).find("got 2"), std::string::npos);
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, 0, 0, 0}, SetComponent{some_vector(0), 1}).find("vector of zeros"),
            std::string::npos);
  EXPECT_NE(of_row({ProbePoint::kMlpWrite, 0, 0, 0}, ClipNorm{-1}).find("got -1"), std::string::npos);
  EXPECT_NE(refusal(HideKeys(HiddenKeys{.positions = {3}, .first_layer = 9})).find("blocks within 0-4"),
            std::string::npos);
  EXPECT_NE(refusal(HideKeys(HiddenKeys{.positions = {3}, .min_distance = 0})).find("always sees itself"),
            std::string::npos);
  EXPECT_NE(refusal(HideKeys(HiddenKeys{.sequence = 1, .positions = {10}})).find("position 0 to 9"), std::string::npos);
}

}  // namespace
}  // namespace sinkscope
