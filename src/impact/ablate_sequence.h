#pragma once

#include <span>
#include <vector>

#include "impact/ablation.h"

namespace sinkscope {

// What is removed of a sequence; empty if nothing is.
//
// throws  Error{kUsage} if a named token lies outside, is the primary, is named twice, or has layers outside the network
NamedSinks tokens_to_remove(const SequenceToAblate& sequence, const AblateRequest& request, int n_layers);

// Removes sinks of a sequence in every way that is asked for.
//
// Each variant is a run of its own with nothing beside it: so it is cut into micro-batches just as the unedited run,
// and an edit that changes nothing changes no bit of what is compared. In a pack, sums would be rounded by where a
// sequence lies in it.
//
// returns  [edits of the request]
// throws   Error{kModel} if the network lacks what an edit or effect needs; whatever Model::run throws
// cost     two passes, one more where both evict and others are asked for; and for each way 1 + n_draws passes, and one
//          more of a run that has new sinks
std::vector<SequenceAblation> ablate_sequence(Model& model, const SequenceToAblate& sequence, const NamedSinks& sinks,
                                              const AblateRequest& request);

}  // namespace sinkscope
