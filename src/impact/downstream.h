#pragma once

#include <span>
#include <vector>

#include "base/views.h"
#include "probe/observer.h"

namespace sinkscope {

// What an edit does to the states of other tokens after one block: means over tokens.
struct StateChange {
  double norm = 0;    // |h_edited| / |h| - 1
  double cosine = 1;  // of both
};

struct Downstream {
  int n = 0;                        // tokens
  std::vector<StateChange> layers;  // [n_layers]; empty without tokens
};

// So many tokens behind the first removed one the states of others are compared.
inline constexpr int kDownstreamDistance = 64;
// Bytes of unedited states that are kept, at most.
inline constexpr std::size_t kMostDownstreamBytes = std::size_t{32} << 20;

// Which tokens are compared: all from `first` + kDownstreamDistance on but those of `besides`; where their states are more
// than kMostDownstreamBytes, as many as fit, at equal distances.
//
// besides  ascending
// returns  ascending
std::vector<int> downstream_tokens(int first, int n_tokens, std::span<const int> besides, int n_layers, int d_model);

// Keeps states of some tokens after each block, in packs of one sequence.
class DownstreamStates final : public Observer {
 public:
  // tokens  ascending
  DownstreamStates(std::vector<int> tokens, int n_layers, int d_model);
  bool wants(ProbePoint point, int) override { return !tokens_.empty() && point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override;

  std::span<const int> tokens() const { return tokens_; }
  std::span<const float> state(int layer, std::size_t number) const {
    return states_.row(static_cast<std::size_t>(layer), number);
  }
  int n_layers() const { return static_cast<int>(states_.depth()); }

 private:
  std::vector<int> tokens_;
  Cube<float> states_;  // [n_layers, tokens, d_model]
};

// Compares the same tokens of an edited run with them.
class DownstreamChanges final : public Observer {
 public:
  // unedited  must outlive it
  explicit DownstreamChanges(const DownstreamStates& unedited);
  bool wants(ProbePoint point, int) override { return !unedited_.tokens().empty() && point == ProbePoint::kBlockOutput; }
  void on_state(const StateEvent& event) override;
  Downstream means() const;

 private:
  struct Sums {
    double norm = 0, cosine = 0;
  };
  const DownstreamStates& unedited_;
  std::vector<Sums> sums_;  // [n_layers]
};

}  // namespace sinkscope
