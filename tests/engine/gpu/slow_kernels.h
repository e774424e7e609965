#pragma once

namespace sinkscope {

// Has late devices (late_device.h) use kernels of our own, which do what engine/gpu/kernels.h says: slowly, in double.
// For the models that are loaded as long as this lives.
class SlowKernelsInUse {
 public:
  SlowKernelsInUse();
  ~SlowKernelsInUse();
  SlowKernelsInUse(const SlowKernelsInUse&) = delete;
  SlowKernelsInUse& operator=(const SlowKernelsInUse&) = delete;

  // How often they were asked since.
  static int n_column_sums();
  static int n_states();
};

}  // namespace sinkscope
