#include "engine/llama/llama_library.h"

#include <ggml.h>

#include <cstdio>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "engine/llama/fatal_signals.h"
#include "engine/memory/pages_on_demand.h"

namespace sinkscope {
namespace {

// llama.cpp's log has no address but the process. It logs on the thread that called it, so what a caller asks about is
// kept by thread, and two models on two threads do not read each other's errors.
thread_local std::string last_error;
thread_local bool log_verbose = false;

void keep_errors(ggml_log_level level, const char* text, void*) {
  if (log_verbose) std::fputs(text, stderr);
  if (level != GGML_LOG_LEVEL_ERROR) return;
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  // Of several lines the first names the cause; those after it only say that the call failed.
  if (last_error.empty()) last_error = line;
  remember_last_words(line.c_str());
}

// A portable build's llama.cpp asks for what x86-64-v3 has; without this check it would end in SIGILL.
void check_processor() {
#ifdef SINKSCOPE_PORTABLE
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && __builtin_cpu_supports("bmi2") != 0) {
    return;
  }
  throw Error(ErrorCode::kModel, "this build: expected a processor with AVX2, FMA and BMI2 (x86-64-v3, since 2013), got "
                                 "an older one; build sinkscope on this machine: pip install . in its repository");
#endif
}

}  // namespace

void start_llama() {
  static std::once_flag once;
  std::call_once(once, [] {
    check_processor();
    llama_log_set(keep_errors, nullptr);
    const PagesOnDemand prepared;  // it changes ggml, which no other thread uses yet
    llama_backend_init();
  });
}

std::string take_llama_error() { return std::exchange(last_error, {}); }

LlamaLogScope::LlamaLogScope(bool verbose) : before_(std::exchange(log_verbose, verbose)) {}
LlamaLogScope::~LlamaLogScope() { log_verbose = before_; }

}  // namespace sinkscope
