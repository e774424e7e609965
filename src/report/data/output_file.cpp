#include "report/data/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "base/whole_file.h"

namespace sinkscope {

void write_output(const std::string& path, const std::function<void(std::ostream&)>& write) {
  if (path == "-") {
    std::cout.flush();
    write_stream(STDOUT_FILENO, "standard output", write);
    return;
  }
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
    write_whole_file(path, path, write);
    return;
  }
  // A pipe or a device is written as it is; a folder fails here.
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) throw_unwritable(path, errno);
  try {
    write_stream(descriptor, path, write);
  } catch (...) {
    close(descriptor);
    throw;
  }
  close(descriptor);
}

}  // namespace sinkscope
