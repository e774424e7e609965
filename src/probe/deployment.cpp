#include "probe/deployment.h"

namespace sinkscope {

const std::vector<std::string>& cache_type_names() {
  static const std::vector<std::string> names = {"f32",  "f16",    "bf16", "q8_0", "q4_0",
                                                 "q4_1", "iq4_nl", "q5_0", "q5_1"};
  return names;
}

}  // namespace sinkscope
