// Every family's tiny model, measured and judged: its sinks are where they were put.
#include <algorithm>

#include "letters.h"
#include "plant/readings.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

class TinySinks : public testing::TestWithParam<std::string_view> {
 protected:
  SequenceReading read(const TinyOptions& options, const std::vector<TokenId>& sequence) {
    write_tiny_model(options, path_);
    Observer nobody;
    return read_sequence(*load_tiny(path_), sequence, nobody, {}, nullptr);
  }
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("tiny.gguf");
};

TEST_P(TinySinks, AreFoundWhereTheyWerePut) {
  TinyOptions options;
  options.arch = GetParam();
  options.sinks = {{4, static_cast<std::uint8_t>(kPlanted), 150}};
  const std::vector<TokenId> sequence = letters(3, 1, 600).front();
  const SequenceReading reading = read(options, sequence);
  ASSERT_TRUE(reading.detection.primary) << reading.detection.no_primary_reason;
  EXPECT_EQ(reading.detection.primary->position, 0);
  EXPECT_EQ(reading.detection.primary->birth_layer, 1);
  int expected = 0;
  for (int p = 0; p < 600; ++p) {
    if (p == 0 || !reading.measurable(p)) continue;
    const auto* run = reading.sink_at(p, 4);
    EXPECT_EQ(run != nullptr, sequence[static_cast<std::size_t>(p)] == kPlanted) << p;
    if (run == nullptr) continue;
    ++expected;
    EXPECT_EQ(run->l_start, 4) << p;
    EXPECT_EQ(run->kind, SinkKind::kSecondary) << p;
    // Beside BOS: a network of its own size away from the norm that was asked for.
    EXPECT_NEAR(reading.norm_ratio(4, static_cast<std::size_t>(p)) / reading.norm_ratio(1, 0), 0.75, 0.2) << p;
  }
  EXPECT_GE(expected, 5);
}

TEST_P(TinySinks, RandomWeightsAloneShowNone) {
  TinyOptions options;
  options.arch = GetParam();
  options.primary = false;
  const SequenceReading reading = read(options, letters(4, 1, 400).front());
  EXPECT_FALSE(reading.detection.primary);
  EXPECT_FALSE(reading.detection.no_primary_reason.empty());
  EXPECT_FALSE(std::any_of(reading.detection.runs.begin(), reading.detection.runs.end(),
                           [](const auto& run) { return run.verdict == Verdict::kSink; }));
}

INSTANTIATE_TEST_SUITE_P(Families, TinySinks, testing::ValuesIn(tiny_archs().begin(), tiny_archs().end()),
                         [](const auto& instance) {
                           std::string name(instance.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sinkscope
