#pragma once

#include <string>
#include <vector>

#include "base/views.h"
#include "plant/neuron.h"
#include "plant/readings.h"
#include "plant/truth.h"
#include "probe/observer.h"

namespace sinkscope {

// Sees what the planted neurons really write in a text: a detector is never perfect, so some places of its token get
// less than was asked for, and similar tokens get something. What was written is the truth that a report is held
// against.
class WriteMeter : public Observer {
 public:
  // planted  path of the planted model, whose neurons are read
  // throws   Error{kModel} if it cannot be read, Error{kInput} if the truth names neurons that it has not
  WriteMeter(const std::string& planted, const PlantTruth& truth);

  void begin(int n_tokens);
  // [n_sinks, n_tokens] norm that the sink's neuron wrote in the last text. With a post-norm, an estimate: as much of
  // the norm asked for as of a full write.
  const Matrix<float>& written() const { return written_; }

  bool wants(ProbePoint point, int layer) override;
  void on_state(const StateEvent& event) override;

 private:
  struct Neuron {
    int layer = 0;
    double norm = 0;
    Activation activation = Activation::kSilu;
    PlantedNeuron weights;
  };
  std::vector<Neuron> neurons_;
  Matrix<float> written_;
};

// What was written at a position, to the median norm of ordinary tokens in that text and layer; 0 where that is not
// defined.
double written_ratio(const Matrix<float>& written, std::size_t sink, int layer, int position,
                     const SequenceReading& reading);

}  // namespace sinkscope
