#pragma once

#include <memory>

#include "engine/accel/device.h"

struct ggml_tensor;

namespace sinkscope::accel {

// The operations that the device computes itself. Made with oneDNN, or absent.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // Whether compute() takes the node. An operation of few rows is left to the CPU, unless every row counts.
  virtual bool takes(const ggml_tensor* node, const ResolvedPrecision& precision) const = 0;
  // Throws Error, or what a listener threw.
  virtual void compute(const ggml_tensor* node, int n_threads, AccelScope::State& scope) = 0;
};

// null  if this build has no oneDNN
std::unique_ptr<Kernels> make_kernels();

// Where the time of this thread went, as it decodes.
AccelTimes& times();

}  // namespace sinkscope::accel
