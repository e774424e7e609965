#include "engine/llama/two_step_load.h"

#include <utility>

#include "engine/llama/vocabulary.h"

namespace sinkscope {
namespace {

constexpr std::uint64_t kSmallBytes = std::uint64_t{2} << 30;

bool is_quick(const ModelFile& file, const LoadOptions& options) {
  return file.n_weight_bytes() <= kSmallBytes && !file.is_split() && options.rpc_servers.empty();
}

}  // namespace

TwoStepLoad::TwoStepLoad(ModelFile file, LoadOptions options) : file_(std::move(file)), options_(std::move(options)) {
  if (is_quick(file_, options_)) {
    model_ = load_model(file_, options_);
    vocabulary_ = &model_->vocabulary();
  } else {
    loaded_ = load_vocabulary(file_);
    vocabulary_ = loaded_.get();
  }
}

std::unique_ptr<Model> TwoStepLoad::take_model() {
  return model_ ? std::move(model_) : load_model(file_, options_, std::move(loaded_));
}

}  // namespace sinkscope
