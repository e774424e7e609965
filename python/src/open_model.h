#pragma once

#include <mutex>
#include <optional>

#include "binding.h"

namespace sinkscope::python {

// Asked before each micro-batch on the thread that scans, which then holds no lock of Python's.
inline bool stops_for_signals() {
  const nb::gil_scoped_acquire acquired;
  if (PyErr_CheckSignals() != 0) nb::raise_python_error();
  return false;
}

// A scanner that several threads of Python may call: one at a time.
class OpenModel {
 public:
  OpenModel(const LoadOptions& load, ScanSettings settings) {
    settings.should_stop = stops_for_signals;
    settings.on_progress = [this](const ScanProgress& progress) {
      if (!progress_) return;
      const nb::gil_scoped_acquire acquired;
      (*progress_)(progress);
    };
    scanner_.emplace(load, std::move(settings));
  }

  const Scanner& scanner() const { return *scanner_; }

  // Calls what uses the scanner without Python's lock, and with this model's.
  //
  // progress  is told of scans; None: nobody
  template <typename Call>
  auto use(const nb::object& progress, const Call& call) {
    return without_gil([&] {
      const std::lock_guard lock(in_use_);
      progress_ = progress.is_none() ? nullptr : &progress;
      return call(*scanner_);
    });
  }

 private:
  std::mutex in_use_;
  const nb::object* progress_ = nullptr;  // of the call that is at work
  std::optional<Scanner> scanner_;
};

// Adds explain and ablate to it.
void add_analyses(nb::module_& module, nb::class_<OpenModel>& type);
// Adds protect, detector and head_reach.
void add_protection(nb::module_& module, nb::class_<OpenModel>& type);

}  // namespace sinkscope::python
