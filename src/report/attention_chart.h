#pragma once

#include "report/chart.h"
#include "report/options.h"
#include "sinks/attention_shares.h"

namespace sinkscope {

// Who takes the attention of a document, by block: the primary, each kind of sink that it has, and all other tokens, one
// upon the other. Without panels where no attention was measured.
//
// rule  what the kinds are called by: see kind_name
Chart attention_chart(const AttentionShares& shares, Rule rule);

}  // namespace sinkscope
