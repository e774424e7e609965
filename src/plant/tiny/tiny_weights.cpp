#include "plant/tiny/tiny_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <utility>

namespace sinkscope {
namespace {

// Reserved channels of the residual stream; the marks of the sinks' bytes follow.
constexpr int kAxis = 0;
constexpr int kEqual = 1;
constexpr int kMarkBos = 2;

constexpr float kEqualValue = 2;  // of ordinary tokens, beside channels of variance 1
constexpr float kMarkValue = 8;
constexpr float kSinkLogit = 7;     // of a sink against 0 of an ordinary token: about half of the mass of 1000 keys
constexpr float kQueryPeak = 4;     // what the equal channel gives to a query's last dimension before its norm
constexpr float kWrite = 0.3F;      // scale of what attention and MLP write: the stream grows slowly
constexpr float kPostGain = 0.15F;  // the same behind a post-norm
constexpr float kReachable = 800;   // norm that a post-norm lets an MLP write along the axis
constexpr float kGate = 6;          // gate of a neuron that sees its mark

std::uint64_t hash_of(std::string_view text) {  // FNV-1a, so that a tensor's numbers depend on its name only
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

double silu(double x) { return x / (1 + std::exp(-x)); }

class Weights {
 public:
  Weights(const TinyArch& arch, const TinyOptions& options)
      : arch_(arch),
        options_(options),
        d_model_(options.d_model),
        head_dim_(options.d_model / options.n_heads),
        reserved_(options.primary ? 3 + static_cast<int>(options.sinks.size()) : 0) {}

  std::vector<NewGgufTensor> make() && {
    embeddings();
    for (int layer = 0; layer < options_.n_layers; ++layer) {
      prefix_ = fmt::format("blk.{}.", layer);
      norms(layer);
      arch_.latent ? latent_attention() : attention();
      const bool with_experts = arch_.experts && !(arch_.shared_expert && layer == 0);
      with_experts ? experts(layer) : dense_mlp(layer);
    }
    return std::move(tensors_);
  }

 private:
  // A tensor of normal numbers; the reference holds until the next call.
  NewGgufTensor& random(const std::string& name, std::vector<std::int64_t> shape, float deviation) {
    NewGgufTensor tensor{name, std::move(shape), kGgufF32, {}};
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= size;
    tensor.values.resize(static_cast<std::size_t>(count));
    std::mt19937_64 bits(options_.seed * 0x9E3779B97F4A7C15ULL ^ hash_of(name));
    const auto uniform = [&] { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; };
    for (float& value : tensor.values) {  // Box-Muller: the standard's own distribution differs between libraries
      const double radius = std::sqrt(-2 * std::log(uniform()));
      value = deviation * static_cast<float>(radius * std::cos(2 * std::numbers::pi * uniform()));
    }
    tensors_.push_back(std::move(tensor));
    return tensors_.back();
  }
  NewGgufTensor& constant(const std::string& name, std::int64_t size, float value) {
    tensors_.push_back({name, {size}, kGgufF32, std::vector<float>(static_cast<std::size_t>(size), value)});
    return tensors_.back();
  }
  static float& at(NewGgufTensor& matrix, std::int64_t row, std::int64_t col) {
    return matrix.values[static_cast<std::size_t>(row * matrix.shape.back() + col)];
  }
  static void clear_row(NewGgufTensor& matrix, std::int64_t row) {
    for (std::int64_t col = 0; col < matrix.shape.back(); ++col) at(matrix, row, col) = 0;
  }
  static std::int64_t rows_of(const NewGgufTensor& matrix) {
    return static_cast<std::int64_t>(matrix.values.size()) / matrix.shape.back();
  }

  // A matrix that reads the residual stream: of no reserved channel.
  NewGgufTensor& reader(const std::string& name, std::vector<std::int64_t> outer) {
    outer.push_back(d_model_);
    NewGgufTensor& matrix = random(prefix_ + name, std::move(outer), 1 / std::sqrt(static_cast<float>(d_model_)));
    for (std::int64_t row = 0; row < rows_of(matrix); ++row) {
      for (int c = 0; c < reserved_; ++c) at(matrix, row, c) = 0;
    }
    return matrix;
  }
  // One that writes to it: to no reserved channel. `blocks` matrices [d_model, n_inputs], one below the other.
  NewGgufTensor& writer(const std::string& name, int blocks, std::int64_t n_inputs) {
    std::vector<std::int64_t> shape = {d_model_, n_inputs};
    if (blocks > 1) shape.insert(shape.begin(), blocks);
    NewGgufTensor& matrix = random(prefix_ + name, std::move(shape), kWrite / std::sqrt(static_cast<float>(n_inputs)));
    for (int block = 0; block < blocks; ++block) {
      for (int c = 0; c < reserved_; ++c) clear_row(matrix, static_cast<std::int64_t>(block) * d_model_ + c);
    }
    return matrix;
  }

  void embeddings() {
    const float scale = arch_.scaled_embedding ? 1 / std::sqrt(static_cast<float>(d_model_)) : 1.0F;
    NewGgufTensor& embedding = random("token_embd.weight", {kTinyVocab, d_model_}, scale);
    for (int token = 0; token < kTinyVocab && reserved_ > 0; ++token) {
      for (int c = 0; c < reserved_; ++c) at(embedding, token, c) = 0;
      at(embedding, token, kEqual) = kEqualValue * scale;
    }
    if (reserved_ > 0) at(embedding, kTinyBos, kMarkBos) = kMarkValue * scale;
    for (std::size_t s = 0; s < options_.sinks.size(); ++s) {
      at(embedding, options_.sinks[s].byte, mark_of(s)) = kMarkValue * scale;
    }
    random("output.weight", {kTinyVocab, d_model_}, 1 / std::sqrt(static_cast<float>(d_model_)));
    constant("output_norm.weight", d_model_, 1);
    if (arch_.layer_norm) {
      constant("output_norm.bias", d_model_, 0);
      random("output.bias", {kTinyVocab}, 0.1F);
    }
  }

  void norms(int layer) {
    if (arch_.pre_norm) constant(prefix_ + "attn_norm.weight", d_model_, 1);
    if (arch_.layer_norm) constant(prefix_ + "attn_norm.bias", d_model_, 0);
    if (arch_.pre_norm && !arch_.layer_norm) {
      constant(prefix_ + (arch_.learned_sinks ? "post_attention_norm.weight" : "ffn_norm.weight"), d_model_, 1);
    }
    if (arch_.post_norm) {
      constant(prefix_ + "post_attention_norm.weight", d_model_, kPostGain);
      NewGgufTensor& gain = constant(prefix_ + "post_ffw_norm.weight", d_model_, kPostGain);
      // An active neuron saturates the norm, so the gain alone sets how much it writes.
      if (reserved_ > 0) gain.values[kAxis] = saturated_norm(layer) / std::sqrt(static_cast<float>(d_model_));
    }
  }

  void attention() {
    const std::int64_t q_rows = options_.n_heads * head_dim_, kv_rows = options_.n_kv_heads * head_dim_;
    NewGgufTensor q = take(reader("attn_q.weight", {q_rows}));
    NewGgufTensor k = take(reader("attn_k.weight", {kv_rows}));
    NewGgufTensor v = take(reader("attn_v.weight", {kv_rows}));
    const bool normed = arch_.head_norm || arch_.whole_norm;
    // The last dimension of a head turns least under RoPE: there queries carry the equal channel, keys the axis.
    const float key_peak = std::sqrt(static_cast<float>(d_model_));
    const float head = static_cast<float>(head_dim_);
    const float key_weight = normed ? 1.0F : kSinkLogit * std::sqrt(head) / (kQueryPeak * key_peak);
    for (int h = 0; h < options_.n_heads && reserved_ > 0; ++h) {
      const std::int64_t row = static_cast<std::int64_t>(h) * head_dim_ + head_dim_ - 1;
      clear_row(q, row);
      at(q, row, kEqual) = kQueryPeak / kEqualValue;
    }
    for (int h = 0; h < options_.n_kv_heads && reserved_ > 0; ++h) {
      const std::int64_t row = static_cast<std::int64_t>(h) * head_dim_ + head_dim_ - 1;
      clear_row(k, row);
      at(k, row, kAxis) = key_weight;
    }
    if (arch_.qkv_bias) {
      random(prefix_ + "attn_q.bias", {q_rows}, 0.1F);
      NewGgufTensor& bias = random(prefix_ + "attn_k.bias", {kv_rows}, 0.1F);
      for (std::int64_t i = head_dim_ - 1; i < kv_rows && reserved_ > 0; i += head_dim_) {
        bias.values[static_cast<std::size_t>(i)] = 0;
      }
      // A bias of the values would give every sink a value of its own.
      constant(prefix_ + "attn_v.bias", kv_rows, 0);
    }
    if (normed) {
      const float q_normed = kQueryPeak / std::sqrt((head - 1 + kQueryPeak * kQueryPeak) / head);
      const float gain = reserved_ > 0 ? std::sqrt(kSinkLogit / q_normed) : 1.0F;
      qk_gain("attn_q_norm.weight", arch_.whole_norm ? q_rows : head_dim_, gain);
      qk_gain("attn_k_norm.weight", arch_.whole_norm ? kv_rows : head_dim_, gain);
    }
    if (arch_.fused_qkv) {
      NewGgufTensor fused{prefix_ + "attn_qkv.weight", {q_rows + 2 * kv_rows, d_model_}, kGgufF32, {}};
      for (const auto* part : {&q, &k, &v}) {
        fused.values.insert(fused.values.end(), part->values.begin(), part->values.end());
      }
      tensors_.push_back(std::move(fused));
    } else {
      for (auto* part : {&q, &k, &v}) tensors_.push_back(std::move(*part));
    }
    writer("attn_output.weight", 1, q_rows);
    if (arch_.layer_norm || arch_.learned_sinks) constant(prefix_ + "attn_output.bias", d_model_, 0);
    if (arch_.learned_sinks) random(prefix_ + "attn_sinks.weight", {options_.n_heads}, 1.0F);
  }

  void latent_attention() {
    const std::int64_t nope = head_dim_, rank = kTinyLatentRank;
    const float deviation = 1 / std::sqrt(static_cast<float>(rank));
    NewGgufTensor& q_a = reader("attn_q_a.weight", {rank});
    if (reserved_ > 0) {
      clear_row(q_a, 0);
      at(q_a, 0, kEqual) = kQueryPeak / kEqualValue;
    }
    constant(prefix_ + "attn_q_a_norm.weight", rank, 1);
    const float width = static_cast<float>(rank);
    const float q_normed = kQueryPeak / std::sqrt((width - 1 + kQueryPeak * kQueryPeak) / width);
    const float scale = std::sqrt(static_cast<float>(nope + kTinyRopeDims));
    NewGgufTensor& q_b =
        random(prefix_ + "attn_q_b.weight", {options_.n_heads * (nope + kTinyRopeDims), rank}, deviation);
    for (int h = 0; h < options_.n_heads && reserved_ > 0; ++h) {
      const std::int64_t row = h * (nope + kTinyRopeDims);
      clear_row(q_b, row);
      at(q_b, row, 0) = kSinkLogit * scale / (q_normed * std::sqrt(width));
    }
    NewGgufTensor& kv_a = reader("attn_kv_a_mqa.weight", {rank + kTinyRopeDims});
    if (reserved_ > 0) {
      clear_row(kv_a, 0);
      at(kv_a, 0, kAxis) = 1;
    }
    constant(prefix_ + "attn_kv_a_norm.weight", rank, 1);
    NewGgufTensor& k_b = random(prefix_ + "attn_k_b.weight", {options_.n_heads, rank, nope}, deviation);
    for (int h = 0; h < options_.n_heads && reserved_ > 0; ++h) {
      clear_row(k_b, h * rank);
      for (std::int64_t r = 0; r < rank; ++r) at(k_b, h * rank + r, 0) = r == 0 ? 1.0F : 0.0F;
    }
    NewGgufTensor& v_b = random(prefix_ + "attn_v_b.weight", {options_.n_heads, head_dim_, rank}, deviation);
    for (std::int64_t row = 0; row < rows_of(v_b) && reserved_ > 0; ++row) at(v_b, row, 0) = 0;
    writer("attn_output.weight", 1, options_.n_heads * static_cast<std::int64_t>(head_dim_));
  }

  void dense_mlp(int layer) {
    const std::int64_t d_ff = options_.d_ff;
    if (arch_.layer_norm) {
      NewGgufTensor& up = reader("ffn_up.weight", {d_ff});
      for_neurons(layer, [&](std::int64_t neuron, int mark, float) { detect(up, neuron, mark, 2 * kGate); });
      // LayerNorm moves an ordinary token's mark a little off 0; the bias keeps its neuron silent all the same.
      NewGgufTensor& bias = constant(prefix_ + "ffn_up.bias", d_ff, 0);
      for_neurons(layer,
                  [&](std::int64_t neuron, int, float) { bias.values[static_cast<std::size_t>(neuron)] = -kGate; });
      write_neurons(writer("ffn_down.weight", 1, d_ff), 1, layer, kGate);
      constant(prefix_ + "ffn_down.bias", d_model_, 0);
      return;
    }
    gated(layer, "", arch_.fused_gate_up, 1, d_ff);
  }

  void experts(int layer) {
    const std::int64_t d_ff = options_.d_ff / 2;
    reader("ffn_gate_inp.weight", {kTinyExperts});
    if (arch_.shared_expert) {
      // The routed experts' weights do not add up to 1 there: the shared one holds the neurons.
      reader("ffn_gate_exps.weight", {kTinyExperts, d_ff});
      reader("ffn_up_exps.weight", {kTinyExperts, d_ff});
      writer("ffn_down_exps.weight", kTinyExperts, d_ff);
      gated(layer, "_shexp", false, 1, d_ff);
      return;
    }
    gated(layer, "_exps", false, kTinyExperts, d_ff);
    if (!arch_.learned_sinks) return;
    random(prefix_ + "ffn_gate_inp.bias", {kTinyExperts}, 0.1F);
    for (const char* name : {"ffn_gate_exps.bias", "ffn_up_exps.bias"}) {
      tensors_.push_back({prefix_ + name,
                          {kTinyExperts, d_ff},
                          kGgufF32,
                          std::vector<float>(static_cast<std::size_t>(kTinyExperts * d_ff), 0.0F)});
    }
    tensors_.push_back({prefix_ + "ffn_down_exps.bias",
                        {kTinyExperts, d_model_},
                        kGgufF32,
                        std::vector<float>(static_cast<std::size_t>(kTinyExperts * d_model_), 0.0F)});
  }

  // Gate, up and down of `blocks` MLPs (experts), with the layer's sink neurons in each.
  void gated(int layer, const std::string& suffix, bool fused, int blocks, std::int64_t d_ff) {
    const auto outer = [&](std::int64_t rows) {
      return blocks > 1 ? std::vector<std::int64_t>{blocks, rows} : std::vector<std::int64_t>{rows};
    };
    if (fused) {
      NewGgufTensor& both = reader("ffn_up" + suffix + ".weight", outer(2 * d_ff));
      for_neurons(layer, [&](std::int64_t neuron, int mark, float) {
        detect(both, neuron, mark, kGate);
        detect(both, d_ff + neuron, mark, 1);
      });
    } else {
      for (const auto& [name, weight] : {std::pair{"ffn_gate", kGate}, std::pair{"ffn_up", 1.0F}}) {
        NewGgufTensor& matrix = reader(name + suffix + ".weight", outer(d_ff));
        for_neurons(layer, [&](std::int64_t neuron, int mark, float) {
          for (int block = 0; block < blocks; ++block) detect(matrix, block * d_ff + neuron, mark, weight);
        });
      }
    }
    // gpt-oss: gate * sigmoid(1.702 gate) * (up + 1); else act(gate) * up.
    const double active =
        arch_.learned_sinks ? 2 * kGate / (1 + std::exp(-1.702 * kGate)) : (arch_.gelu ? kGate : silu(kGate));
    write_neurons(writer("ffn_down" + suffix + ".weight", blocks, d_ff), blocks, layer, static_cast<float>(active));
  }

  int mark_of(std::size_t sink) const { return kMarkBos + 1 + static_cast<int>(sink); }

  // Calls do_it(neuron, mark, norm) for each sink that this layer makes.
  template <typename Do>
  void for_neurons(int layer, const Do& do_it) const {
    if (reserved_ == 0) return;
    if (layer == options_.primary_layer) do_it(0, kMarkBos, options_.primary_norm);
    for (std::size_t s = 0; s < options_.sinks.size(); ++s) {
      if (options_.sinks[s].layer == layer) do_it(static_cast<std::int64_t>(s) + 1, mark_of(s), options_.sinks[s].norm);
    }
  }
  // A row that gives `weight` for a token that has the mark, 0 for all others.
  void detect(NewGgufTensor& matrix, std::int64_t row, int mark, float weight) const {
    const float d = static_cast<float>(d_model_);
    const float rest = d - static_cast<float>(reserved_) + kEqualValue * kEqualValue;
    const float rms = std::sqrt((rest + kMarkValue * kMarkValue) / d);
    clear_row(matrix, row);
    at(matrix, row, mark) = weight / (arch_.pre_norm ? kMarkValue / rms : kMarkValue);
  }
  void write_neurons(NewGgufTensor& down, int blocks, int layer, float active) const {
    for_neurons(layer, [&](std::int64_t neuron, int, float norm) {
      const float amplitude = arch_.post_norm ? 1000 : norm / active;
      for (int block = 0; block < blocks; ++block) {
        for (std::int64_t row = 0; row < d_model_; ++row) {
          at(down, block * static_cast<std::int64_t>(d_model_) + row, neuron) = row == kAxis ? amplitude : 0.0F;
        }
      }
    });
  }
  float saturated_norm(int layer) const {
    float largest = 0;
    for_neurons(layer, [&](std::int64_t, int, float norm) { largest = std::max(largest, norm); });
    return largest > 0 ? largest : kReachable;
  }
  void qk_gain(const std::string& name, std::int64_t size, float gain) {
    NewGgufTensor& gains = constant(prefix_ + name, size, 1);
    for (std::int64_t i = head_dim_ - 1; i < size; i += head_dim_) gains.values[static_cast<std::size_t>(i)] = gain;
  }
  NewGgufTensor take(NewGgufTensor& tensor) {
    NewGgufTensor taken = std::move(tensor);
    tensors_.pop_back();
    return taken;
  }

  const TinyArch& arch_;
  const TinyOptions& options_;
  int d_model_, head_dim_, reserved_;
  std::string prefix_;
  std::vector<NewGgufTensor> tensors_;
};

}  // namespace

std::vector<NewGgufTensor> tiny_weights(const TinyArch& arch, const TinyOptions& options) {
  return Weights(arch, options).make();
}

}  // namespace sinkscope
