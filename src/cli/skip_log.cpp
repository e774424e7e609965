#include "cli/skip_log.h"

#include <fmt/format.h>

#include "base/words.h"
#include "cli/progress.h"
#include "scan/document_tokenizer.h"

namespace sinkscope {
namespace {

constexpr std::size_t kSkipsShown = 10;

}  // namespace

void SkipLog::operator()(const SkippedInput& skipped) {
  const std::string at = describe(skipped.place);
  const bool named = skipped.reason.starts_with(at);
  if (!quiet_ && lines_.size() < kSkipsShown) {
    note(named ? "skipped: " + skipped.reason : fmt::format("skipped {}: {}", at, skipped.reason));
  }
  lines_.push_back({skipped.place.file, static_cast<int>(skipped.place.line), skipped.reason});
}

void SkipLog::summarise() const {
  if (lines_.empty() || quiet_) return;
  note(fmt::format("{} of the corpus could not be used", count_of(std::ssize(lines_), "line")));
}

}  // namespace sinkscope
