#include "measure/ordinary.h"

#include <algorithm>

#include "base/ids.h"
#include "base/statistics.h"

namespace sinkscope {
namespace {

std::optional<OrdinaryNorms> of_every(std::size_t step, std::span<const float> norms,
                                      std::span<const std::uint8_t> may_be_ordinary, std::vector<float>& scratch) {
  scratch.clear();
  for (std::size_t t = kPrimaryCandidates; t < norms.size(); t += step) {
    if (may_be_ordinary[t]) scratch.push_back(norms[t]);
  }
  if (scratch.empty()) return std::nullopt;
  OrdinaryNorms ordinary;
  ordinary.limit = kOrdinaryQuartiles * lower_quartile_of(scratch);
  const auto end = std::partition(scratch.begin(), scratch.end(), [&](float norm) { return norm <= ordinary.limit; });
  ordinary.median = median_of({scratch.begin(), end});
  return ordinary;
}

}  // namespace

std::optional<OrdinaryNorms> ordinary_norms(std::span<const float> norms, std::span<const std::uint8_t> may_be_ordinary,
                                            std::vector<float>& scratch) {
  return of_every(1, norms, may_be_ordinary, scratch);
}

std::optional<OrdinaryNorms> sampled_ordinary_norms(std::span<const float> norms,
                                                    std::span<const std::uint8_t> may_be_ordinary,
                                                    std::vector<float>& scratch) {
  constexpr std::size_t kSample = 1024;
  return of_every(1 + norms.size() / kSample, norms, may_be_ordinary, scratch);
}

}  // namespace sinkscope
