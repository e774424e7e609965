#pragma once

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "sinks/fields.h"
#include "store/records.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope::testing_samples {

inline LayerFigures layer_figures(std::mt19937& random, int n_layers) {
  LayerFigures figures(static_cast<std::size_t>(n_layers));
  for (auto& figure : figures) {
    if (random() % 4 != 0) figure = static_cast<float>(random() % 2000) / 64.0F - 10.0F;
  }
  return figures;
}

inline TokenProfile token_profile(std::mt19937& random, int n_layers, int position) {
  TokenProfile token;
  token.position = position;
  for (const auto& field : kTokenFields) token.*field.member = layer_figures(random, n_layers);
  for (int c = 0; c < position % 4; ++c) token.first_alignment.push_back(layer_figures(random, n_layers));
  return token;
}

inline bool same(const TokenProfile& a, const TokenProfile& b) {
  return a.position == b.position && a.first_alignment == b.first_alignment &&
         std::ranges::all_of(kTokenFields, [&](const auto& field) { return a.*field.member == b.*field.member; });
}

inline bool same(const Matrix<float>& a, const Matrix<float>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  return std::equal(a.data(), a.data() + a.rows() * a.cols(), b.data());
}

template <typename T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}

inline bool same(const SequenceFigures& a, const SequenceFigures& b) {
  return a.n_layers == b.n_layers && a.n_tokens == b.n_tokens && a.prompt_tokens == b.prompt_tokens &&
         a.min_distance == b.min_distance && a.n_watch_overflow == b.n_watch_overflow && a.candidate == b.candidate &&
         std::ranges::all_of(kSequenceFields, [&](const auto& field) { return a.*field.member == b.*field.member; }) &&
         same(a.first_positions, b.first_positions) && same(a.self_cosine, b.self_cosine) && same(a.tokens, b.tokens);
}

// Figures of n_tokens tokens, of which every fifth was kept.
inline SequenceFigures sequence_figures(unsigned seed, int n_layers, int n_tokens) {
  std::mt19937 random(seed);
  SequenceFigures figures;
  figures.n_layers = n_layers;
  figures.n_tokens = n_tokens;
  figures.prompt_tokens = n_tokens / 4;
  figures.min_distance = 64;
  figures.n_watch_overflow = 2;
  if (n_tokens > 1) figures.candidate = 1;
  for (int t = 0; t < std::min(kPrimaryCandidates, n_tokens); ++t) {
    figures.first_positions.push_back(token_profile(random, n_layers, t));
    figures.candidates.push_back(t);
    Matrix<float> cosine(static_cast<std::size_t>(n_layers), static_cast<std::size_t>(n_layers), 1.0F);
    for (std::size_t r = 0; r < cosine.rows(); ++r) {
      for (std::size_t c = 0; c < r; ++c) cosine(r, c) = cosine(c, r) = static_cast<float>(random() % 100) / 128.0F;
    }
    figures.self_cosine.push_back(cosine);
  }
  for (int t = kPrimaryCandidates; t < n_tokens; t += 5) {
    figures.tokens.push_back(token_profile(random, n_layers, t));
  }
  for (const auto& field : kSequenceFields) figures.*field.member = layer_figures(random, n_layers);
  return figures;
}

inline ModelRecord model_record(int n_layers = 5) {
  ModelRecord model;
  model.facts.name = "Tiny Test";
  model.facts.arch = "llama";
  model.facts.type = "llama 1M F32";
  model.facts.path = "/some/where/tiny.gguf";
  model.facts.n_layers = n_layers;
  model.facts.d_model = 64;
  model.facts.n_vocab = 1000;
  model.facts.n_ctx_train = 2048;
  model.facts.n_heads.assign(static_cast<std::size_t>(n_layers), 4);
  model.facts.n_kv_heads.assign(static_cast<std::size_t>(n_layers), 2);
  model.facts.n_heads_max = 4;
  model.facts.bos = 1;
  model.facts.adds_bos = true;
  model.sha256 = std::string(64, 'a');
  model.lacking.push_back({2, "residual between attention and MLP", "the block is parallel"});
  return model;
}

inline ProgramRun program_run() {
  return {"2025-01-01T00:00:00Z", "0.1.0", "b1", "g++ 12", "scan -m tiny.gguf", "f32", "avx2", 2};
}

// Document number `number`: its tokens, figures and id follow from the number.
inline ScannedDocument document_record(int number, int n_layers = 5, int n_tokens = 40) {
  ScannedDocument record;
  record.figures = sequence_figures(static_cast<unsigned>(number), n_layers, n_tokens);
  record.tokens.push_back(1);
  for (int t = 1; t < n_tokens; ++t) record.tokens.push_back(2 + (number * 7 + t * 13) % 900);
  for (const TokenId token : record.tokens) record.token_bytes.push_back(" t" + std::to_string(token));
  record.origins.push_back({"corpus.jsonl", "doc-" + std::to_string(number), number + 1, {}, 0});
  return record;
}

}  // namespace sinkscope::testing_samples
