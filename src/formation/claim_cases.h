#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "formation/explain_sequence.h"
#include "formation/explanation.h"

namespace sinkscope {

// The runs of a kind that claim 2 asks about, as far as figures tell.
std::vector<NormCase> norm_cases(const ScannedSequence& sequence, std::span<const std::uint8_t> sees_all, SinkKind kind,
                                 const ExplainOptions& options);

// What claim 1 asks about the explained runs of a kind.
std::vector<FormationCase> formation_cases(const SequenceExplanation& explanation, int sequence, SinkKind kind);

// The primary's profile, for claim 3; nothing if the sequence has secondary sinks.
std::optional<PrimaryCase> primary_case(const ScannedSequence& sequence, std::span<const std::uint8_t> sees_all,
                                        int number);

}  // namespace sinkscope
