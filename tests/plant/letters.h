#pragma once

#include <memory>
#include <random>
#include <string>

#include "engine/llama/model.h"
#include "plant/planter.h"
#include "plant/tiny/tiny.h"

namespace sinkscope {

inline constexpr TokenId kPlanted = 'q';

// Letters at random for tiny models, after BOS; the planted one about every fortieth.
inline Sequences letters(unsigned seed, int n_sequences, int length) {
  std::mt19937 random(seed);
  Sequences sequences;
  for (int s = 0; s < n_sequences; ++s) {
    auto& sequence = sequences.emplace_back(1, kTinyBos);
    while (static_cast<int>(sequence.size()) < length) {
      const auto draw = static_cast<TokenId>(random() % 40);
      sequence.push_back(draw == 0 ? kPlanted : 'A' + draw % 32);
    }
  }
  return sequences;
}

inline std::unique_ptr<Model> load_tiny(const std::string& path) {
  LoadOptions options;
  options.path = path;
  options.n_ctx = 1024;
  options.runtime.n_threads = 1;  // a second thread costs a tiny model more than it gives
  return load_model(options);
}

}  // namespace sinkscope
