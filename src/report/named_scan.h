#pragma once

#include <string>

#include "store/scan_file.h"

namespace sinkscope {

// A results file with the name that reports call it by.
struct NamedScan {
  std::string name;
  const ScanFile* file = nullptr;
};

}  // namespace sinkscope
