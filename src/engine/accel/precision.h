#pragma once

#include <string>
#include <string_view>

namespace sinkscope {

// Numbers in which weights and attention are multiplied.
enum class Precision {
  kAuto,    // the faster of bf16 and f32 on this processor; few rows stay as llama.cpp has them
  kBf16,    // factors rounded to bf16, float32 sums
  kF32,     // float32 products everywhere, for any number of rows: the reference
  kNative,  // llama.cpp as it is: activations rounded to 8 bits against quantised weights
};

// What a request for a precision came to on this machine.
struct ResolvedPrecision {
  Precision precision = Precision::kNative;  // never kAuto
  bool every_row = false;                    // also where fewer rows than pay for themselves
  std::string name = "native";               // "f32", "bf16", "native", or "auto-f32": f32 where it pays
  std::string why;                           // one line: which instructions, or what is missing
};

// throws  Error{kUsage} if bf16 is asked for and the processor has no instruction for it
ResolvedPrecision resolve_precision(Precision requested);

// "auto", "bf16", "f32" or "native".
std::string name_of(Precision precision);
// throws  Error{kUsage} if there is no precision of that name
Precision precision_of_name(std::string_view name);

}  // namespace sinkscope
