// What learned sink logits take, of one sequence and of each of a pack, against the sums that the engine shows and
// against what is left of the shares of all tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/llama/model.h"
#include "plant/tiny/tiny.h"
#include "scan/examine.h"

namespace sinkscope {
namespace {

// Adds up what the engine says learned logits took, by layer and over heads.
class LearnedMass final : public Observer {
 public:
  explicit LearnedMass(int n_layers) : mass(static_cast<std::size_t>(n_layers)), n_heads(mass.size()) {}
  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override {
    const auto layer = static_cast<std::size_t>(event.layer);
    n_heads[layer] = event.n_heads;
    for (const double of_head : event.learned_mass) mass[layer] += of_head;
  }
  std::vector<double> mass;
  std::vector<int> n_heads;
};

std::vector<TokenId> tokens(int n, int seed) {
  std::vector<TokenId> ids = {kTinyBos};
  for (int i = 1; i < n; ++i) ids.push_back((i * i * seed + 3 * i) % 256);
  return ids;
}

const ProfileArray& profile_named(const std::string& name, const std::vector<ProfileArray>& profiles) {
  return *std::ranges::find(profiles, name, &ProfileArray::name);
}

std::unique_ptr<Model> tiny_model(const std::string& arch, const std::string& path) {
  TinyOptions tiny;
  tiny.arch = arch;
  tiny.n_layers = 4;
  write_tiny_model(tiny, path);
  LoadOptions options;
  options.path = path;
  options.n_ubatch = 256;  // a pack is one micro-batch
  options.max_sequences = 2;
  return load_model(options);
}

TEST(LearnedShare, IsWhatTokensDoNotGet) {
  const std::string path = testing::TempDir() + "learned_" + std::to_string(::getpid()) + ".gguf";
  const auto model = tiny_model("gpt-oss", path);
  const int n_layers = model->facts().n_layers;
  ExamineOptions options;
  options.keep = Keep::kProfiles;
  std::vector<LayerFigures> alone;
  for (const auto& ids : {tokens(150, 1), tokens(90, 7)}) {
    LearnedMass seen(n_layers);
    const Examined examined = examine(*model, {{ids}}, options, &seen)[0];
    alone.push_back(examined.figures.learned_share);
    const ProfileArray& score = profile_named("sink_score", examined.profiles);
    const ProfileArray& queries = profile_named("visible_queries", examined.profiles);
    for (std::size_t l = 0; l < static_cast<std::size_t>(n_layers); ++l) {
      const double share = alone.back()[l].value();
      EXPECT_GT(share, 0.001) << l;
      EXPECT_NEAR(share, seen.mass[l] / seen.n_heads[l] / static_cast<double>(ids.size()), 1e-6) << l;
      double of_tokens = 0;
      for (std::size_t i = l * ids.size(); i < (l + 1) * ids.size(); ++i) {
        of_tokens += static_cast<double>(score.values[i]) * queries.values[i] / static_cast<double>(ids.size());
      }
      EXPECT_NEAR(of_tokens + share, 1, 1e-5) << l;
    }
  }
  const auto both = examine(*model, {{tokens(150, 1), tokens(90, 7)}}, options);
  double difference = 0;
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::size_t l = 0; l < static_cast<std::size_t>(n_layers); ++l) {
      EXPECT_NEAR(both[s].figures.learned_share[l].value(), alone[s][l].value(), 1e-5) << s << ", " << l;
      difference = std::max(difference, std::fabs(static_cast<double>(*alone[0][l] - *alone[1][l])));
    }
  }
  EXPECT_GT(difference, 1e-4) << "the sequences of the pack differ, or the test shows nothing";
  std::filesystem::remove(path);
}

TEST(LearnedShare, IsNoneWithoutLearnedLogits) {
  const std::string path = testing::TempDir() + "learned_none_" + std::to_string(::getpid()) + ".gguf";
  const auto model = tiny_model("llama", path);
  for (const Examined& examined : examine(*model, {{tokens(150, 1), tokens(90, 7)}}, {})) {
    EXPECT_THAT(examined.figures.learned_share, testing::Each(std::optional<float>(0.0F)));
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sinkscope
