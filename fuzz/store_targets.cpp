#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>

#include "fuzz/targets.h"
#include "impact/ablation.h"
#include "store/ablation_blob.h"
#include "store/bytes.h"
#include "store/corpus_blob.h"
#include "store/detector_blob.h"
#include "store/explanation_blob.h"
#include "store/figures_blob.h"
#include "store/head_reach_blob.h"
#include "store/profiles_blob.h"
#include "store/protection_blob.h"
#include "store/scan_file.h"
#include "tests/store/detector_samples.h"
#include "tests/store/explained_samples.h"
#include "tests/store/protection_samples.h"
#include "tests/store/samples.h"

namespace sinkscope {
namespace {

using namespace testing_samples;

constexpr int kLayers = 5, kTokens = 40, kCachedTokens = 100, kReachTokens = 420;
constexpr DetectorFile kDetectorFile{2, kLayers, 16};
constexpr CacheForm kBits{CacheKind::kKivi2, 0, true};

std::string text_of(char kind, const std::vector<std::byte>& bytes) {
  return kind + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// The first byte says what the others are. Their checksum is put right, or nothing would get past it.
void read_blob(std::string_view bytes) {
  constexpr std::size_t kSum = sizeof(std::uint32_t);
  if (bytes.size() < 1 + kSum) return;
  std::string blob(bytes.substr(1));
  const std::span<std::byte> all = std::as_writable_bytes(std::span(blob));
  const std::uint32_t sum = little_endian(crc32(all.first(all.size() - kSum)));
  std::ranges::copy(std::as_bytes(std::span(&sum, 1)), all.last(kSum).begin());
  switch (bytes[0]) {
    case 'f':
      decode_figures(all, "figures");
      break;
    case 'c':
      decode_corpus_document(all, "corpus");
      break;
    case 'e':
      decode_explanation(all, kLayers, "explanation");
      break;
    case 'm':
      decode_map(all, kLayers, "map");
      break;
    case 'a':
      decode_ablation(all, kLayers, "ablation");
      break;
    case 'd':
      decode_detector(all, kDetectorFile, "detector");
      break;
    case 'h':
      decode_reach(all, {}, kReachTokens, kLayers, "heads");
      break;
    case 'p':
      decode_protection(all, kBits, kCachedTokens, "protection");
      break;
    default: {
      const auto encoding = static_cast<ProfileEncoding>(static_cast<unsigned char>(bytes[0]) % 4);
      const ProfileShape shape{"x", {kLayers, 4, kTokens}, encoding, true};
      check_profile(shape, all, "profile");
      decode_profile(shape, all, "profile");
    }
  }
}

std::vector<std::string> blob_seeds() {
  const SequenceFigures figures = sequence_figures(1, kLayers, kTokens);
  std::vector<TokenId> tokens(kTokens, 3);
  const ProfileArray profile{"x", {kLayers, 4, kTokens}, std::vector<float>(kLayers * 4 * kTokens, 0.5F), true};
  std::vector<std::string> seeds = {text_of('f', encode_figures(figures)),
                                    text_of('c', encode_corpus_document(corpus_document_of(figures, tokens, {}))),
                                    text_of('e', encode_explanation(sequence_explanation(1))),
                                    text_of('d', encode_detector(kept_detector(kDetectorFile))),
                                    text_of('h', encode_reach(sequence_reach({}, kReachTokens, kLayers))),
                                    text_of('p', encode_protection(cache_effect(kBits, kCachedTokens)))};
  for (const char encoding : {'\0', '\1', '\2', '\3'}) {
    seeds.push_back(text_of(encoding, encode_profile(profile, static_cast<ProfileEncoding>(encoding))));
  }
  return seeds;
}

// SQLite wants a file with a name.
void read_results(std::string_view bytes) {
  static const TemporaryFolder folder;
  const std::string path = folder.file("results", std::string(bytes));
  const ScanFile file = ScanFile::open(path);
  file.verify();
  file.skipped();
  file.program_runs();
  file.for_each_corpus_document({}, [](CorpusDocument&&) {});
}

std::vector<std::string> results_seeds() {
  const TemporaryFolder folder;
  for (const char* name : {"none", "two"}) {
    ScanFile file = ScanFile::open_or_create(folder.file(name), model_record(kLayers), {}, program_run());
    file.add_skipped({"a.jsonl", 3, "no text"});
    for (int i = 0; name[0] == 't' && i < 2; ++i) file.add(document_record(i, kLayers, kTokens));
  }
  return {bytes_of_file(folder.file("none")), bytes_of_file(folder.file("two"))};
}

}  // namespace

std::vector<FuzzTarget> store_targets() {
  return {{"blobs", "what results files keep of a document", read_blob, blob_seeds},
          {"results", "results files, opened and verified", read_results, results_seeds}};
}

}  // namespace sinkscope
