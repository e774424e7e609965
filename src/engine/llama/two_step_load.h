#pragma once

#include <memory>

#include "engine/llama/model.h"

namespace sinkscope {

// Loads a model in two steps: its vocabulary, with which texts are tokenised, then the model. So what is wrong with a
// text is found before weights cost anything.
//
// The weights of a small file cost next to nothing, since they are mapped: it is loaded whole in the first step. Of a
// large or split one, and where RPC servers take part, the vocabulary comes first, and is not built again.
class TwoStepLoad {
 public:
  // The first step.
  //
  // throws  as load_model
  TwoStepLoad(ModelFile file, LoadOptions options);

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  // The second step; call it once. The vocabulary is then the model's.
  //
  // throws  as load_model
  std::unique_ptr<Model> take_model();

 private:
  ModelFile file_;
  LoadOptions options_;
  std::unique_ptr<Model> model_;
  std::shared_ptr<const Vocabulary> loaded_;  // where the first step loaded no model
  const Vocabulary* vocabulary_ = nullptr;
};

}  // namespace sinkscope
