#pragma once

#include <string>

#include "report/judged.h"

namespace sinkscope {

// A document's block: its tokens, the figures of its primary and sinks by layer, quantiles over its other tokens by
// layer where profiles were kept, and with detail all of its layers x tokens maps.
std::string document_block(const JudgedDocument& judged, bool detail);

}  // namespace sinkscope
