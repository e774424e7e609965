// Against SciPy, scikit-learn, statsmodels and lifelines: tests/data/statistics/make.py computed reference.json once.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/statistics/components.h"
#include "base/statistics/discrimination.h"
#include "base/statistics/intervals.h"
#include "base/statistics/ranks.h"
#include "base/statistics/several_tests.h"
#include "base/statistics/survival.h"

namespace sinkscope {
namespace {

constexpr double kExact = 1e-9;  // both sides compute in double; orders of additions differ

const nlohmann::json& reference() {
  static const nlohmann::json read =
      nlohmann::json::parse(std::ifstream(std::string(SINKSCOPE_TEST_DATA) + "/statistics/reference.json"));
  return read;
}

std::vector<double> numbers(const char* name) { return reference().at(name).get<std::vector<double>>(); }

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance = kExact) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

std::vector<Lifetime> lifetimes() {
  const auto time = numbers("time");
  const auto ended = reference().at("ended").get<std::vector<bool>>();
  std::vector<Lifetime> all;
  for (std::size_t i = 0; i < time.size(); ++i) all.push_back({time[i], ended[i]});
  return all;
}

TEST(StatisticsReference, Correlations) {
  const auto x = numbers("x"), y = numbers("y");
  EXPECT_EQ(ranks_of(x), numbers("ranks_x"));
  EXPECT_NEAR(*pearson(x, y), reference().at("pearson"), kExact);
  EXPECT_NEAR(*spearman(x, y), reference().at("spearman"), kExact);
  const auto fit = fit_line(x, y);
  expect_near({fit->slope, fit->intercept, fit->r2}, numbers("line"));
}

TEST(StatisticsReference, PartialRanks) {
  const auto x = numbers("x"), y = numbers("y"), layer = numbers("layer"), position = ranks_of(numbers("position"));
  // The last covariate is the sum of the others: it must change nothing.
  Matrix<double> covariates(3, x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    covariates(0, i) = layer[i];
    covariates(1, i) = position[i];
    covariates(2, i) = layer[i] + position[i];
  }
  const auto two = covariates.view().middle_rows(0, 2);
  expect_near(residuals_of(ranks_of(x), two), numbers("residuals_x"));
  EXPECT_NEAR(*partial_spearman(x, y, two), reference().at("partial_spearman"), kExact);
  EXPECT_NEAR(*partial_spearman(x, y, covariates.view()), reference().at("partial_spearman"), kExact);
}

TEST(StatisticsReference, Survival) {
  const auto steps = kaplan_meier(lifetimes());
  const auto& expected = reference().at("kaplan_meier");
  std::vector<double> time, at_risk, survival;
  for (const SurvivalStep& step : steps) {
    time.push_back(step.time);
    at_risk.push_back(static_cast<double>(step.at_risk));
    survival.push_back(step.survival);
  }
  expect_near(time, expected.at("time"));
  expect_near(at_risk, expected.at("at_risk"));
  expect_near(survival, expected.at("survival"));
  EXPECT_EQ(median_survival(steps), expected.at("median").get<double>());
  EXPECT_NEAR(harrell_c(lifetimes(), numbers("score"), {})->c, reference().at("harrell_c"), kExact);
}

TEST(StatisticsReference, SeveralTests) {
  const auto p = numbers("p");
  expect_near(benjamini_hochberg(p), numbers("benjamini_hochberg"));
  expect_near(holm(p), numbers("holm"));
  EXPECT_NEAR(*fisher_combined(p), reference().at("fisher"), kExact);
}

TEST(StatisticsReference, ClopperPearson) {
  for (const auto& row : reference().at("clopper_pearson")) {
    const auto interval = clopper_pearson(row[0], row[1]);
    EXPECT_NEAR(interval->low, row[2], kExact);
    EXPECT_NEAR(interval->high, row[3], kExact);
  }
  for (const auto& row : reference().at("incomplete_beta")) {
    EXPECT_NEAR(incomplete_beta(row[0], row[1], row[2]), row[3], 1e-12);
  }
  for (const auto& row : reference().at("normal_quantile")) EXPECT_NEAR(normal_quantile(row[0]), row[1], kExact);
}

TEST(StatisticsReference, PrincipalComponents) {
  const auto rows = reference().at("rows").get<std::vector<std::vector<float>>>();
  Matrix<float> matrix(rows.size(), rows[0].size());
  for (std::size_t i = 0; i < rows.size(); ++i) std::ranges::copy(rows[i], matrix.row(i).begin());
  const Components components = principal_components(matrix.view(), 4);
  const auto& expected = reference().at("pca");
  expect_near(components.mean, expected.at("mean"));
  expect_near(components.variance, expected.at("variance"));
  for (std::size_t c = 0; c < 4; ++c) {
    const auto direction = expected.at("directions")[c].get<std::vector<double>>();
    const double sign = components.directions(c, 0) * direction[0] > 0 ? 1 : -1;
    for (std::size_t j = 0; j < direction.size(); ++j) {
      EXPECT_NEAR(sign * components.directions(c, j), direction[j], kExact);
    }
  }
  // The other way round, with fewer channels than rows, the products are of channels: the same directions.
  Matrix<float> few(rows.size(), 3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < 3; ++j) few(i, j) = rows[i][j];
  }
  const Components small = principal_components(few.view(), 9);
  ASSERT_EQ(small.variance.size(), 3U);
  EXPECT_NEAR(small.variance[0] + small.variance[1] + small.variance[2], 1, 1e-12);
}

TEST(StatisticsReference, AreaUnderRoc) {
  const auto score = numbers("score");
  const auto ended = reference().at("ended").get<std::vector<bool>>();
  std::vector<double> positives, negatives;
  for (std::size_t i = 0; i < score.size(); ++i) (ended[i] ? positives : negatives).push_back(score[i]);
  EXPECT_NEAR(*area_under_roc(positives, negatives), reference().at("auc"), kExact);
  EXPECT_FALSE(area_under_roc(positives, {}));
}

// SciPy draws 200,000 samples of its own, we 20,000: an end of the interval (a quantile at 2.5 %) then has a standard
// error of about 0.005 here.
TEST(StatisticsReference, BootstrapOfAMean) {
  const auto sample = numbers("sample");
  const auto mean = [&](std::span<const std::uint32_t> weights) -> std::optional<double> {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      sum += weights[i] * sample[i];
      n += weights[i];
    }
    return sum / n;
  };
  const BootstrapOptions options{20'000, 5, 0.95};
  const auto plain = bootstrap_interval(sample.size(), options, mean);
  EXPECT_NEAR(plain->low, reference().at("percentile_of_mean")[0], 0.02);
  EXPECT_NEAR(plain->high, reference().at("percentile_of_mean")[1], 0.02);
  const auto corrected = bca_interval(sample.size(), options, mean);
  EXPECT_NEAR(corrected->low, reference().at("bca_of_mean")[0], 0.02);
  EXPECT_NEAR(corrected->high, reference().at("bca_of_mean")[1], 0.02);
  // The correction is larger than the tolerance, so the test tells the two apart.
  EXPECT_GT(std::abs(corrected->high - plain->high), 0.04);
}

}  // namespace
}  // namespace sinkscope
