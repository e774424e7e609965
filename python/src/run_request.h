#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "open_model.h"

namespace sinkscope::python {

// What is told of documents: (done, total, what).
using Told = std::function<void(std::int64_t, std::int64_t, const std::string&)>;

// The caller's function, called with Python's lock.
inline Told told(const nb::object& progress) {
  if (progress.is_none()) return {};
  return [&progress](std::int64_t done, std::int64_t total, const std::string& what) {
    const nb::gil_scoped_acquire acquired;
    progress(done, total, what);
  };
}

template <typename Request>
void set_run(Request& request, const NamedThresholds& thresholds, const nb::object& progress) {
  request.thresholds = thresholds_from(thresholds);
  request.run.should_stop = stops_for_signals;
  request.on_progress = told(progress);
}

}  // namespace sinkscope::python
