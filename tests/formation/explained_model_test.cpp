// A tiny model whose sink axis is one channel, and vectors that are put into its writes: what made a sink is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/index.h"
#include "formation/edit_sink.h"
#include "formation/explain.h"
#include "formation/judge_explanation.h"
#include "gguf/file.h"
#include "probe/change_rows.h"
#include "scan/examine.h"
#include "tests/plant/letters.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr int kTextTokens = 420, kSinkPosition = 150, kSinkLayer = 4;
constexpr float kSinkNorm = 150;

class ExplainedModel : public testing::Test {
 protected:
  void load(const std::vector<TinySink>& sinks = {}) {
    TinyOptions options;
    options.n_layers = 10;
    options.sinks = sinks;
    write_tiny_model(options, path_);
    model_ = load_tiny(path_);
    tokens_ = letters(3, 1, kTextTokens).front();
    for (TokenId& token : tokens_) {
      if (token == kPlanted) token = 'b';
    }
  }

  // Scans the text as edited, and explains it.
  SequenceExplanation explain(std::vector<Edit*> edits = {}) {
    run_.edits = std::move(edits);
    ExamineOptions options;
    options.run = run_;
    examined_ = std::move(examine(*model_, {{tokens_}}, options).front());
    ModelWeights weights{GgufFile(path_)};
    const SinkKind kinds[] = {SinkKind::kSecondary, SinkKind::kPrimaryLike};
    return explain_sequence(*model_, weights, sequence(), kinds, 0, {}, run_);
  }
  ScannedSequence sequence() const { return {0, "0", tokens_, examined_.figures, examined_.detection}; }

  // Adds a vector along the axis, in model units.
  ChangeRows::Change along_axis(ProbePoint point, int layer, float length) {
    return {{point, layer, 0, kSinkPosition}, AddToRow{scaled_axis(length)}};
  }
  std::vector<float> scaled_axis(float length) {
    if (axis_.empty()) {
      // The primary's state where it has settled; off its axis a hundredth is left.
      class Last final : public Observer {
       public:
        bool wants(ProbePoint point, int layer) override {
          return point == ProbePoint::kBlockOutput && layer == kSinkLayer;
        }
        void on_state(const StateEvent& event) override {
          if (event.first_token == 0) state.assign(event.states.row(0).begin(), event.states.row(0).end());
        }
        std::vector<float> state;
      } last;
      model_->run({{tokens_}}, last, {});
      axis_.assign(last.state.size(), 0);
      const auto largest =
          std::ranges::max_element(last.state, {}, [](float value) { return std::abs(value); }) - last.state.begin();
      axis_[index(static_cast<int>(largest))] = last.state[index(static_cast<int>(largest))] > 0 ? 1.0F : -1.0F;
    }
    std::vector<float> vector = axis_;
    for (float& value : vector) value *= length;
    return vector;
  }

  // The one sink, which begins where it was put.
  static const RunExplanation& only(const SequenceExplanation& explained, int l_start = kSinkLayer) {
    EXPECT_EQ(explained.runs.size(), 1U);
    EXPECT_EQ(explained.runs.at(0).run.position, kSinkPosition);
    EXPECT_EQ(explained.runs.at(0).run.l_start, l_start);
    return explained.runs.at(0);
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("tiny.gguf");
  std::unique_ptr<Model> model_;
  std::vector<TokenId> tokens_;
  std::vector<float> axis_;
  RunOptions run_;
  Examined examined_;
};

TEST_F(ExplainedModel, AnMlpWriteIsFormed) {
  load();
  ChangeRows edit({along_axis(ProbePoint::kMlpWrite, kSinkLayer, kSinkNorm)});
  const SequenceExplanation explained = explain({&edit});
  const RunExplanation& run = only(explained);
  const double in_norms = static_cast<double>(kSinkNorm / explained.ordinary.norm[kSinkLayer]);
  EXPECT_NEAR(run.mlp_axis[kSinkLayer], in_norms, 0.02 * in_norms);  // beside it, the MLP's own write
  EXPECT_EQ(run.formed, true);
  EXPECT_EQ(run.start->largest.front().part, (PartName{PartKind::kMlp, kSinkLayer}));
  EXPECT_EQ(run.peak->parts_for_80, 1);
  EXPECT_GT(run.peak->mlp_share, 0.98);
  EXPECT_GT(*run.peak->excess_cos, 0.98);
  EXPECT_NEAR(run.start->total, static_cast<double>(run.state_axis[kSinkLayer]), 1e-3 * in_norms);
}

TEST_F(ExplainedModel, AnAttentionWriteIsNot) {
  load();
  ChangeRows edit({along_axis(ProbePoint::kAttentionWrite, kSinkLayer, kSinkNorm)});
  const SequenceExplanation explained = explain({&edit});
  const RunExplanation& run = only(explained);
  EXPECT_EQ(run.formed, false);
  EXPECT_EQ(run.peak->largest.front().part, (PartName{PartKind::kAttention, kSinkLayer}));
  EXPECT_LT(run.peak->mlp_share, 0.05);
}

TEST_F(ExplainedModel, HalvedOverTwoMlpsTakesTwo) {
  load();
  ChangeRows edit({along_axis(ProbePoint::kMlpWrite, kSinkLayer, kSinkNorm / 2),
                   along_axis(ProbePoint::kMlpWrite, kSinkLayer + 1, kSinkNorm / 2)});
  const SequenceExplanation explained = explain({&edit});
  const RunExplanation& run = only(explained);
  EXPECT_EQ(run.peak->parts_for_80, 2);
  EXPECT_EQ(run.formed, true);
  std::vector<int> layers = {run.peak->largest[0].part.layer, run.peak->largest[1].part.layer};
  std::ranges::sort(layers);
  EXPECT_EQ(layers, (std::vector<int>{kSinkLayer, kSinkLayer + 1}));
  EXPECT_NEAR(run.peak->largest[0].share, 0.5, 0.03);
}

TEST_F(ExplainedModel, TakenOutThreeLayersLaterItsEndIsRemoved) {
  load();
  ChangeRows edit({along_axis(ProbePoint::kMlpWrite, kSinkLayer, kSinkNorm),
                   along_axis(ProbePoint::kMlpWrite, kSinkLayer + 3, -kSinkNorm)});
  const RunExplanation run = only(explain({&edit}));
  EXPECT_EQ(run.run.l_end, kSinkLayer + 2);
  EXPECT_EQ(run.end.cause, EndCause::kRemoved);
  EXPECT_LT(std::abs(*run.end.height_kept), 0.05);
  EXPECT_NEAR(*run.end.primary_height_kept, 1, 0.05);
}

// The state that an MLP makes by a neuron of its own, and whose attention goes with the write.
TEST_F(ExplainedModel, NeuronAndEditsAreExact) {
  load({{kSinkLayer, static_cast<std::uint8_t>(kPlanted), kSinkNorm}});
  tokens_[index(kSinkPosition)] = kPlanted;
  SequenceExplanation explained = explain();
  RunExplanation run = only(explained);
  ASSERT_TRUE(run.neurons);
  EXPECT_EQ(run.neurons->layer, kSinkLayer);
  EXPECT_EQ(run.neurons->for_half, 1);
  const Neuron& neuron = run.neurons->list.front();
  EXPECT_GT(neuron.share, 0.98);
  EXPECT_NEAR(neuron.height, run.neurons->sum, 0.02 * run.neurons->sum);
  EXPECT_GT(*neuron.down_cos, 0.99);
  EXPECT_NEAR(run.neurons->sum, static_cast<double>(run.mlp_axis[kSinkLayer]), 0.01 * run.neurons->sum);

  ASSERT_TRUE(edit_sink(*model_, sequence(), run, {}, {}, run_));
  for (const LayerEdit& edit : run.edits) {
    EXPECT_EQ(edit.axis.removed, edit.layer == kSinkLayer) << edit.layer;
    if (!edit.rest) continue;
    EXPECT_FALSE(edit.rest->removed);
  }
  EXPECT_EQ(run.together->layers, std::vector<int>{kSinkLayer});
  EXPECT_TRUE(run.together->outcome.removed);
  EXPECT_FALSE(run.together->outcome.run);
}

// Memory and file say the same, and nothing is measured twice.
TEST_F(ExplainedModel, WhatIsStoredIsNotMeasuredAgain) {
  load({{kSinkLayer, static_cast<std::uint8_t>(kPlanted), kSinkNorm}});
  for (const int position : {100, 150, 200}) tokens_[index(position)] = kPlanted;
  explain();
  const LoadSequence load_one = [&](std::int64_t ordinal) {
    return SequenceToExplain{ordinal, std::to_string(ordinal), tokens_, examined_.figures, examined_.detection};
  };
  ModelWeights weights{GgufFile(path_)};
  ExplainRequest request;
  request.options.edit_sinks = 2;
  ExplanationsInMemory store;
  measure_explanation(*model_, weights, 2, load_one, request, store);
  const Explanation first = judge_explanation(2, load_one, request, store);
  EXPECT_EQ(first.n_sinks, 6);
  EXPECT_FALSE(first.maps.empty());
  int edited = 0;
  for (const SequenceExplanation& one : first.sequences) {
    for (const RunExplanation& run : one.runs) edited += run.edits.empty() ? 0 : 1;
  }
  EXPECT_EQ(edited, 2);
  // A model that may not run: all is there.
  request.run.should_stop = [] { return true; };
  measure_explanation(*model_, weights, 2, load_one, request, store);
  const Explanation second = judge_explanation(2, load_one, request, store);
  ASSERT_EQ(second.claims.size(), first.claims.size());
  for (std::size_t i = 0; i < first.claims.size(); ++i) EXPECT_EQ(second.claims[i].sentence, first.claims[i].sentence);
  EXPECT_EQ(judge_explanation(3, load_one, request, store).n_not_measured, 1);
  // Thresholds under which a run has other layers, or the primary is another, have nothing to show.
  const LoadSequence other = [&](std::int64_t ordinal) {
    SequenceToExplain sequence = load_one(ordinal);
    for (sinkscope::Run& run : sequence.detection.runs) run.l_end -= 1;
    return sequence;
  };
  const Explanation under_others = judge_explanation(2, other, request, store);
  EXPECT_EQ(under_others.n_sinks, 0);
  ASSERT_EQ(under_others.unexplained.size(), 6U);
  EXPECT_EQ(under_others.unexplained[0].position, 100);
}

}  // namespace
}  // namespace sinkscope
