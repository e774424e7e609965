#include "api/scanned_text.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "api/parts.h"
#include "base/error.h"
#include "levels/corpus.h"
#include "scan/text_notes.h"

namespace sinkscope {
namespace {

constexpr std::array kMaskKinds = {SinkKind::kPrimary, SinkKind::kPrimaryLike, SinkKind::kSecondary,
                                   SinkKind::kUnaligned};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::span<const TokenId> ScannedText::tokens() const { return parts_->document->tokens; }

const std::string& ScannedText::token_bytes(int position) const {
  if (position < 0 || position >= n_tokens()) {
    throw Error(ErrorCode::kUsage, "token_bytes: expected a position from 0 to " + std::to_string(n_tokens() - 1) +
                                       ", got " + std::to_string(position));
  }
  return parts_->document->token_bytes[static_cast<std::size_t>(position)];
}

const std::string& ScannedText::name() const { return parts_->document->origins.front().id; }
const SequenceFigures& ScannedText::figures() const { return parts_->document->figures; }
const Detection& ScannedText::detection() const { return parts_->detection; }

std::vector<std::string> ScannedText::notes() const {
  const ScanOrigin& origin = *parts_->origin;
  std::vector<std::string> notes = origin.model->record.notes;
  notes.insert(notes.end(), origin.notes.begin(), origin.notes.end());
  TextNotes of_text(origin.measurement, origin.model->record.facts.n_ctx_train);
  of_text.add(n_tokens());
  of_text.add_overflow(figures().n_watch_overflow);
  for (std::string& sentence : of_text.sentences()) notes.push_back(std::move(sentence));
  return notes;
}

const MeasurementOptions& ScannedText::measured_by() const { return parts_->origin->measurement; }
const Thresholds& ScannedText::judged_by() const { return parts_->thresholds; }

std::vector<Run> ScannedText::sinks() const {
  std::vector<Run> sinks;
  std::ranges::copy_if(detection().runs, std::back_inserter(sinks),
                       [](const Run& run) { return run.verdict == Verdict::kSink; });
  return sinks;
}

ScannedText ScannedText::under(const Thresholds& thresholds) const {
  check_kept(measured_by().floor, thresholds);
  auto parts = std::make_shared<Parts>(*parts_);
  parts->thresholds = thresholds;
  parts->detection = detect_by_evidence(figures(), thresholds);
  return ScannedText(std::move(parts));
}

std::vector<std::uint8_t> ScannedText::mask(std::string_view what) const {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(n_tokens()), 0);
  const auto mark = [&](int position) { mask[static_cast<std::size_t>(position)] = 1; };
  if (what == "eligible") {
    const EligiblePositions eligible = eligible_positions(figures(), primary());
    for (int position = eligible.begin; position < eligible.end; ++position) mark(position);
    return mask;
  }
  const bool all = what == "sinks";
  if (!all && std::ranges::none_of(kMaskKinds, [&](SinkKind kind) { return name_of(kind) == what; })) {
    throw Error(ErrorCode::kUsage, "mask: expected sinks, primary, primary_like, secondary, unaligned or eligible, got '" +
                                       std::string(what) + "'");
  }
  const auto is_asked = [&](SinkKind kind) { return all || name_of(kind) == what; };
  if (primary() && is_asked(SinkKind::kPrimary)) std::ranges::for_each(primary()->set, mark);
  for (const Run& run : sinks()) {
    if (is_asked(run.kind)) mark(run.position);
  }
  for (const SinkGroup& group : detection().groups) {
    if (group.verdict != Verdict::kSink) continue;
    if (all || (group.kind != SinkKind::kPrimary && is_asked(group.kind))) std::ranges::for_each(group.members, mark);
  }
  return mask;
}

std::vector<std::string> ScannedText::array_names() const {
  std::vector<std::string> names;
  if (parts_->file) {
    const std::lock_guard lock(parts_->file->in_use);
    for (const ProfileShape& shape : parts_->file->file.profile_shapes(parts_->ordinal)) names.push_back(shape.name);
  } else {
    for (const ProfileArray& array : parts_->document->profiles) names.push_back(array.name);
  }
  return names;
}

ArrayView ScannedText::array(std::string_view name) const {
  const std::vector<std::string> names = array_names();
  if (std::ranges::find(names, name) == names.end()) {
    const std::string got = names.empty() ? "none, since they were not kept" : joined(names);
    throw Error(ErrorCode::kUsage, "array '" + std::string(name) + "': expected one that was kept; there are: " + got);
  }
  if (parts_->file) {
    const std::lock_guard lock(parts_->file->in_use);
    auto read = std::make_shared<const ProfileArray>(parts_->file->file.profile(parts_->ordinal, std::string(name)));
    return {read->shape, read->values, read};
  }
  const ProfileArray& array = *std::ranges::find(parts_->document->profiles, name, &ProfileArray::name);
  return {array.shape, array.values, parts_->document};
}

}  // namespace sinkscope
