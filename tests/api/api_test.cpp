#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <thread>

#include "api/sinkscope.h"
#include "plant/tiny/tiny.h"

namespace sinkscope {
namespace {

// Bytes are tokens; '#' is a sink that the model has by construction.
constexpr char kMark = '#';

std::string text_of(int n_bytes, int step) {
  std::string text;
  for (int i = 0; i < n_bytes; ++i) text += static_cast<char>('a' + (i * step + i / 7) % 26);
  text[static_cast<std::size_t>(n_bytes) / 3] = kMark;
  return text;
}

template <typename Call>
std::optional<ErrorCode> code_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.code();
  }
  return {};
}

class ApiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder() = testing::TempDir() + "api_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder());
    TinyOptions tiny;
    tiny.sinks = {{.layer = 2, .byte = static_cast<std::uint8_t>(kMark)}};
    write_tiny_model(tiny, model());
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder()); }

  static std::string& folder() {
    static std::string path;
    return path;
  }
  static std::string model() { return folder() + "/tiny.gguf"; }

  static Scanner scanner(ScanSettings settings = {}, int max_sequences = 1) {
    LoadOptions load;
    load.path = model();
    load.n_ubatch = 128;
    load.max_sequences = max_sequences;
    load.runtime.n_threads = 2;
    return Scanner(load, std::move(settings));
  }
};

void expect_same(const ArrayView& a, const ArrayView& b, double relative) {
  ASSERT_EQ(a.shape, b.shape);
  double largest = 0;
  for (const float x : a.values) largest = std::isnan(x) ? largest : std::max(largest, std::abs(double{x}));
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (std::isnan(a.values[i])) {
      EXPECT_TRUE(std::isnan(b.values[i]));
    } else {
      EXPECT_NEAR(a.values[i], b.values[i], relative * largest);
    }
  }
}

TEST_F(ApiTest, AScannedTextSaysWhatWasFound) {
  const Scanner scan = scanner();
  const std::string text = text_of(400, 3);
  const ScannedText scanned = scan.scan(text, "letters");
  EXPECT_EQ(scanned.name(), "letters");
  EXPECT_EQ(scanned.n_layers(), scan.facts().n_layers);
  ASSERT_EQ(scanned.n_tokens(), 401);
  EXPECT_EQ(scanned.tokens().front(), kTinyBos);
  EXPECT_EQ(scanned.token_bytes(1), text.substr(0, 1));
  ASSERT_TRUE(scanned.primary());
  EXPECT_EQ(scanned.primary()->position, 0);
  const std::vector<sinkscope::Run> sinks = scanned.sinks();
  ASSERT_EQ(sinks.size(), 1U);
  EXPECT_EQ(scanned.token_bytes(sinks[0].position), std::string(1, kMark));
  EXPECT_EQ(sinks[0].l_start, 2);
  EXPECT_EQ(code_of([&] { scanned.token_bytes(401); }), ErrorCode::kUsage);
}

TEST_F(ApiTest, TheSameAsTheTokensOfTheText) {
  const Scanner scan = scanner();
  const ScannedText by_text = scan.scan(text_of(300, 5));
  const ScannedText by_tokens = scan.scan_tokens({by_text.tokens().begin(), by_text.tokens().end()});
  for (const std::string& name : by_text.array_names()) expect_same(by_text.array(name), by_tokens.array(name), 0);
}

TEST_F(ApiTest, ViewsOutliveWhatTheyCameFrom) {
  ArrayView norms;
  {
    const ScannedText scanned = scanner().scan(text_of(200, 3));
    norms = scanned.array("hidden_norm");
    EXPECT_EQ(norms.values.data(), scanned.array("hidden_norm").values.data()) << "no copy is made";
  }
  ASSERT_EQ(norms.shape, (std::vector<std::size_t>{8, 201}));
  EXPECT_GT(norms.at(7, 0), 5 * norms.at(7, 100)) << "the primary's states are massive";
}

TEST_F(ApiTest, ArraysByHeadAreKeptWhenAsked) {
  ScanSettings settings;
  settings.keep = Keep::kHeads;
  const ScannedText scanned = scanner(settings).scan(text_of(300, 3));
  const ArrayView by_head = scanned.array("sink_score_by_head"), mean = scanned.array("sink_score");
  ASSERT_EQ(by_head.shape, (std::vector<std::size_t>{8, 4, 301}));
  double sum = 0;
  for (int head = 0; head < 4; ++head) sum += double{by_head.at(5, head, 0)};
  EXPECT_NEAR(sum / 4, mean.at(5, 0), 1e-6);
  EXPECT_EQ(code_of([&] { scanned.array("no_such_array"); }), ErrorCode::kUsage);
  settings.keep = Keep::kRuns;
  EXPECT_TRUE(scanner(settings).scan(text_of(300, 3)).array_names().empty());
}

TEST_F(ApiTest, SeveralTextsComeInTheirOrder) {
  const Scanner scan = scanner({}, 4);
  std::vector<Document> documents;
  for (const int step : {3, 5, 3})
    documents.push_back({{.id = std::to_string(step)}, std::string(), text_of(150, step)});
  documents.push_back({{.id = "prompt"}, std::string("abc"), text_of(150, 7)});
  const std::vector<ScannedText> texts = scan.scan_all(documents);
  ASSERT_EQ(texts.size(), 4U);
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i].name(), documents[i].place.id);
  EXPECT_TRUE(std::ranges::equal(texts[0].tokens(), texts[2].tokens()));
  EXPECT_EQ(texts[3].prompt_tokens(), 4);
}

TEST_F(ApiTest, OtherThresholdsWithoutTheModel) {
  const ScannedText scanned = scanner().scan(text_of(400, 3));
  Thresholds strict;
  strict.min_far_boost = 1e6F;
  EXPECT_TRUE(std::ranges::none_of(scanned.under(strict).sinks(),
                                   [](const auto& sink) { return sink.kind != SinkKind::kUnaligned; }));
  EXPECT_EQ(scanned.sinks().size(), 1U) << "it is a copy that is judged again";
  Thresholds loose;
  loose.min_alignment = 0.1F;
  EXPECT_EQ(code_of([&] { scanned.under(loose); }), ErrorCode::kUsage);
  ScanSettings settings;
  settings.thresholds = loose;
  EXPECT_FALSE(code_of([&] { scanner(settings).scan(text_of(100, 3)).under(loose); }));
}

TEST_F(ApiTest, ResultsFilesComeBackAsTheyWere) {
  const std::string path = folder() + "/results.scan.db";
  const Scanner scan = scanner();
  std::vector<ScannedText> texts;
  for (const int step : {3, 5, 7, 11}) texts.push_back(scan.scan(text_of(300, step), "step " + std::to_string(step)));
  save(path, texts);
  save(path, std::span(texts).first(2));
  std::optional<ScannedText> kept;
  {
    const Results results(path);
    ASSERT_EQ(results.n_texts(), 4) << "texts that are there are not written twice";
    EXPECT_EQ(results.model().n_layers, 8);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const ScannedText read = results.text(static_cast<std::int64_t>(i));
      EXPECT_EQ(read.name(), texts[i].name());
      EXPECT_TRUE(std::ranges::equal(read.tokens(), texts[i].tokens()));
      EXPECT_EQ(read.token_bytes(5), texts[i].token_bytes(5));
      ASSERT_EQ(read.sinks().size(), texts[i].sinks().size());
      EXPECT_EQ(read.array_names(), texts[i].array_names());
      for (const std::string& name : read.array_names()) expect_same(texts[i].array(name), read.array(name), 0x1p-10);
    }
    const LevelReport from_file = results.levels(), from_memory = levels_of(texts);
    ASSERT_EQ(from_file.levels.size(), from_memory.levels.size());
    EXPECT_EQ(from_file.levels.size(), 1U);
    EXPECT_EQ(from_file.levels[0].l_start, 2);
    kept = results.text(1);
    EXPECT_EQ(code_of([&] { results.text(4); }), ErrorCode::kInput);
  }
  EXPECT_EQ(kept->array("hidden_norm").shape.size(), 2U) << "a text keeps its file open";
  const std::string copy = folder() + "/copy.scan.db";
  save(copy, std::span(&*kept, 1));
  EXPECT_EQ(Results(copy).text(0).name(), "step 5");
}

TEST_F(ApiTest, ExplainsTheSinksOfAFile) {
  const std::string path = folder() + "/explained.scan.db";
  const Scanner scan = scanner();
  std::vector<ScannedText> texts;
  for (const int step : {3, 5}) texts.push_back(scan.scan(text_of(300, step), "step " + std::to_string(step)));
  save(path, texts);
  EXPECT_FALSE(Results(path).explanation());
  ExplainRequest request;
  request.options.edit_sinks = 1;
  const Explanation explained = scan.explain(path, request);
  std::size_t n_sinks = 0;
  for (const SequenceExplanation& sequence : explained.sequences) {
    for (const RunExplanation& run : sequence.runs) {
      ++n_sinks;
      EXPECT_EQ(run.peak->largest.front().part, (PartName{PartKind::kMlp, 2}));  // where it was planted
    }
  }
  EXPECT_GT(n_sinks, 0U);
  EXPECT_EQ(explained.n_sinks, static_cast<int>(n_sinks));
  const auto kept = Results(path).explanation();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->claims.size(), explained.claims.size());
  for (std::size_t i = 0; i < kept->claims.size(); ++i) {
    EXPECT_EQ(kept->claims[i].sentence, explained.claims[i].sentence);
  }
  EXPECT_EQ(kept->n_sinks, explained.n_sinks);
}

TEST_F(ApiTest, TakesTheSinksOfAFileAway) {
  const std::string path = folder() + "/ablated.scan.db";
  const Scanner scan = scanner();
  std::vector<ScannedText> texts;
  for (const int step : {3, 5}) texts.push_back(scan.scan(text_of(300, step), "step " + std::to_string(step)));
  save(path, texts);
  EXPECT_FALSE(Results(path).effects());
  AblateRequest request;
  request.edits = {edit_how_from("knockout"), edit_how_from("evict:64")};
  request.n_draws = 1;
  const AblatedResults ablated = scan.ablate(path, request);
  ASSERT_EQ(ablated.ablation.edits.size(), 2U);
  ASSERT_EQ(ablated.ablation.edits[0].size(), 2U);
  EXPECT_EQ(ablated.ablation.edits[0][1].id, "step 5");
  const SequenceAblation& first = ablated.ablation.edits[0][0];
  ASSERT_FALSE(first.removed.empty());
  EXPECT_EQ(first.removed[0].l_start, 2);  // where it was planted
  ASSERT_TRUE(first.edited.blocks[3]);
  EXPECT_GT(first.edited.blocks[3]->score, 0) << "the primary gains what they drew";
  EXPECT_NEAR(first.edited.blocks[3]->logs->log_odds, 0, 1e-4) << "nothing else has changed yet";
  EXPECT_EQ(ablated.judgement.verdicts[0].verdict, AblationVerdict::kNotEnough);
  const auto kept = Results(path).effects();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->ablation.edits.size(), 2U);
  EXPECT_EQ(kept->ablation.edits[0][0].edited.blocks[3]->score, first.edited.blocks[3]->score);
  EXPECT_EQ(kept->judgement.verdicts[1].reason, ablated.judgement.verdicts[1].reason);
  EXPECT_EQ(ablation_json(Results(path), *kept), ablation_json(Results(path), ablated));
  const DataTable blocks = block_effect_table(ablated.ablation, ablated.request);
  const auto column = [&](const char* name) -> const DataColumn& {
    return *std::ranges::find(blocks.columns(), std::string(name), &DataColumn::name);
  };
  const auto& block = std::get<DataColumn::Integers>(column("block").values);
  const auto row = static_cast<std::size_t>(std::ranges::find(block, 3) - block.begin());
  EXPECT_EQ(std::get<DataColumn::Texts>(column("how").values)[row], "knockout");
  EXPECT_EQ(std::get<DataColumn::Texts>(column("run").values)[row], "removed");
  EXPECT_EQ(column("draw").is_measured[row], 0);
  EXPECT_EQ(std::get<DataColumn::Numbers>(column("score").values)[row],
            static_cast<float>(first.edited.blocks[3]->score));
  EXPECT_EQ(column("replaced_mass").is_measured[row], 0) << "nothing became a sink";
  EXPECT_EQ(effect_table(ablated.judgement).n_rows(), ablated.judgement.effects.size());
  const Results results(path);
  request.named = named_sinks(R"({"sequences":[{"document":")" + ablated.ablation.edits[0][1].key +
                                  R"(","sinks":[{"position":101,"l_start":2,"l_end":7}]}]})",
                              results);
  EXPECT_EQ(scan.ablate(path, request).ablation.edits[0].size(), 1U);
  EXPECT_EQ(code_of([&] { named_sinks("[]", results); }), ErrorCode::kInput);
  request.named.reset();
  request.selection = SinkSelection::kUnaligned;
  EXPECT_THROW(scan.ablate(path, request), Error);
}

TEST_F(ApiTest, SaysWhichTokensACacheMustKeep) {
  const std::string path = folder() + "/protected.scan.db";
  const Scanner scan = scanner();
  std::vector<ScannedText> texts = {scan.scan(text_of(300, 3), "a")};
  save(path, texts);
  ProtectRequest request;
  request.caches = cache_forms_from(std::vector<std::string>{"window:128", "window:96"});
  request.n_draws = 1;
  const ProtectedResults found = scan.protect(path, request);
  ASSERT_EQ(found.sequences.size(), 1U);
  EXPECT_EQ(found.sequences[0].positions, (std::vector<int>{0, 101}));
  ASSERT_EQ(found.judgement.caches.size(), 2U);
  EXPECT_FALSE(found.judgement.caches[0].recommended) << "of one document";
  const std::string json = protection_json(Results(path), found);
  EXPECT_NE(json.find("sinkscope.protect/1"), std::string::npos);
  EXPECT_EQ(protection_json(Results(path), *Results(path).protection()), json) << "kept in the file";
  const std::vector<std::string> twice = {"q8_0", "q8_0"};
  EXPECT_EQ(code_of([&] { cache_forms_from(twice); }), ErrorCode::kUsage);
  LoadOptions other;
  other.path = folder() + "/tiny.gguf";
  other.n_ubatch = 64;
  EXPECT_EQ(code_of([&] { Scanner(other).protect(path, request); }), ErrorCode::kInput);
}

TEST_F(ApiTest, NotesSayWhatToKnow) {
  ScanSettings settings;
  settings.chat_template = "{% for m in messages %}{% if true %}{{ m.content }}{% continue %}{% endif %}{% endfor %}";
  const Scanner scan = scanner(settings);
  const std::vector<Document> documents = {chat_document(R"([{"role":"user","content":")" + text_of(100, 3) + "\"}]")};
  const ScannedText scanned = scan.scan_all(documents).front();
  ASSERT_EQ(scanned.n_tokens(), 101);
  EXPECT_TRUE(scan.notes().empty());
  const std::vector<std::string> notes = scanned.notes();
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_TRUE(notes[0].starts_with("chat template: 1 of 1 conversations are rendered as Python's Jinja")) << notes[0];
  EXPECT_EQ(notes[1], "1 of 1 text is too short to be judged: expected 128 tokens or more, got 101");
  save(folder() + "/notes.scan.db", std::span(&scanned, 1));
  EXPECT_EQ(Results(folder() + "/notes.scan.db").notes(), std::vector<std::string>{notes[0]});
  EXPECT_EQ(Results(folder() + "/notes.scan.db").text(0).notes(), notes);
  EXPECT_TRUE(scan.scan(text_of(300, 3)).notes().empty());
}

TEST_F(ApiTest, AFileHoldsOneMeasurementOnly) {
  const std::string path = folder() + "/one.scan.db";
  const ScannedText first = scanner().scan(text_of(200, 3));
  save(path, std::span(&first, 1));
  ScanSettings other;
  other.min_distance = 32;
  const ScannedText second = scanner(other).scan(text_of(200, 5));
  EXPECT_EQ(code_of([&] { save(path, std::span(&second, 1)); }), ErrorCode::kInput);
  EXPECT_EQ(code_of([&] { save(path, {}); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { Results(folder() + "/none.scan.db"); }), ErrorCode::kInput);
}

TEST_F(ApiTest, AScannerCanBeUsedAfterAnError) {
  bool stop = true;
  ScanSettings settings;
  settings.should_stop = [&] { return stop; };
  const Scanner scan = scanner(settings);
  EXPECT_EQ(code_of([&] { scan.scan(text_of(300, 3)); }), ErrorCode::kInterrupted);
  stop = false;
  EXPECT_EQ(code_of([&] { scan.scan(""); }), ErrorCode::kInput);
  EXPECT_EQ(code_of([&] { scan.scan_tokens({1, 2, 70000}); }), ErrorCode::kInput);
  EXPECT_EQ(code_of([&] { scan.scan(std::string(5000, 'a')); }), ErrorCode::kInput) << "longer than the context";
  EXPECT_TRUE(scan.scan(text_of(300, 3)).primary());
  LoadOptions missing;
  missing.path = folder() + "/none.gguf";
  EXPECT_EQ(code_of([&] { Scanner{missing}; }), ErrorCode::kModel);
}

TEST_F(ApiTest, TwoScannersOnTwoThreads) {
  const ScannedText alone = scanner().scan(text_of(400, 3));
  std::array<std::optional<ScannedText>, 2> found;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < found.size(); ++i) {
    threads.emplace_back([&, i] { found[i] = scanner().scan(text_of(400, 3)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& text : found) {
    for (const std::string& name : alone.array_names()) expect_same(alone.array(name), text->array(name), 0);
  }
}

TEST_F(ApiTest, AnEditOfTheRun) {
  const Scanner scan = scanner();
  const ScannedText scanned = scan.scan(text_of(300, 3));
  Pack pack;
  pack.sequences.emplace_back(scanned.tokens().begin(), scanned.tokens().end());
  HideKeys hide(HiddenKeys{.positions = {0}, .first_layer = 4});
  ExamineOptions options;
  options.run.edits = {&hide};
  const std::vector<Examined> edited = examine(scan.model(), pack, options);
  ASSERT_EQ(edited.size(), 1U);
  const LayerFigures &before = scanned.figures().first_positions[0].far_boost,
                     &after = edited[0].figures.first_positions[0].far_boost;
  EXPECT_EQ(after[3], before[3]) << "earlier layers are as they were";
  EXPECT_TRUE(before[5]);
  EXPECT_FALSE(after[5]) << "no far query sees it";
}

TEST_F(ApiTest, AnObserverOfOnesOwn) {
  class Counter final : public Observer {
   public:
    bool wants(ProbePoint point, int) override { return point == ProbePoint::kMlpInput; }
    void on_state(const StateEvent& event) override { n_rows += event.states.rows(); }
    std::size_t n_rows = 0;
  };
  const Scanner scan = scanner();
  const ScannedText scanned = scan.scan(text_of(200, 3));
  Counter counter;
  Pack pack;
  pack.sequences.emplace_back(scanned.tokens().begin(), scanned.tokens().end());
  const std::vector<Examined> examined = examine(scan.model(), pack, {}, &counter);
  ASSERT_EQ(examined.size(), 1U);
  EXPECT_EQ(examined[0].detection.runs.size(), scanned.detection().runs.size());
  EXPECT_EQ(counter.n_rows, 8U * 201U);
}

}  // namespace
}  // namespace sinkscope
