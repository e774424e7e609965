#include "gguf/mlp_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

// The activation is no part of a model file; llama.cpp's graphs have it.
constexpr std::array<std::pair<std::string_view, Activation>, 25> kActivations = {{
    {"llama", Activation::kSilu},     {"qwen2", Activation::kSilu},    {"qwen3", Activation::kSilu},
    {"phi3", Activation::kSilu},      {"olmo2", Activation::kSilu},    {"glm4", Activation::kSilu},
    {"olmo", Activation::kSilu},      {"qwen", Activation::kSilu},     {"mistral3", Activation::kSilu},
    {"internlm2", Activation::kSilu}, {"minicpm", Activation::kSilu},  {"exaone", Activation::kSilu},
    {"exaone4", Activation::kSilu},   {"granite", Activation::kSilu},  {"smollm3", Activation::kSilu},
    {"chatglm", Activation::kSilu},   {"baichuan", Activation::kSilu}, {"xverse", Activation::kSilu},
    {"command-r", Activation::kSilu}, {"cohere2", Activation::kSilu},  {"stablelm", Activation::kSilu},
    {"deepseek2", Activation::kSilu}, {"gemma", Activation::kGelu},    {"gemma2", Activation::kGelu},
    {"gemma3", Activation::kGelu},
}};

}  // namespace

MlpLayout mlp_layout(const GgufFile& file, int layer) {
  const auto refuse = [&](const std::string& what, const std::string& advice) {
    throw Error(ErrorCode::kModel,
                fmt::format("planting in layer {}: expected a gated MLP; got {}; {}", layer, what, advice));
  };
  const std::string prefix = fmt::format("blk.{}.", layer);
  const std::string arch = file.metadata().text("general.architecture").value_or("");
  if (file.metadata().integer("split.count").value_or(1) > 1) {
    refuse("one part of a split model", "merge the parts with llama.cpp's gguf-split");
  }
  for (const char* name : {"ffn_gate_inp.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight"}) {
    if (file.find(prefix + name) != nullptr) refuse("experts", "choose a layer or a model without them");
  }
  const auto known =
      std::find_if(kActivations.begin(), kActivations.end(), [&](const auto& a) { return a.first == arch; });
  if (known == kActivations.end()) {
    refuse(fmt::format("architecture '{}', whose activation is not known", arch), "use a model of a known family");
  }
  MlpLayout layout;
  layout.layer = layer;
  layout.activation = known->second;
  layout.up = prefix + "ffn_up.weight";
  layout.down = prefix + "ffn_down.weight";
  layout.gate = file.find(prefix + "ffn_gate.weight") != nullptr ? prefix + "ffn_gate.weight" : layout.up;
  const GgufTensor* gate = file.find(layout.gate);
  const GgufTensor* up = file.find(layout.up);
  const GgufTensor* down = file.find(layout.down);
  if (up == nullptr || down == nullptr) {
    const auto n_blocks = file.metadata().integer(arch + ".block_count").value_or(0);
    refuse(fmt::format("no such matrices, and {} blocks", n_blocks), "choose a layer that the model has");
  }
  for (const char* bias : {"ffn_gate.bias", "ffn_up.bias"}) {
    if (file.find(prefix + bias) != nullptr) refuse("biases of gate or up", "use a model without them");
  }
  layout.d_model = static_cast<int>(up->cols());
  layout.d_ff = static_cast<int>(down->cols());
  const std::int64_t rows = (layout.fused() ? 2 : 1) * static_cast<std::int64_t>(layout.d_ff);
  if (up->rows() != rows || gate->rows() != rows || gate->cols() != up->cols() || down->rows() != up->cols()) {
    refuse(fmt::format("gate {}x{}, up {}x{}, down {}x{}", gate->rows(), gate->cols(), up->rows(), up->cols(),
                       down->rows(), down->cols()),
           "use a model whose MLP has a gate");
  }
  const std::string post_norm = prefix + "post_ffw_norm.weight";
  if (const GgufTensor* gain = file.find(post_norm)) {
    if (gain->n_elements() != layout.d_model) refuse("a post-norm of another width", "fetch the model again");
    layout.post_norm = post_norm;
  }
  return layout;
}

std::vector<float> tensor_floats(const GgufFile& file, const std::string& name) {
  const GgufTensor* tensor = file.find(name);
  if (tensor == nullptr) {
    throw Error(ErrorCode::kModel, fmt::format("model '{}': expected tensor '{}'; it has none", file.path(), name));
  }
  return file.to_floats(*tensor);
}

double activate(Activation activation, double x) {
  if (activation == Activation::kSilu) return x / (1 + std::exp(-x));
  const double inner = std::sqrt(2 / std::numbers::pi) * x * (1 + 0.044715 * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

}  // namespace sinkscope
