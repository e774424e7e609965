#pragma once

namespace sinkscope {

// What the engine may change of the process that it runs in. All is off by default: a library leaves the process of
// others alone. A program that does nothing else turns all of it on.
struct ProcessTuning {
  // The C library serves arrays of 256 KiB and more by pages of their own, which are given back when an array is freed;
  // otherwise it keeps ever larger holes. Holds for all of the process, for good; glibc only.
  bool large_arrays_by_pages = false;
  // After the first micro-batch of a model, pages of code and freed memory that only starting up needed are given back:
  // some 20 MiB. Code that runs again is read again.
  bool release_start_up_pages = false;
  // Called with llama.cpp's message when it is about to end the process, which it does on some broken models, and with
  // a line of ours when a fatal signal comes while it is at work. The handler must not return to ordinary work: print a
  // line and _exit, no more. Null: llama.cpp prints its message and aborts, and signals are left alone.
  void (*on_fatal)(const char* message) = nullptr;
};

// How models run in this process. A value, which is passed with LoadOptions: there is no global one.
struct Runtime {
  ProcessTuning tuning;
  int n_threads = 0;  // of each model; 0: default_threads()
};

// Applies what holds for the process as a whole; load_model does it too. Repeating it changes nothing.
void apply(const ProcessTuning& tuning);

}  // namespace sinkscope
