#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <string>

namespace sinkscope {

// SHA-256 of a model's file; of a split model, of its parts' digests in order.
//
// cache   folder of digests known already, by path, size, time of change and inode; empty: none. A digest is kept
//         only if the file was still for two seconds before and did not change while it was read. A cache that
//         cannot be read or written costs time and nothing else
// should_stop  asked for each megabyte; may be empty
// throws  Error{kModel} if the file cannot be read; Error{kInterrupted} if should_stop said so
// cost    about a second a gigabyte the first time
std::string model_sha256(const std::string& path, const std::filesystem::path& cache,
                         const std::function<bool()>& should_stop = {});

// A model's digest that is made while the model loads. What ends before it is asked for ends the work too.
class ModelDigest {
 public:
  ModelDigest(const std::string& path, const std::filesystem::path& cache);
  ~ModelDigest() { stopped_ = true; }
  ModelDigest(const ModelDigest&) = delete;
  ModelDigest& operator=(const ModelDigest&) = delete;

  // Waits for it; call it once.
  //
  // throws  as model_sha256
  std::string get() { return digest_.get(); }

 private:
  std::atomic<bool> stopped_{false};
  std::future<std::string> digest_;  // ends first
};

}  // namespace sinkscope
