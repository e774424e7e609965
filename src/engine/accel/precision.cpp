#include "engine/accel/precision.h"

#include "base/error.h"

namespace sinkscope {

std::string name_of(Precision precision) {
  switch (precision) {
    case Precision::kAuto:
      return "auto";
    case Precision::kBf16:
      return "bf16";
    case Precision::kF32:
      return "f32";
    case Precision::kNative:
      return "native";
  }
  return "unknown";
}

Precision precision_of_name(std::string_view name) {
  for (const Precision precision : {Precision::kAuto, Precision::kBf16, Precision::kF32, Precision::kNative}) {
    if (name == name_of(precision)) return precision;
  }
  throw Error(ErrorCode::kUsage, "precision: expected auto, bf16, f32 or native, got " + std::string(name));
}

}  // namespace sinkscope
