#include "tests/engine/edits/hand_masked_run.h"

#include <ggml-backend.h>
#include <ggml.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace sinkscope {

// Every node is asked for, so each is computed by itself.
bool HandMaskedRun::on_node(ggml_tensor* node, bool ask, void* self) {
  auto& run = *static_cast<HandMaskedRun*>(self);
  int layer = 0;
  if (std::sscanf(node->name, "kq_soft_max-%d", &layer) == 1) ask ? run.before(node, layer) : run.after(node, layer);
  if (!ask && std::sscanf(node->name, "l_out-%d", &layer) == 1) run.keep_output(node, layer);
  return true;
}

HandMaskedRun::HandMaskedRun(const std::string& path, const Pack& pack, int n_layers,
                             std::function<bool(int, int, int, int)> hides)
    : hides_(std::move(hides)) {
  sums.resize(static_cast<std::size_t>(n_layers));
  outputs.resize(static_cast<std::size_t>(n_layers));
  attention.resize(static_cast<std::size_t>(n_layers));
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model* model = llama_model_load_from_file(path.c_str(), llama_model_default_params());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 512;
  params.n_seq_max = static_cast<std::uint32_t>(pack.sequences.size());
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.swa_full = true;
  params.kv_unified = true;
  params.cb_eval = on_node;
  params.cb_eval_user_data = this;
  llama_context* context = llama_init_from_model(model, params);
  llama_batch batch = llama_batch_init(pack.n_tokens(), 0, 1);
  for (std::size_t s = 0; s < pack.sequences.size(); ++s) {
    for (std::size_t i = 0; i < pack.sequences[s].size(); ++i) {
      const int t = batch.n_tokens++;
      batch.token[t] = pack.sequences[s][i];
      batch.pos[t] = static_cast<llama_pos>(i);
      batch.n_seq_id[t] = 1;
      batch.seq_id[t][0] = static_cast<llama_seq_id>(s);
      batch.logits[t] = 1;
      sequence_.push_back(static_cast<int>(s));
      position_.push_back(static_cast<int>(i));
    }
  }
  EXPECT_EQ(llama_decode(context, batch), 0);
  llama_batch_free(batch);
  llama_free(context);
  llama_model_free(model);
}

void HandMaskedRun::before(ggml_tensor* node, int layer) {
  ggml_tensor* mask = node->src[1];
  ASSERT_NE(mask, nullptr);
  ASSERT_EQ(mask->type, GGML_TYPE_F32);
  ASSERT_TRUE(ggml_backend_buffer_is_host(mask->buffer));
  const auto* bytes = static_cast<const std::uint8_t*>(mask->data);
  mask_.assign(bytes, bytes + ggml_nbytes(mask));
  for (std::size_t query = 0; query < sequence_.size(); ++query) {
    auto* row = reinterpret_cast<float*>(static_cast<char*>(mask->data) + query * mask->nb[1]);
    for (std::size_t key = 0; key < sequence_.size(); ++key) {
      if (sequence_[key] != sequence_[query]) continue;
      if (hides_(layer, sequence_[key], position_[query], position_[key])) {
        row[key] = -std::numeric_limits<float>::infinity();
      }
    }
  }
}

void HandMaskedRun::after(ggml_tensor* node, int layer) {
  std::memcpy(node->src[1]->data, mask_.data(), mask_.size());
  const auto heads = static_cast<std::size_t>(node->ne[2]), n = sequence_.size();
  const auto at = static_cast<std::size_t>(layer);
  sums[at] = Matrix<double>(heads, n, 0.0);
  attention[at] = Cube<float>(heads, n, n);
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t query = 0; query < n; ++query) {
      const auto* row = reinterpret_cast<const float*>(static_cast<const char*>(node->data) + head * node->nb[2] +
                                                       query * node->nb[1]);
      for (std::size_t key = 0; key < n; ++key) {
        sums[at](head, key) += static_cast<double>(row[key]);
        attention[at](head, query, key) = row[key];
      }
    }
  }
}

void HandMaskedRun::keep_output(const ggml_tensor* node, int layer) {
  const auto width = static_cast<std::size_t>(node->ne[0]), n = sequence_.size();
  ASSERT_EQ(static_cast<std::size_t>(ggml_nelements(node)), width * n);
  Matrix<float>& to = outputs[static_cast<std::size_t>(layer)] = Matrix<float>(n, width);
  std::memcpy(to.data(), node->data, width * n * sizeof(float));
}

}  // namespace sinkscope
