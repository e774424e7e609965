#include "formation/decision.h"

#include <Eigen/Dense>
#include <algorithm>
#include <map>

#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/random.h"

namespace sinkscope {
namespace {

Eigen::Map<const Eigen::VectorXf> row_vector(std::span<const float> row) {
  return {row.data(), static_cast<Eigen::Index>(row.size())};
}

// MemberSums over the members of some sets.
struct MemberSums {
  Eigen::VectorXd sum, squares;
  double n = 0;

  explicit MemberSums(std::size_t d) : sum(Eigen::VectorXd::Zero(static_cast<Eigen::Index>(d))), squares(sum) {}
  void add(std::span<const float> row) {
    const Eigen::VectorXd values = row_vector(row).cast<double>();
    sum += values;
    squares += values.cwiseAbs2();
    n += 1;
  }
};

class NearestMean {
 public:
  explicit NearestMean(std::span<const DecisionSet> sets) : sets_(sets), all_(sets.front().members.cols()) {
    for (const DecisionSet& set : sets) {
      MemberSums& of_sequence = by_sequence_.try_emplace(set.sequence, set.members.cols()).first->second;
      for (std::size_t member = 0; member < set.members.rows(); ++member) {
        of_sequence.add(set.members.row(member));
        all_.add(set.members.row(member));
      }
    }
  }

  std::size_t n_sequences() const { return by_sequence_.size(); }

  // chosen  [n_sets] the member of each set that is taken for its sink
  double auc(std::span<const std::size_t> chosen) const {
    MemberSums sinks(sets_.front().members.cols());
    std::map<int, MemberSums> sinks_of;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      const auto row = sets_[s].members.row(chosen[s]);
      sinks.add(row);
      sinks_of.try_emplace(sets_[s].sequence, row.size()).first->second.add(row);
    }
    std::map<int, Eigen::VectorXd> direction;
    for (const auto& [sequence, own] : by_sequence_) direction[sequence] = away_from(own, sinks, sinks_of.at(sequence));
    double won = 0, pairs = 0;
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      const Eigen::VectorXd& along = direction.at(sets_[s].sequence);
      const auto score = [&](std::size_t member) {
        return row_vector(sets_[s].members.row(member)).cast<double>().dot(along);
      };
      const double of_sink = score(chosen[s]);
      for (std::size_t member = 0; member < sets_[s].members.rows(); ++member) {
        if (member == chosen[s]) continue;
        const double other = score(member);
        won += of_sink > other ? 1 : of_sink == other ? 0.5 : 0;
        pairs += 1;
      }
    }
    return won / pairs;
  }

 private:
  // (mean of sinks - mean of controls) / variance, without one sequence.
  Eigen::VectorXd away_from(const MemberSums& own, const MemberSums& sinks, const MemberSums& own_sinks) const {
    const double n = all_.n - own.n, n_sinks = sinks.n - own_sinks.n;
    const Eigen::VectorXd sum = all_.sum - own.sum, of_sinks = sinks.sum - own_sinks.sum;
    const Eigen::VectorXd mean = sum / n, mean_square = (all_.squares - own.squares) / n;
    const Eigen::VectorXd variance = mean_square - mean.cwiseAbs2();
    const Eigen::VectorXd difference = of_sinks / n_sinks - (sum - of_sinks) / (n - n_sinks);
    Eigen::VectorXd along = Eigen::VectorXd::Zero(difference.size());
    for (Eigen::Index c = 0; c < along.size(); ++c) {
      if (variance(c) > 1e-10 * mean_square(c)) along(c) = difference(c) / variance(c);
    }
    return along;
  }

  std::span<const DecisionSet> sets_;
  MemberSums all_;
  std::map<int, MemberSums> by_sequence_;
};

}  // namespace

Discrimination discriminate(std::span<const DecisionSet> sets, int n_draws, std::uint64_t seed) {
  Discrimination result;
  if (sets.empty()) return result;
  const NearestMean score(sets);
  if (score.n_sequences() < 2) return result;
  std::vector<std::size_t> chosen(sets.size(), 0);
  result.auc = score.auc(chosen);
  std::vector<double> null;
  int as_large = 0;
  for (int draw = 0; draw < n_draws; ++draw) {
    RandomStream random(seed, static_cast<std::uint64_t>(draw));
    for (std::size_t s = 0; s < sets.size(); ++s) chosen[s] = random.below(sets[s].members.rows());
    null.push_back(score.auc(chosen));
    if (null.back() >= *result.auc - 1e-12) ++as_large;
  }
  if (null.empty()) return result;
  std::ranges::sort(null);
  result.null_p50 = sorted_quantile(null, 0.5);
  result.null_p95 = sorted_quantile(null, 0.95);
  result.p = static_cast<double>(1 + as_large) / (1 + n_draws);
  return result;
}

}  // namespace sinkscope
