#pragma once

#include "base/views.h"
#include "probe/model.h"

namespace sinkscope {

// What a layer's MLP adds to the residual stream for any inputs, computed by the network's own graph: the rows are put
// where the MLP reads, and its write is read.
//
// inputs   [n, d_model] as the MLP reads them: behind the norm before it, where there is one
// returns  [n, d_model] behind a norm after it, where there is one
// throws   Error{kUsage} if there is no such layer; Error{kShape} if the inputs have another width; Error{kModel} if
//          the layer has no MLP, or its input cannot be changed; whatever Model::run throws
// cost     one forward pass of n tokens
Matrix<float> run_mlp(Model& model, int layer, MatrixView<const float> inputs, const RunOptions& options);

}  // namespace sinkscope
