#include "api/names.h"

#include "base/utf8.h"

namespace sinkscope {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      break;
    case ErrorCode::kShape:
      return "shape";
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kInput:
      return "input";
    case ErrorCode::kModel:
      return "model";
    case ErrorCode::kOutput:
      return "output";
    case ErrorCode::kInterrupted:
      return "interrupted";
  }
  return "internal";
}

SinkKind sink_kind_from_name(std::string_view name) {
  for (const SinkKind kind :
       {SinkKind::kPrimary, SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned}) {
    if (name_of(kind) == name) return kind;
  }
  throw Error(ErrorCode::kUsage, "kind of a sink: expected primary, primary_like, secondary or unaligned, got '" +
                                     std::string(name) + "'");
}

std::string utf8_text(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) text += piece.code ? piece.bytes : std::string_view("\uFFFD");
  return text;
}

}  // namespace sinkscope
