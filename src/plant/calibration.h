#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "base/ids.h"
#include "plant/detector.h"
#include "probe/observer.h"

namespace sinkscope {

// Where a planted sink is wanted: every place of a token, or those only that follow one of some tokens.
struct SinkPlaces {
  TokenId token = -1;
  std::vector<TokenId> after;  // ascending; empty: everywhere

  // Places in the first 8 positions are nobody's: the primary may be there.
  bool wanted(std::span<const TokenId> sequence, int position) const;
  // The same token where no sink is wanted.
  bool unwanted(std::span<const TokenId> sequence, int position) const;
};

// What calibration must see of one layer.
struct LayerNeeds {
  int layer = 0;
  std::vector<SinkPlaces> sinks;
  std::vector<TokenId> directions;  // tokens whose mean state is a direction
};

// Vectors that were seen, at most so many: the first ones.
class KeptRows {
 public:
  KeptRows(std::size_t most, std::size_t width) : most_(most), width_(width) {}
  void add(std::span<const float> row) {
    if (n_ < most_) values_.insert(values_.end(), row.begin(), row.end());
    n_ = std::min(n_ + 1, most_);
  }
  MatrixView<const float> view() const { return {values_.data(), n_, width_}; }

 private:
  std::size_t most_, width_, n_ = 0;
  std::vector<float> values_;
};

// A mean of vectors, in double precision.
class MeanVector {
 public:
  explicit MeanVector(std::size_t width) : sum_(width, 0.0) {}
  void add(std::span<const float> row, double weight = 1);
  std::int64_t count() const { return count_; }
  std::vector<double> mean() const;
  std::vector<float> mean_floats() const;

 private:
  std::vector<double> sum_;
  std::int64_t count_ = 0;
};

struct SinkStatistics {
  MeanVector target;  // MLP inputs where the sink is wanted
  KeptRows targets;   // some of them
  KeptRows controls;  // MLP inputs of the same token where it is not
};

// What a calibration text shows of one layer.
struct LayerStatistics {
  NormalEquations equations;             // of all MLP inputs
  MeanVector inputs;                     // of those at later positions
  KeptRows sample;                       // some, evenly over the text
  std::vector<SinkStatistics> sinks;     // as in LayerNeeds
  std::vector<MeanVector> first;         // [kPrimaryCandidates] h_l of the first positions
  MeanVector ordinary;                   // unit vectors of h_l at later positions, so that no sink outweighs others
  std::map<TokenId, MeanVector> tokens;  // h_l of the tokens of LayerNeeds::directions
};

// Streams the states of calibration sequences into statistics; one sequence is one run.
//
// memory  per layer d_model^2 doubles and about 1200 vectors for the sample, targets and controls; nothing that
//         grows with the text
class Calibration : public Observer {
 public:
  // n_tokens  of all sequences together: sets how the sample is spread
  Calibration(std::span<const LayerNeeds> needs, int d_model, std::int64_t n_tokens);

  // Before each run: the sequence that is run next; it must outlive the run.
  void begin(std::span<const TokenId> sequence);
  const LayerStatistics& layer(int layer) const { return statistics_.at(layer); }

  bool wants(ProbePoint point, int layer) override;
  void on_state(const StateEvent& event) override;

 private:
  void on_mlp_input(const StateEvent& event, const LayerNeeds& needs, LayerStatistics& statistics);
  void on_block_output(const StateEvent& event, LayerStatistics& statistics);

  std::map<int, LayerNeeds> needs_;
  std::map<int, LayerStatistics> statistics_;
  std::span<const TokenId> sequence_;
  std::int64_t stride_;
};

// How often the sink is wanted in the sequences.
int count_places(const std::vector<std::vector<TokenId>>& sequences, const SinkPlaces& places);

// Chooses about half of a token's places by what comes before them: the most frequent predecessors, as many as cover
// half. The others are controls: the same token, no sink.
//
// throws  Error{kInput} if the token always follows one and the same token
struct ContextChoice {
  std::vector<TokenId> after, not_after;  // ascending
};
ContextChoice choose_context(const std::vector<std::vector<TokenId>>& sequences, TokenId token);

}  // namespace sinkscope
