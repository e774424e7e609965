// llama.cpp's own forward pass, a scan of states only and the full scan, in turns on one loaded model. Tokens are made
// up, so the model needs no tokenizer that means anything.
//
//   gpu_turns MODEL n_ubatch n_gpu_layers repeats LENGTH...      a line of JSON for each length and kind of pass
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/gpu/device_traffic.h"
#include "engine/llama/model.h"
#include "engine/llama/plain_forward.h"
#include "scan/examine.h"

namespace {

using namespace sinkscope;

std::vector<TokenId> made_up(const Model& model, int n_tokens) {
  std::vector<TokenId> tokens;
  for (std::int64_t i = 0; static_cast<int>(tokens.size()) < n_tokens; ++i) {
    tokens.push_back(static_cast<TokenId>((i * 7919 + 13) % model.facts().n_vocab));
  }
  return tokens;
}

double free_gib() {
  std::size_t sum = 0;
  for (const GpuDevice& device : gpu_devices()) sum += device.free_bytes;
  return static_cast<double>(sum) / (1 << 30);
}

double ms_of(const auto& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void turns(Model& model, int n_tokens, int repeats) {
  const std::vector<TokenId> tokens = made_up(model, n_tokens);
  const Pack pack{{tokens}};
  ExamineOptions all, states;
  states.attention = false;

  const double free_before = free_gib();
  auto plain = std::make_unique<PlainForward>(model, tokens);
  plain->pass();
  const double plain_gib = free_before - free_gib();
  plain.reset();
  const double free_between = free_gib();
  examine(model, pack, all);
  const double scan_gib = free_between - free_gib();
  plain = std::make_unique<PlainForward>(model, tokens);
  plain->pass();
  examine(model, pack, states);

  std::vector<double> ms[3];
  gpu::DeviceTraffic traffic;
  for (int i = 0; i < repeats; ++i) {
    ms[0].push_back(ms_of([&] { plain->pass(); }));
    ms[1].push_back(ms_of([&] { examine(model, pack, states); }));
    const gpu::DeviceTraffic before = gpu::device_traffic();
    ms[2].push_back(ms_of([&] { examine(model, pack, all); }));
    traffic = {gpu::device_traffic().bytes_to_host - before.bytes_to_host, gpu::device_traffic().waits - before.waits};
  }
  const char* names[] = {"forward", "states", "scan"};
  const double forward = *std::min_element(ms[0].begin(), ms[0].end());
  for (int i = 0; i < 3; ++i) {
    std::sort(ms[i].begin(), ms[i].end());
    std::printf(
        "{\"pass\": \"%s\", \"n_tokens\": %d, \"n_ubatch\": %d, \"precision\": \"%s\", \"best_ms\": %.2f, "
        "\"median_ms\": %.2f, \"ratio\": %.3f",
        names[i], n_tokens, model.n_ubatch(), model.precision().c_str(), ms[i].front(), ms[i][ms[i].size() / 2],
        ms[i].front() / forward);
    if (i == 2) {
      std::printf(
          ", \"bytes_to_host_a_token_and_layer\": %.1f, \"waits\": %llu, \"forward_gib\": %.3f, "
          "\"scan_gib\": %.3f",
          static_cast<double>(traffic.bytes_to_host) / n_tokens / model.facts().n_layers,
          static_cast<unsigned long long>(traffic.waits), plain_gib, scan_gib);
    }
    std::printf("}\n");
  }
}

int run(int n, char** a) {
  if (n < 6) throw std::runtime_error("expected MODEL n_ubatch n_gpu_layers repeats LENGTH...");
  LoadOptions load;
  load.path = a[1];
  load.n_ubatch = std::stoi(a[2]);
  load.n_gpu_layers = std::stoi(a[3]);
  const std::unique_ptr<Model> model = load_model(load);
  for (int i = 5; i < n; ++i) turns(*model, std::stoi(a[i]), std::stoi(a[4]));
  return 0;
}

}  // namespace

int main(int n, char** arguments) {
  try {
    return run(n, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_turns: %s\n", error.what());
    return 1;
  }
}
