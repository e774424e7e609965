#include "impact/token_effect.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/index.h"
#include "base/parallel.h"

namespace sinkscope {
namespace {

constexpr int kRowsAtOnce = 64;
constexpr int kBeyond = std::numeric_limits<int>::max();
constexpr std::array<std::pair<int, int>, kDistanceRanges> kDistances = {{{1, 1}, {2, 4}, {5, 16}, {17, 64}, {65, 256}, {257, kBeyond}}};

double log_sum_exp(std::span<const float> logits) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - largest));
  return static_cast<double>(largest) + std::log(sum);
}

// Sums over tokens; means at the end.
struct Sums {
  int n = 0;
  double loss = 0, kl = 0;
  void add(double more_loss, double more_kl) {
    ++n;
    loss += more_loss;
    kl += more_kl;
  }
};

struct RunSums {
  Sums all;
  double loss_base = 0;
  std::array<Sums, kDistances.size()> by_distance;

  TokenEffect means() const {
    TokenEffect effect;
    effect.n = all.n;
    if (all.n > 0) {
      effect.loss_base = loss_base / all.n;
      effect.loss = all.loss / all.n;
      effect.kl = all.kl / all.n;
    }
    for (std::size_t i = 0; i < kDistances.size(); ++i) {
      const auto& [first, last] = kDistances[i];
      const Sums& sums = by_distance[i];
      DistanceEffect at{first, last == kBeyond ? std::nullopt : std::optional(last), sums.n, {}, {}};
      if (sums.n > 0) at.loss = sums.loss / sums.n, at.kl = sums.kl / sums.n;
      effect.by_distance.push_back(at);
    }
    return effect;
  }
};

// What one token's predictions are in two runs.
struct Prediction {
  double loss_base, loss, kl;
};

// The last removed token at or before t; its distance, or nothing.
std::optional<int> distance_to(std::span<const int> removed, int t) {
  const auto after = std::ranges::upper_bound(removed, t);
  if (after == removed.begin()) return std::nullopt;
  return t - *(after - 1);
}

}  // namespace

void FinalStates::on_final_states(int first_token, MatrixView<const float> states) {
  if (states_.empty()) states_ = Matrix<float>(index(n_tokens_), states.cols());
  for (std::size_t row = 0; row < states.rows(); ++row) {
    std::ranges::copy(states.row(row), states_.row(index(first_token) + row).begin());
  }
}

std::vector<float> next_token_losses(Model& model, std::span<const TokenId> tokens, const Matrix<float>& states,
                                     const std::function<bool()>& should_stop) {
  const int end = static_cast<int>(tokens.size()) - 1;
  std::vector<float> losses(index(std::max(end, 0)));
  Matrix<float> logits;
  for (int from = 0; from < end; from += kRowsAtOnce) {
    if (should_stop && should_stop()) throw Error(ErrorCode::kInterrupted, "stopped while losses were computed");
    const int n = std::min(kRowsAtOnce, end - from);
    model.next_token_logits(states.view().middle_rows(index(from), index(n)), logits);
    parallel_for(n, model.n_threads(), [&](std::int64_t i, int) {
      const auto row = logits.row(index(i));
      const std::size_t token = index(from) + index(i);
      losses[token] = static_cast<float>(log_sum_exp(row) - static_cast<double>(row[index(tokens[token + 1])]));
    });
  }
  return losses;
}

std::vector<TokenEffect> token_effects(Model& model, std::span<const TokenId> tokens, int first,
                                       const Matrix<float>& unedited, std::span<const EditedStates> edited,
                                       const std::function<bool()>& should_stop) {
  const int end = static_cast<int>(tokens.size()) - 1;  // the last token's next one is not known
  std::vector<RunSums> sums(edited.size());
  Matrix<float> base, other, probability;
  std::vector<double> base_log_sum(kRowsAtOnce);
  std::vector<Prediction> predictions(kRowsAtOnce);
  for (int from = first; from < end; from += kRowsAtOnce) {
    if (should_stop && should_stop()) throw Error(ErrorCode::kInterrupted, "stopped while predictions were compared");
    const int n = std::min(kRowsAtOnce, end - from);
    const auto next = [&](std::int64_t i) { return index(tokens[index(from) + index(i) + 1]); };
    model.next_token_logits(unedited.view().middle_rows(index(from), index(n)), base);
    if (probability.empty()) probability = Matrix<float>(base.rows(), base.cols());  // no later part has more rows
    parallel_for(n, model.n_threads(), [&](std::int64_t i, int) {
      const auto row = base.row(index(i));
      const double log_sum = base_log_sum[index(i)] = log_sum_exp(row);
      std::ranges::transform(row, probability.row(index(i)).begin(),
                             [&](float logit) { return std::exp(logit - static_cast<float>(log_sum)); });
    });
    for (std::size_t run = 0; run < edited.size(); ++run) {
      model.next_token_logits(edited[run].states.view().middle_rows(index(from), index(n)), other);
      // KL = sum of p (log p - log p'), where log p = logit - log of the sum of exp(logit).
      parallel_for(n, model.n_threads(), [&](std::int64_t i, int) {
        const auto before = base.row(index(i)), after = other.row(index(i)), p = probability.row(index(i));
        const double log_sum = log_sum_exp(after);
        double difference = 0;
        for (std::size_t v = 0; v < p.size(); ++v) {
          difference += static_cast<double>(p[v]) * (static_cast<double>(before[v]) - static_cast<double>(after[v]));
        }
        const double loss_base = base_log_sum[index(i)] - static_cast<double>(before[next(i)]);
        const double loss = log_sum - static_cast<double>(after[next(i)]);
        predictions[index(i)] = {loss_base, loss, difference + log_sum - base_log_sum[index(i)]};
      });
      for (int i = 0; i < n; ++i) {
        const Prediction& at = predictions[index(i)];
        sums[run].all.add(at.loss - at.loss_base, at.kl);
        sums[run].loss_base += at.loss_base;
        const auto distance = distance_to(edited[run].removed, from + i);
        for (std::size_t d = 0; distance && d < kDistances.size(); ++d) {
          if (*distance < kDistances[d].first || *distance > kDistances[d].second) continue;
          sums[run].by_distance[d].add(at.loss - at.loss_base, at.kl);
        }
      }
    }
  }
  std::vector<TokenEffect> effects;
  for (const RunSums& run : sums) effects.push_back(run.means());
  return effects;
}

}  // namespace sinkscope
