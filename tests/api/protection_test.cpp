// Which heads and tokens a cache must keep, through the library: patterns of heads and detectors, and their files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "api/sinkscope.h"
#include "base/whole_file.h"
#include "plant/tiny/tiny.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

constexpr char kMark = '#';
constexpr int kLayer = 2;  // from which on the mark is a sink
constexpr int kTexts = 8;

std::vector<int> marks_of(int text) { return {60 + text, 90 + 2 * text}; }

std::string marked_text(int text) {
  std::string bytes;
  for (int i = 0; i < 240; ++i) bytes += static_cast<char>('a' + (i * (3 + text) + i / 7) % 26);
  for (const int position : marks_of(text)) bytes[static_cast<std::size_t>(position) - 1] = kMark;  // BOS comes before
  return bytes;
}

std::string bytes_of(const std::string& path) { return read_whole_file(path, 1 << 20).bytes; }

class ProtectionTest : public testing::Test {
 protected:
  ProtectionTest() {
    TinyOptions tiny;
    tiny.sinks = {{.layer = kLayer, .byte = static_cast<std::uint8_t>(kMark)}};
    write_tiny_model(tiny, folder_.file("tiny.gguf"));
    LoadOptions load;
    load.path = folder_.file("tiny.gguf");
    load.n_ubatch = 128;
    load.runtime.n_threads = 2;
    scanner_.emplace(load);
    std::vector<ScannedText> texts;
    for (int i = 0; i < kTexts; ++i) texts.push_back(scanner_->scan(marked_text(i), "text " + std::to_string(i)));
    save(path_, texts);
  }

  ProtectRequest request() const {
    ProtectRequest request;
    request.caches = cache_forms_from(std::vector<std::string>{"window:100"});
    request.n_draws = 1;
    return request;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("out.scan.db");
  std::optional<Scanner> scanner_;
};

TEST_F(ProtectionTest, ADetectorNamesSinksAndComesBackFromItsFile) {
  const ModelDetector made = scanner_->detector(path_, request());
  const TrainedDetector& trained = made.measured.trained;
  EXPECT_EQ(trained.n_documents, kTexts);
  EXPECT_EQ(trained.recall, 1.0);
  EXPECT_EQ(trained.precision, 1.0);
  ASSERT_EQ(made.measured.caches.size(), 1U);
  EXPECT_EQ(made.measured.caches[0].n_kept, 3.0);
  EXPECT_GE(trained.detector.layer, kLayer);

  const std::string file = folder_.file("detector.safetensors");
  save_detector(file, made);
  const ModelDetector read = load_detector(file);
  const TrainedDetector& again = read.measured.trained;
  EXPECT_EQ(read.model, scanner_->facts().name);
  EXPECT_EQ(read.model_sha256.size(), 64U);
  EXPECT_EQ(again.detector.layer, trained.detector.layer);
  EXPECT_EQ(again.detector.axis, trained.detector.axis) << "bit for bit";
  EXPECT_EQ(again.detector.ordinary_norm, trained.detector.ordinary_norm);
  EXPECT_EQ(again.detector.min_norm_ratio, trained.detector.min_norm_ratio);
  EXPECT_EQ(again.detector.min_cosine, trained.detector.min_cosine);
  EXPECT_EQ(again.recall, 1.0);
  EXPECT_EQ(again.n_sinks, 2 * kTexts);
  EXPECT_EQ(again.n_false, 0);
  EXPECT_EQ(again.reason, trained.reason);
  EXPECT_TRUE(read.measured.caches.empty());
  save_detector(folder_.file("again.safetensors"), read);
  EXPECT_EQ(bytes_of(folder_.file("again.safetensors")), bytes_of(file));

  // On states of a text that it has not seen.
  const ScannedText fresh = scanner_->scan(marked_text(20));
  const std::vector<TokenId> tokens(fresh.tokens().begin(), fresh.tokens().end());
  const Captured where{"block_output", again.detector.layer};
  const ArrayView states = scanner_->capture(tokens, std::span(&where, 1)).front();
  const MatrixView<const float> view(states.values.data(), states.shape[0], states.shape[1]);
  EXPECT_EQ(again.detector.named(view), (std::vector<int>{0, 80, 130}));
  const MatrixView<const float> narrow(states.values.data(), 2, states.shape[1] - 1);
  expect_error(ErrorCode::kUsage, "expected states of", [&] { again.detector.named(narrow); });

  const std::string json = detector_json(made);
  EXPECT_NE(json.find("\"recall\": 1"), std::string::npos) << json;
  ProtectedResults found = scanner_->protect(path_, request());
  EXPECT_NE(protection_json(Results(path_), found).find("\"detector\": null"), std::string::npos);
  found.detector = made.measured;
  EXPECT_NE(protection_json(Results(path_), found).find("\"min_norm_ratio\""), std::string::npos);
  EXPECT_TRUE(scanner_->detector(path_, {}).measured.caches.empty()) << "none was asked for";

  // It stays in the file: shown without the model, and taken from there, without a pass.
  EXPECT_EQ(protection_json(Results(path_), *Results(path_).protection()), protection_json(Results(path_), found));
  ProtectRequest stopped = request();
  stopped.run.should_stop = [] { return true; };
  EXPECT_EQ(detector_json(scanner_->detector(path_, stopped)), json);
  stopped.caches = cache_forms_from(std::vector<std::string>{"window:110"});
  expect_error(ErrorCode::kInterrupted, "", [&] { scanner_->detector(path_, stopped); });
}

TEST_F(ProtectionTest, RefusesWhatIsNoDetector) {
  ProtectRequest request;
  request.max_documents = 2;
  const std::string file = folder_.file("detector.safetensors");
  save_detector(file, scanner_->detector(path_, request));
  EXPECT_FALSE(load_detector(file).measured.trained.recall) << "of two documents";
  const std::string whole = bytes_of(file);
  const auto refused = [&](const std::string& bytes, const char* says) {
    std::ofstream(file, std::ios::binary) << bytes;
    expect_error(ErrorCode::kInput, says, [&] { load_detector(file); });
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = whole;
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return bytes.replace(at, from.size(), to);
  };
  refused("", "it is cut off");
  refused(whole.substr(0, 7), "it is cut off");
  refused(std::string(8, '\xFF') + whole.substr(8), "its header is longer than the file");
  refused(whole.substr(0, 40), "its header is longer than the file");
  refused(whole.substr(0, whole.size() - 4), "its array layer is not there");
  refused(with("sinkscope.detector/1", "sinkscope.detector/9"), "no such schema");
  refused(with("sinkscope.detector/1", "sinkscope.detectors\""), "no such schema");
  refused(with("\"min_cosine\"", "\"min_cosinx\""), "its array min_cosine is not there");
  refused(with("\"F32\"", "\"F16\""), "not F32 of one axis");
  refused(with("\"documents\": \"2\"", "\"documents\": \"x\""), "its documents is no number");
  std::string bytes = whole;
  bytes.replace(whole.size() - 4, 4, std::string("\xFF\xFF\xFF\xFF"));
  refused(bytes, "its layer is below 0");
  bytes = whole;
  bytes.replace(whole.size() - 20, 4, std::string("\0\0\xC0\x7F", 4));  // the last number of the axis
  refused(bytes, "its array axis has what is no number");
  bytes.replace(whole.size() - 20, 4, std::string("\0\0\x80\x40", 4));
  refused(bytes, "its axis is not of length 1");
  std::filesystem::remove(file);
  expect_error(ErrorCode::kInput, "expected a detector, got", [&] { load_detector(file); });
}

TEST_F(ProtectionTest, APatternOfHeads) {
  HeadReachRequest request;
  request.sink_size = 4;
  request.recent_size = 60;
  request.max_documents = 3;
  const HeadPattern pattern = scanner_->head_reach(path_, request);
  const ModelFacts& facts = scanner_->facts();
  ASSERT_EQ(static_cast<int>(pattern.reach.beyond.rows()), facts.n_layers);
  ASSERT_EQ(static_cast<int>(pattern.reach.beyond.cols()), facts.n_kv_heads[0]);
  EXPECT_EQ(pattern.reach.n_sequences, 3);
  EXPECT_EQ(pattern.reach.n_queries, 3 * (241 - 64));
  save_pattern(folder_.file("pattern"), pattern);
  save_pattern(folder_.file("pattern"), pattern);  // it takes its own place
  std::ifstream heads(folder_.file("pattern/full_attention_heads.tsv"));
  for (std::size_t layer = 0; layer < pattern.reach.beyond.rows(); ++layer) {
    for (std::size_t head = 0; head < pattern.reach.beyond.cols(); ++head) {
      double number = -1;
      heads >> number;
      EXPECT_NEAR(number, pattern.reach.beyond(layer, head), 1e-9);
    }
  }
  EXPECT_NE(bytes_of(folder_.file("pattern/config.json")).find("\"recent_size\": 60"), std::string::npos);
  std::ofstream(folder_.file("file")) << "x";
  expect_error(ErrorCode::kOutput, "duo: expected a folder", [&] { save_pattern(folder_.file("file"), pattern); });
  request.should_stop = [] { return true; };  // any pass throws: it is in the file
  EXPECT_EQ(scanner_->head_reach(path_, request).reach.beyond(2, 0), pattern.reach.beyond(2, 0));
  request.recent_size = 300;
  expect_error(ErrorCode::kInput, "expected a sequence of 368 tokens or more", [&] { scanner_->head_reach(path_, request); });
}

}  // namespace
}  // namespace sinkscope
