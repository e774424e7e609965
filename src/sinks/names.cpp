#include "sinks/detection.h"

namespace sinkscope {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSink:
      return "sink";
    case Verdict::kAlignedOnly:
      return "aligned_only";
    case Verdict::kTransient:
      return "transient";
    case Verdict::kUnscored:
      return "unscored";
  }
  return "unknown";
}

std::string_view name_of(SinkKind kind) {
  switch (kind) {
    case SinkKind::kPrimary:
      return "primary";
    case SinkKind::kPrimaryLike:
      return "primary_like";
    case SinkKind::kSecondary:
      return "secondary";
    case SinkKind::kUnaligned:
      return "unaligned";
  }
  return "unknown";
}

}  // namespace sinkscope
