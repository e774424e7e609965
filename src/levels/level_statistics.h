#pragma once

#include <span>
#include <vector>

#include "levels/levels.h"

namespace sinkscope {

// A sink with its document.
struct PlacedSink {
  std::size_t document = 0;
  const CorpusSink* sink = nullptr;
};

// Rates of several sorts of sinks over the same bootstraps.
class RateTable {
 public:
  enum class Part { kAll, kPrompt, kOutput };
  RateTable(const SinkCorpus& corpus, const LevelOptions& options);
  // A sort of sinks whose rate is wanted: those of the members whose positions lie in the part.
  //
  // returns  its index
  std::size_t add(std::span<const PlacedSink> members, Part part);
  // The rates of everything that was added, in order.
  std::vector<Rate> compute() const;

 private:
  struct Sort {
    Part part;
    std::vector<std::pair<std::size_t, std::int64_t>> counts;  // document, eligible sinks in it; ascending
    std::int64_t count = 0, outside = 0;
  };
  const SinkCorpus& corpus_;
  LevelOptions options_;
  std::vector<std::int64_t> eligible_[3];  // [part][document]
  std::vector<Sort> sorts_;
};

Lifetimes lifetimes_of(std::span<const PlacedSink> members);
double start_entropy_bits(std::span<const PlacedSink> members);
// Whether both layers lie at most one from the centre; a censored end may lie anywhere from there on.
bool within_one(const CorpusSink& sink, int l_start, int l_end);
std::vector<TokenCount> commonest_tokens(std::span<const PlacedSink> members, std::size_t most);
std::vector<HazardBin> hazard_by_position(const SinkCorpus& corpus, std::span<const PlacedSink> members);
// Median of what was measured; nothing where nothing was.
std::optional<double> median_figure(std::span<const PlacedSink> members, std::optional<float> CorpusSink::* figure);

}  // namespace sinkscope
