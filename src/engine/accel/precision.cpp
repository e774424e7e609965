#include "engine/accel/precision.h"

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

}  // namespace sinkscope
