#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// One reader of untrusted bytes.
struct FuzzTarget {
  std::string name;
  std::string reads;  // what, for --help
  // Reads the bytes. An Error of the input or the model is an answer; std::bad_alloc is one too. Anything else that
  // leaves it is a fault of ours.
  std::function<void(std::string_view bytes)> read;
  // Whole inputs, made by our own writers: where mutation begins.
  std::function<std::vector<std::string>()> seeds;
};

std::vector<FuzzTarget> text_targets();
std::vector<FuzzTarget> model_targets();
std::vector<FuzzTarget> store_targets();

// A file that holds these bytes while it lives, in memory.
class BytesFile {
 public:
  explicit BytesFile(std::string_view bytes);
  ~BytesFile();
  BytesFile(const BytesFile&) = delete;
  BytesFile& operator=(const BytesFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace sinkscope
