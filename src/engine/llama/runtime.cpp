#include "engine/llama/runtime.h"

#include <ggml.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <atomic>
#include <cstdio>
#include <mutex>
#include <utility>

#include "engine/llama/model.h"

namespace sinkscope {
namespace {

std::mutex log_mutex;
std::string last_error;
std::atomic<bool> log_verbose{false};

void keep_errors(ggml_log_level level, const char* text, void*) {
  if (log_verbose) std::fputs(text, stderr);
  if (level != GGML_LOG_LEVEL_ERROR) return;
  std::lock_guard lock(log_mutex);
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  // Of several lines the first names the cause; those after it only say that the call failed.
  if (last_error.empty()) last_error = line;
}

// The C library would serve ever larger arrays from the heap, whose holes it cannot give back.
void serve_large_arrays_by_pages() {
#ifdef __GLIBC__
  constexpr int kLargeBytes = 256 << 10;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
#endif
}

}  // namespace

void start_llama() {
  static std::once_flag once;
  std::call_once(once, [] {
    serve_large_arrays_by_pages();
    llama_log_set(keep_errors, nullptr);
    llama_backend_init();
  });
}

std::string take_llama_error() {
  std::lock_guard lock(log_mutex);
  return std::exchange(last_error, {});
}

void set_llama_verbose(bool verbose) { log_verbose = verbose; }

void set_fatal_handler(void (*handler)(const char*)) { ggml_set_abort_callback(handler); }

}  // namespace sinkscope
