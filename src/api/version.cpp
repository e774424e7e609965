#include "api/version.h"

namespace sinkscope {

std::string library_version() { return SINKSCOPE_VERSION; }

std::string compiler_version() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace sinkscope
