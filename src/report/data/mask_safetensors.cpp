#include "report/data/mask_safetensors.h"

#include <fmt/format.h>

#include <ostream>
#include <string>

#include "base/error.h"
#include "base/index.h"
#include "report/data/safetensors_header.h"

namespace sinkscope {

void write_mask_safetensors(const ModelRecord& model, const std::vector<SequenceProtection>& sequences,
                            std::ostream& out) {
  // Numbers of four bytes come first, so that they lie on multiples of four.
  std::vector<SafetensorsEntry> entries;
  for (const SequenceProtection& sequence : sequences) {
    const std::size_t n = sequence.tokens.size();
    entries.push_back({fmt::format("{}/token_ids", sequence.ordinal), "I32", {n}, 4 * n});
  }
  for (const SequenceProtection& sequence : sequences) {
    const std::size_t n = sequence.tokens.size();
    entries.push_back({fmt::format("{}/mask", sequence.ordinal), "U8", {n}, n});
  }
  write_safetensors_header(
      {{"schema", "sinkscope.mask/1"}, {"model", model.facts.name}, {"model_sha256", model.sha256}}, entries, out);
  for (const SequenceProtection& sequence : sequences) write_little_endian(sequence.tokens, out);
  for (const SequenceProtection& sequence : sequences) {
    std::string mask(sequence.tokens.size(), '\0');
    for (const int position : sequence.positions) mask[index(position)] = '\1';
    out.write(mask.data(), static_cast<std::streamsize>(mask.size()));
  }
  if (!out.flush()) throw Error(ErrorCode::kOutput, "mask: writing failed; check the free space");
}

}  // namespace sinkscope
