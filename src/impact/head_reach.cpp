#include "impact/head_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/index.h"
#include "impact/head_reach_store.h"
#include "probe/observer.h"

namespace sinkscope {
namespace {

// Sums of attention beyond a streaming head's tokens, of packs of one sequence that run with min_distance = recent_size:
// far queries of a key are those that have it outside their last recent_size tokens.
class ReachSums final : public Observer {
 public:
  ReachSums(const ModelFacts& facts, int sink_size)
      : sink_size_(index(sink_size)), sums_(index(facts.n_layers), index(facts.n_kv_heads.front())) {}

  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override {
    const int group = event.n_heads / event.n_kv_heads;
    for (int head = 0; head < event.n_heads; ++head) {
      double sum = 0;
      const auto far = event.far_sums.row(index(head));
      for (std::size_t key = sink_size_; key < far.size(); ++key) sum += static_cast<double>(far[key]);
      sums_(index(event.layer), index(head / group)) += sum / group;
    }
  }
  Matrix<double> take() { return std::move(sums_); }  // [n_layers, n_kv_heads]

 private:
  std::size_t sink_size_;
  Matrix<double> sums_;
};

void check_network(const ModelFacts& facts) {
  for (int layer = 0; layer < facts.n_layers; ++layer) {
    if (!facts.has_attention[index(layer)]) {
      throw Error(ErrorCode::kModel, fmt::format("duo: expected a network that shows its attention in every block, got "
                                                 "one that does not in block {}", layer));
    }
    if (const int n = facts.n_kv_heads[index(layer)]; n != facts.n_kv_heads.front()) {
      throw Error(ErrorCode::kModel, fmt::format("duo: expected as many KV heads in every block, as the file is a table; "
                                                 "got {} in block 0 and {} in block {}",
                                                 facts.n_kv_heads.front(), n, layer));
    }
  }
}

}  // namespace

std::int64_t n_reach_queries(const HeadReachRequest& request, std::int64_t n_tokens) {
  return n_tokens - request.sink_size - request.recent_size;
}

HeadReach measure_head_reach(Model& model, std::int64_t n_sequences,
                             const std::function<SequenceToAblate(std::int64_t)>& load,
                             const HeadReachRequest& request, HeadReachStore& store) {
  const ModelFacts& facts = model.facts();
  check_network(facts);
  std::vector<std::int64_t> ordinals;
  for (std::int64_t i = 0; i < n_sequences; ++i) {
    if (request.max_documents && std::ssize(ordinals) >= *request.max_documents) break;
    if (n_reach_queries(request, std::ssize(load(i).tokens)) >= kMinReachQueries) ordinals.push_back(i);
  }
  if (ordinals.empty()) {
    throw Error(ErrorCode::kInput, fmt::format("duo: expected a sequence of {} tokens or more, got none of {}; try a "
                                               "smaller --recent-size or --sink-size, or longer texts",
                                               std::int64_t{request.sink_size} + request.recent_size + kMinReachQueries,
                                               n_sequences));
  }
  HeadReach reach;
  reach.sink_size = request.sink_size;
  reach.recent_size = request.recent_size;
  reach.beyond = Matrix<double>(index(facts.n_layers), index(facts.n_kv_heads.front()));
  const std::string specification = reach_specification(request);
  RunOptions run;
  run.min_distance = request.recent_size;
  run.should_stop = request.should_stop;
  for (const std::int64_t ordinal : ordinals) {
    if (request.on_progress) request.on_progress(reach.n_sequences, std::ssize(ordinals), "heads: sequences");
    std::optional<SequenceReach> one = store.find(specification, ordinal);
    if (!one) {
      const std::vector<TokenId> tokens = load(ordinal).tokens;
      ReachSums sums(facts, request.sink_size);
      model.run({{tokens}}, sums, run);
      one = SequenceReach{n_reach_queries(request, std::ssize(tokens)), sums.take()};
      store.add(specification, ordinal, *one);
    }
    if (one->sums.rows() != reach.beyond.rows() || one->sums.cols() != reach.beyond.cols()) {
      throw Error(ErrorCode::kInput, fmt::format("duo: what is stored of sequence {} is of another model; the file is damaged", ordinal));
    }
    for (std::size_t i = 0; i < reach.beyond.rows() * reach.beyond.cols(); ++i) {
      reach.beyond.data()[i] += one->sums.data()[i];
    }
    ++reach.n_sequences;
    reach.n_queries += one->n_queries;
  }
  for (std::size_t i = 0; i < reach.beyond.rows() * reach.beyond.cols(); ++i) {
    double& value = reach.beyond.data()[i];
    value = std::clamp(value / static_cast<double>(reach.n_queries), 0.0, 1.0);
  }
  return reach;
}

}  // namespace sinkscope
