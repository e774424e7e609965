#include "report/data/output_file.h"

#include <unistd.h>

#include <iostream>

#include "base/whole_file.h"

namespace sinkscope {

void write_output(const std::string& path, const std::function<void(std::ostream&)>& write) {
  if (path == "-") {
    std::cout.flush();
    write_stream(STDOUT_FILENO, "standard output", write);
  } else {
    write_whole_file(path, path, write);
  }
}

}  // namespace sinkscope
