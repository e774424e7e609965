#include "store/head_reach_blob.h"

#include "store/archive.h"
#include "store/record_bytes.h"

namespace sinkscope {

// The list of members.
template <typename Archive, RecordOf<SequenceReach> T>
void members(Archive& a, T& x) {
  a(x.n_queries, x.sums);
}

namespace {

constexpr std::uint32_t kReachMagic = 0x42415548;  // "HUAB"
constexpr std::uint16_t kReachVersion = 1;

}  // namespace

std::vector<std::byte> encode_reach(const SequenceReach& reach) {
  return encode_record(kReachMagic, kReachVersion, reach);
}

SequenceReach decode_reach(std::span<const std::byte> bytes, const HeadReachRequest& request, std::int64_t n_tokens,
                           std::size_t n_layers, const std::string& what) {
  auto reach = decode_record<SequenceReach>(bytes, kReachMagic, kReachVersion, what);
  const ByteReader whole(bytes, what);
  if (reach.n_queries < kMinReachQueries || reach.n_queries != n_reach_queries(request, n_tokens)) {
    whole.fail("they are of another document or other sizes");
  }
  if (reach.sums.rows() != n_layers || reach.sums.cols() == 0) whole.fail("they are of another model");
  return reach;
}

}  // namespace sinkscope
