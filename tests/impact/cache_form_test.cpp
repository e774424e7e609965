#include "impact/cache_form.h"

#include <gtest/gtest.h>

#include "impact/cached_runs.h"
#include "impact/protect.h"
#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

TEST(CacheForm, HasNames) {
  for (const char* word : {"q8_0", "q4_0", "q8_0:plain", "q4_0:plain", "kivi2", "kivi4", "window:256"}) {
    EXPECT_EQ(word_of(cache_form_from(word)), word);
  }
  for (const char* word : {"", "q4_1", "window", "window:", "window:1", "window:12x", "kivi3"}) {
    expect_error(ErrorCode::kUsage, "cache: expected", [&] { cache_form_from(word); });
  }
}

TEST(CacheForm, IsReadByItsName) {
  EXPECT_EQ(cache_form_from("window:2").cells, 2);
  EXPECT_EQ(cache_form_from("window:2").kind, CacheKind::kWindow);
  EXPECT_EQ(cache_form_from("q8_0"), (CacheForm{CacheKind::kQ8_0, 0, true}));
  EXPECT_EQ(cache_form_from("q4_0:plain"), (CacheForm{CacheKind::kQ4_0, 0, false}));
  EXPECT_EQ(cache_form_from("kivi2").kind, CacheKind::kKivi2);
  EXPECT_EQ(verb_of(cache_form_from("window:2")), "keeps");
  EXPECT_EQ(verb_of(cache_form_from("kivi4")), "stores exactly");
  const std::vector<std::string> words = {"q8_0", "q8_0:plain"}, twice = {"kivi2", "window:9", "kivi2"};
  EXPECT_EQ(cache_forms_from(words).size(), 2U);
  expect_error(ErrorCode::kUsage, "expected each cache once, got kivi2 again", [&] { cache_forms_from(twice); });
}

TEST(CacheForm, OfAWindowTellsFromItsEndOn) {
  EXPECT_EQ(first_compared(cache_form_from("window:100")), 100);
  EXPECT_EQ(first_compared(cache_form_from("q8_0")), 0);
  // Predictions of tokens 100 .. 163 are compared: the last token's next one is not known.
  SequenceToAblate sequence;
  sequence.tokens.resize(165);
  EXPECT_TRUE(is_long_enough(sequence, cache_form_from("window:100")));
  EXPECT_FALSE(is_long_enough(sequence, cache_form_from("window:101")));
  sequence.tokens.resize(65);
  EXPECT_TRUE(is_long_enough(sequence, cache_form_from("q8_0")));
  sequence.tokens.resize(64);
  EXPECT_FALSE(is_long_enough(sequence, cache_form_from("q8_0")));
}

TEST(CacheForm, OfAWindowHasRoomForOneMoreThanIsKept) {
  EXPECT_TRUE(has_room(cache_form_from("window:4"), {0, 1, 2}));
  EXPECT_FALSE(has_room(cache_form_from("window:3"), {0, 1, 2}));
  EXPECT_TRUE(has_room(cache_form_from("q4_0"), {0, 1, 2}));
}

}  // namespace
}  // namespace sinkscope
