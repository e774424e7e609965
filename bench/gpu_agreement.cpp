// A scan on the GPU beside the same in float32 on the processor: how far the figures lie apart.
//
//   gpu_agreement MODEL n_tokens n_ubatch      of a model
//   gpu_agreement tiny FOLDER                  of a tiny model of each architecture, made in the folder
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/llama/model.h"
#include "measure/pack_meter.h"
#include "plant/tiny/tiny.h"

namespace {

using namespace sinkscope;

struct Distance {
  std::vector<double> of;
  template <typename A, typename B>
  void add(A first, B second, bool relative) {
    const auto a = static_cast<double>(first), b = static_cast<double>(second);
    if (std::isnan(a) && std::isnan(b)) return;  // not measured
    of.push_back(std::abs(a - b) / (relative ? std::abs(a) + 1e-9 : 1));
  }
  std::string text() {
    std::sort(of.begin(), of.end());
    if (of.empty()) return "-";
    char line[64];
    std::snprintf(line, sizeof line, "%.1e/%.1e/%.1e", of[of.size() / 2], of[of.size() * 99 / 100], of.back());
    return line;
  }
};

SequenceMeasurement measure(const std::string& path, const std::vector<TokenId>& tokens, int n_ubatch, bool on_gpu) {
  LoadOptions load;
  load.path = path;
  load.n_ctx = static_cast<int>(tokens.size());
  load.n_ubatch = n_ubatch;
  load.precision = Precision::kF32;
  if (!on_gpu) load.devices.names = {"none"};
  const std::unique_ptr<Model> model = load_model(load);
  const Pack pack{{tokens}};
  PackMeter meter(model->facts(), pack, MeterOptions{});
  model->run(pack, meter, RunOptions{});
  return std::move(meter.take().front());
}

void compare(const std::string& name, const std::string& path, const std::vector<TokenId>& tokens, int n_ubatch) {
  const SequenceMeasurement a = measure(path, tokens, n_ubatch, false), b = measure(path, tokens, n_ubatch, true);
  Distance norm, write, key, alignment, centred, read, score, far_score, gap, eviction, total;
  for (std::size_t l = 0; l < static_cast<std::size_t>(a.n_layers); ++l) {
    for (std::size_t t = 0; t < static_cast<std::size_t>(a.n_tokens); ++t) {
      norm.add(a.hidden_norm(l, t), b.hidden_norm(l, t), true);
      write.add(a.mlp_write_norm(l, t), b.mlp_write_norm(l, t), true);
      key.add(a.key_norm(l, t), b.key_norm(l, t), true);
      const std::size_t c = a.standing.front();
      if (b.alignment.holds(c)) {
        alignment.add(a.alignment(l, c, t), b.alignment(l, c, t), false);
        centred.add(a.centred_alignment(l, c, t), b.centred_alignment(l, c, t), false);
        read.add(a.read_alignment(l, c, t), b.read_alignment(l, c, t), false);
      }
      if (!a.has_attention[l]) continue;
      for (std::size_t h = 0; h < static_cast<std::size_t>(a.n_heads); ++h) {
        const double n = a.visible_queries(l, t), n_far = a.far_queries(l, t);
        score.add(static_cast<double>(a.attention_sum(l, h, t)) / n, static_cast<double>(b.attention_sum(l, h, t)) / n,
                  false);
        if (n_far < 64) continue;
        far_score.add(static_cast<double>(a.attention_far_sum(l, h, t)) / n_far,
                      static_cast<double>(b.attention_far_sum(l, h, t)) / n_far, false);
      }
    }
    if (!b.has_attention[l]) continue;
    for (std::size_t h = 0; h < static_cast<std::size_t>(b.heads_in_layer[l]); ++h) {
      double sum = b.learned_mass(l, h);
      for (std::size_t t = 0; t < static_cast<std::size_t>(a.n_tokens); ++t)
        sum += static_cast<double>(b.attention_sum(l, h, t));
      total.add(1, sum / a.n_tokens, false);
    }
  }
  if (a.watched == b.watched) {
    for (std::size_t l = 0; l < a.logit_gap_sum.depth(); ++l) {
      for (std::size_t w = 0; w < a.logit_gap_sum.rows(); ++w) {
        const double n = std::max(1, a.logit_gap_queries(l, w, 0));
        gap.add(a.logit_gap_sum(l, w, 0) / n, b.logit_gap_sum(l, w, 0) / n, false);
        for (std::size_t h = 0; h < a.eviction_cost.cols(); ++h) {
          if (a.eviction_cost(l, w, h) > 1e-3) eviction.add(a.eviction_cost(l, w, h), b.eviction_cost(l, w, h), true);
        }
      }
    }
  }
  std::printf(
      "A %s: norm %s, mlp write %s, key norm %s, alignment %s, centred %s, read %s, score %s, far score %s, gap %s, "
      "eviction %s, totals %s%s\n",
      name.c_str(), norm.text().c_str(), write.text().c_str(), key.text().c_str(), alignment.text().c_str(),
      centred.text().c_str(), read.text().c_str(), score.text().c_str(), far_score.text().c_str(), gap.text().c_str(),
      eviction.text().c_str(), total.text().c_str(), a.watched == b.watched ? "" : "; OTHER KEYS WATCHED");
  std::fflush(stdout);
}

int run(int n, char** a) {
  if (n == 3 && std::string(a[1]) == "tiny") {
    for (const std::string_view arch : tiny_archs()) {
      TinyOptions tiny;
      tiny.arch = arch;
      tiny.d_model = 256;
      tiny.d_ff = 512;
      tiny.sinks = {{4, '#', 150}};
      const std::string path = std::string(a[2]) + "/" + std::string(arch) + ".gguf";
      write_tiny_model(tiny, path);
      std::vector<TokenId> tokens{kTinyBos};
      for (int i = 0; i < 699; ++i) tokens.push_back(i % 50 == 20 ? '#' : (i * i * 7 + i) % 256);
      try {
        compare(std::string(arch), path, tokens, 256);
      } catch (const std::exception& error) {
        std::printf("A %s: %s\n", std::string(arch).c_str(), error.what());
      }
    }
    return 0;
  }
  if (n != 4) throw std::runtime_error("expected MODEL n_tokens n_ubatch, or tiny FOLDER");
  std::vector<TokenId> tokens;
  for (std::int64_t i = 0; static_cast<int>(tokens.size()) < std::stoi(a[2]); ++i) {
    tokens.push_back(static_cast<TokenId>((i * 7919 + 13) % 100000));
  }
  compare(a[1], a[1], tokens, std::stoi(a[3]));
  return 0;
}

}  // namespace

int main(int n, char** arguments) {
  try {
    return run(n, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_agreement: %s\n", error.what());
    return 1;
  }
}
