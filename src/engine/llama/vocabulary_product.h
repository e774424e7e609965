#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/views.h"
#include "engine/accel/precision.h"

struct ggml_backend;
struct ggml_cgraph;
struct ggml_tensor;

namespace sinkscope {

// The end of a network: from states after the final norm to logits. It is read from the network's own graph, and
// computed apart from it, for as many rows as one asks for: within the network it would make n_vocab numbers for each
// token of a micro-batch.
class VocabularyProduct {
 public:
  // graph  of one micro-batch; the weights that it names must outlive this
  VocabularyProduct(ggml_cgraph* graph, const ResolvedPrecision& precision, int n_threads);
  ~VocabularyProduct();

  // As Model::next_token_logits. In the precision of the network, on the processor.
  //
  // throws  Error{kModel} if the network's end is made of anything but products, sums and scales with weights in host
  //         memory, and a soft cap; if states have another width
  void compute(MatrixView<const float> states, Matrix<float>& logits);

 private:
  // One operation on what came before.
  struct Step {
    int op;
    std::vector<std::uint8_t> op_params;
    ggml_tensor* weight;  // the other factor or term; null: none
  };

  void read(ggml_cgraph* graph);

  ResolvedPrecision precision_;
  int n_threads_;
  std::vector<Step> steps_;
  std::string unknown_;  // what of the network's end is not known; empty: nothing
  std::int64_t width_ = 0;
  struct BackendDeleter {
    void operator()(ggml_backend* backend) const;
  };
  std::unique_ptr<ggml_backend, BackendDeleter> backend_;
};

}  // namespace sinkscope
