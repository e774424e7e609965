// Which set is recommended, on figures that are made up.
#include "impact/judge_protection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "impact/mean_interval.h"

namespace sinkscope {
namespace {

using KlOf = std::function<double(int document, KeptSet set)>;

double size_of(KeptSet set) {
  switch (set) {
    case KeptSet::kNone:
      return 0;
    case KeptSet::kPrimary:
      return 1;
    case KeptSet::kFirst4:
      return 4;
    default:
      return 6;
  }
}

std::vector<SequenceProtection> documents(int n, const KlOf& kl_of, int n_chunks = 1) {
  std::vector<SequenceProtection> all;
  for (int d = 0; d < n; ++d) {
    for (int chunk = 0; chunk < n_chunks; ++chunk) {
      SequenceProtection& sequence = all.emplace_back();
      sequence.unit = std::to_string(d);
      sequence.primary = {0};
      sequence.positions = {0, 20, 30, 40, 50, 60};
      CacheEffect cache{cache_form_from("window:256"), 100, {}};
      for (const KeptSet set : kKeptSets) {
        const double kl = kl_of(d, set) + (n_chunks > 1 ? (chunk == 0 ? -0.001 : 0.001) : 0);
        cache.sets.push_back({set, size_of(set), kl, kl / 2});
      }
      sequence.caches.push_back(std::move(cache));
    }
  }
  return all;
}

ProtectRequest request() {
  ProtectRequest request;
  request.caches = {cache_form_from("window:256")};
  request.n_resamples = 1000;
  return request;
}

double noise(int document, KeptSet set) { return 0.004 * std::sin(11.0 * document + 3.0 * static_cast<int>(set)); }

TEST(JudgeProtection, KeepThePrimaryAloneIsAnAnswer) {
  const auto all = documents(40, [](int d, KeptSet set) { return (set == KeptSet::kNone ? 0.23 : 0.06) + noise(d, set); });
  const JudgedProtection judged = judge_protection(all, request(), true);
  const JudgedCache& cache = judged.caches.front();
  EXPECT_EQ(cache.recommended, KeptSet::kPrimary);
  EXPECT_EQ(cache.n_choosing, 20);
  EXPECT_EQ(cache.n_judging, 20);
  EXPECT_NE(cache.reason.find("keep the primary alone, no more: KL 0.0"), std::string::npos) << cache.reason;
  EXPECT_NE(cache.reason.find("none lies +0.1"), std::string::npos) << cache.reason;
  EXPECT_NE(cache.reason.find("20 documents chose"), std::string::npos) << cache.reason;
  ASSERT_TRUE(judged.prefix);
  EXPECT_EQ(judged.prefix->n_first, 1);
  EXPECT_EQ(judged.prefix->keep, 0) << "BOS is kept without being counted";
  EXPECT_FALSE(judged.prefix->lost);
  EXPECT_EQ(judge_protection(all, request(), false).prefix->keep, 1);
}

TEST(JudgeProtection, SinksThatGainAreRecommendedAndTheirLossNamed) {
  const auto all = documents(32, [](int d, KeptSet set) {
    const double kl = set == KeptSet::kNone ? 0.23 : set == KeptSet::kSinks ? 0.03 : 0.06;
    return kl + noise(d, set);
  });
  const JudgedProtection judged = judge_protection(all, request(), true);
  const JudgedCache& cache = judged.caches.front();
  EXPECT_EQ(cache.recommended, KeptSet::kSinks);
  EXPECT_NE(cache.reason.find("the smallest of all; "), std::string::npos) << cache.reason;
  const JudgedSet& sinks = cache.sets[static_cast<std::size_t>(KeptSet::kSinks)];
  EXPECT_NEAR(sinks.to_first_n->mean, -0.03, 0.005);
  EXPECT_LT(sinks.to_placebo->interval->high, 0);
  EXPECT_NEAR(*sinks.loss, sinks.kl->mean / 2, 1e-12);
  ASSERT_TRUE(judged.prefix->lost);
  EXPECT_NEAR(*judged.prefix->lost, 0.03, 0.005);
}

TEST(JudgeProtection, NothingIsRecommendedIfNothingIsWorse) {
  const auto all = documents(24, [](int d, KeptSet set) { return 0.06 + noise(d, set); });
  EXPECT_EQ(judge_protection(all, request(), true).caches.front().recommended, KeptSet::kNone);
}

TEST(JudgeProtection, ThePlaceboIsNeverRecommended) {
  const auto all = documents(24, [](int d, KeptSet set) {
    return (set == KeptSet::kPlacebo ? 0.01 : set == KeptSet::kAttended ? 0.03 : 0.06) + noise(d, set) / 10;
  });
  EXPECT_EQ(judge_protection(all, request(), true).caches.front().recommended, KeptSet::kAttended);
}

TEST(JudgeProtection, FewDocumentsGiveFiguresOnly) {
  const auto all = documents(15, [](int d, KeptSet set) { return 0.06 + noise(d, set); });
  const JudgedProtection judged = judge_protection(all, request(), true);
  const JudgedCache& cache = judged.caches.front();
  EXPECT_FALSE(cache.recommended);
  EXPECT_EQ(cache.reason, "not enough: 15 documents, 16 needed");
  EXPECT_EQ(cache.n_judging, 15);
  EXPECT_FALSE(judged.prefix);
  const auto few = documents(3, [](int d, KeptSet set) { return 0.06 + noise(d, set); });
  const JudgedProtection of_few = judge_protection(few, request(), true);
  EXPECT_FALSE(of_few.caches.front().sets.front().kl->interval);
  EXPECT_NEAR(of_few.caches.front().sets.front().kl->mean, 0.06, 0.005);
}

TEST(JudgeProtection, ChunksOfADocumentAreOne) {
  const auto kl = [](int d, KeptSet set) { return 0.06 + noise(d, set); };
  const auto whole = judge_protection(documents(20, kl), request(), true).caches.front();
  const auto cut = judge_protection(documents(20, kl, 2), request(), true).caches.front();
  EXPECT_EQ(cut.n_judging, whole.n_judging);
  EXPECT_NEAR(cut.sets[1].kl->mean, whole.sets[1].kl->mean, 1e-12);
}

// KL without noise: every interval is one number.
double plain(KeptSet set, KeptSet best, double of_best) {
  return set == best ? of_best : set == KeptSet::kNone ? 0.25 : 0.0625;
}

TEST(JudgeProtection, SixteenDocumentsAreEnough) {
  const auto all = documents(16, [](int, KeptSet set) { return plain(set, KeptSet::kPrimary, 0.0625); });
  const JudgedCache cache = judge_protection(all, request(), true).caches.front();
  EXPECT_EQ(cache.n_choosing, 8);
  EXPECT_EQ(cache.n_judging, 8);
  EXPECT_EQ(cache.recommended, KeptSet::kPrimary);
  EXPECT_EQ(cache.reason,
            "keep the primary alone, no more: KL 0.0625, the smallest of all; none lies +0.1875 [+0.1875, +0.1875] above "
            "it; 8 documents chose");
  const JudgedSet& first_4 = cache.sets[static_cast<std::size_t>(KeptSet::kFirst4)];
  EXPECT_EQ(first_4.n_documents, 8);
  EXPECT_EQ(first_4.n_kept, 4);
  EXPECT_EQ(first_4.kl->mean, 0.0625);
  EXPECT_EQ(first_4.loss, 0.03125);
  EXPECT_EQ(cache.sets[0].to_first_n->mean, 0.1875);
  EXPECT_EQ(cache.sets[0].to_placebo->interval->low, 0.1875);
}

TEST(JudgeProtection, ThePrefixIsAsLongAsWhatIsRecommended) {
  const auto prefix_for = [](KeptSet best, bool adds_bos = true) {
    const auto all = documents(16, [&](int, KeptSet set) { return plain(set, best, 0.03125); });
    const JudgedProtection judged = judge_protection(all, request(), adds_bos);
    EXPECT_EQ(judged.caches.front().recommended, best);
    return judged.prefix.value();
  };
  EXPECT_EQ(prefix_for(KeptSet::kNone).n_first, 0);
  EXPECT_EQ(prefix_for(KeptSet::kNone).keep, 0);
  EXPECT_EQ(prefix_for(KeptSet::kFirst4).n_first, 4);
  EXPECT_EQ(prefix_for(KeptSet::kFirst4).keep, 3);
  EXPECT_EQ(prefix_for(KeptSet::kFirst4, false).keep, 4);
  EXPECT_EQ(prefix_for(KeptSet::kFirstN).n_first, 6);
  EXPECT_FALSE(prefix_for(KeptSet::kFirstN).lost);
  EXPECT_EQ(prefix_for(KeptSet::kSinks).n_first, 1) << "the primary's";
  EXPECT_EQ(prefix_for(KeptSet::kSinks).lost, 0.03125);
  EXPECT_EQ(prefix_for(KeptSet::kAttended).lost, 0.03125);
}

// In most sequences: of 16 the eighth shortest. Those that are too short for the cache say nothing.
TEST(JudgeProtection, ThePrefixIsThatOfMostSequences) {
  const auto n_first = [](int n_long) {
    auto all = documents(16, [](int, KeptSet set) { return plain(set, KeptSet::kPrimary, 0.03125); });
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_long); ++i) all[i].primary = {0, 1, 5};
    for (int i = 0; i < 20; ++i) {
      all.push_back(all[0]);
      all.back().primary = {0, 1, 2};
      all.back().caches[0].n = 0;
    }
    return judge_protection(all, request(), true).prefix->n_first;
  };
  EXPECT_EQ(n_first(8), 1);
  EXPECT_EQ(n_first(9), 2);
}

// The first window that has a recommendation; other caches have no prefix.
TEST(JudgeProtection, ThePrefixIsOfAWindow) {
  auto all = documents(16, [](int, KeptSet set) { return plain(set, KeptSet::kPrimary, 0.03125); });
  for (SequenceProtection& sequence : all) {
    const CacheEffect window = sequence.caches[0];
    CacheEffect none = window, q8 = window;
    none.n = 0;
    q8.cache = cache_form_from("q8_0");
    sequence.caches = {q8, none, window};
  }
  ProtectRequest three = request();
  three.caches = {cache_form_from("q8_0"), cache_form_from("window:512"), cache_form_from("window:256")};
  const JudgedProtection judged = judge_protection(all, three, true);
  EXPECT_EQ(judged.caches[1].reason, "not enough: 0 documents, 16 needed");
  ASSERT_TRUE(judged.prefix);
  EXPECT_EQ(judged.prefix->window, cache_form_from("window:256"));
}

TEST(JudgeProtection, ASetThatWasNotMeasuredEverywhereIsNotRecommended) {
  auto all = documents(16, [](int, KeptSet set) { return plain(set, KeptSet::kSinks, 0.03125); });
  for (std::size_t i = 0; i < 16; ++i) {  // in every other document, so in each half
    if (i % 2 == 0) all[i].caches[0].sets[static_cast<std::size_t>(KeptSet::kSinks)].kl.reset();
  }
  const JudgedCache cache = judge_protection(all, request(), true).caches.front();
  EXPECT_EQ(cache.recommended, KeptSet::kPrimary);
  EXPECT_LT(cache.sets[static_cast<std::size_t>(KeptSet::kSinks)].n_documents, 8);
}

// Chunks of unequal sets: a document keeps their mean, and all documents theirs.
TEST(JudgeProtection, SizesAreMeansOverChunksAndDocuments) {
  auto all = documents(2, [](int, KeptSet) { return 0.0625; }, 2);
  all.push_back(all.back());  // a third chunk of the second document
  for (const auto& [i, n_kept] : {std::pair(0, 2), {1, 4}, {2, 1}, {3, 1}, {4, 4}}) {
    all[static_cast<std::size_t>(i)].caches[0].sets[1].n_kept = n_kept;
  }
  EXPECT_DOUBLE_EQ(*judge_protection(all, request(), true).caches[0].sets[1].n_kept, (3 + 2) / 2.0);
}

TEST(MeanInterval, OfEqualValuesIsThatValue) {
  const std::vector<double> equal(10, 0.25);
  EXPECT_EQ(mean_interval(equal, 100, 1)->low, 0.25);
  EXPECT_EQ(mean_interval(equal, 100, 1)->high, 0.25);
  EXPECT_FALSE(mean_interval(std::vector<double>{1}, 100, 1));
}

}  // namespace
}  // namespace sinkscope
