#include "store/protection_blob.h"

#include "store/archive.h"
#include "store/record_bytes.h"

namespace sinkscope {

template <>
inline constexpr KeptSet kLastOf<KeptSet> = kKeptSets.back();

// The lists of members.

template <typename Archive, RecordOf<KeptEffect> T>
void members(Archive& a, T& x) {
  a(x.set, x.n_kept, x.kl, x.loss);
}
template <typename Archive, RecordOf<CacheEffect> T>
void members(Archive& a, T& x) {
  a(x.n, x.sets);
}

namespace {

constexpr std::uint32_t kProtectionMagic = 0x424F5250;  // "PROB"
constexpr std::uint16_t kProtectionVersion = 1;

void check(const CacheEffect& effect, const CacheForm& cache, std::int64_t n_tokens, const ByteReader& bytes) {
  if (effect.n < kMinCacheTokens || effect.n != n_tokens - 1 - first_compared(cache)) {
    bytes.fail("they are of another document or cache");
  }
  if (effect.sets.size() != kKeptSets.size()) bytes.fail("they are of other sets of tokens");
  for (std::size_t s = 0; s < kKeptSets.size(); ++s) {
    const KeptEffect& set = effect.sets[s];
    if (set.set != kKeptSets[s]) bytes.fail("they are of other sets of tokens");
    if (set.n_kept < 0 || set.n_kept > static_cast<double>(n_tokens)) bytes.fail("a set is larger than the text");
    if (set.kl.has_value() != set.loss.has_value()) bytes.fail("a set has one of KL and loss");
  }
}

}  // namespace

std::vector<std::byte> encode_protection(const CacheEffect& effect) {
  return encode_record(kProtectionMagic, kProtectionVersion, effect);
}

CacheEffect decode_protection(std::span<const std::byte> bytes, const CacheForm& cache, std::int64_t n_tokens,
                              const std::string& what) {
  auto effect = decode_record<CacheEffect>(bytes, kProtectionMagic, kProtectionVersion, what);
  check(effect, cache, n_tokens, ByteReader(bytes, what));
  effect.cache = cache;
  return effect;
}

}  // namespace sinkscope
