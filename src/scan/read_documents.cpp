#include "scan/read_documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "probe/refused_text.h"

namespace sinkscope {
namespace {

void refuse_long(const Sequence& sequence, int max_tokens) {
  const int n_tokens = static_cast<int>(sequence.tokens.size());
  if (n_tokens <= max_tokens) return;
  throw Error(ErrorCode::kInput,
              fmt::format("{} has {} tokens, the context holds {}: give -c {}, or --chunk {} to scan it in pieces",
                          describe(sequence.place), n_tokens, max_tokens, n_tokens,
                          std::max(1, max_tokens - std::max(1, sequence.bos_tokens))));
}

}  // namespace

TokenSpool read_documents(DocumentSource& documents, const DocumentTokenizer& tokenizer, const ReadOptions& options,
                          const OnSkip& on_skip) {
  TokenSpool spool;
  while (const auto document = documents.next()) {
    if (options.should_stop && options.should_stop())
      throw Error(ErrorCode::kInterrupted, "stopped before the scan began");
    try {
      const std::vector<Sequence> sequences = tokenizer(*document);
      for (const Sequence& sequence : sequences) refuse_long(sequence, options.max_tokens);
      for (const Sequence& sequence : sequences) spool.append(sequence);
    } catch (const RefusedText& refused) {
      if (!options.corpus) throw;
      on_skip({document->place, refused.what()});
    } catch (const Error& error) {
      if (!options.corpus || error.code() != ErrorCode::kInput) throw;
      on_skip({document->place, error.what()});
    }
  }
  if (spool.size() == 0) throw Error(ErrorCode::kInput, "no document could be read: expected at least one");
  return spool;
}

}  // namespace sinkscope
