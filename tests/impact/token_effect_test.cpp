// Losses and divergences against softmax taken anew, one token at a time.
#include "impact/token_effect.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/fake_model.h"

namespace sinkscope {
namespace {

std::vector<double> log_softmax(FakeModel& model, const Matrix<float>& states, std::size_t token) {
  Matrix<float> logits;
  model.next_token_logits(states.view().middle_rows(token, 1), logits);
  double sum = 0;
  std::vector<double> logs;
  for (const float logit : logits.row(0)) sum += std::exp(static_cast<double>(logit));
  for (const float logit : logits.row(0)) logs.push_back(static_cast<double>(logit) - std::log(sum));
  return logs;
}

TEST(TokenEffects, AgreeWithSoftmaxTakenAnew) {
  FakeModel model;
  const std::vector<TokenId> tokens = fake_text(200, 1);
  FinalStates before(200), after(200);
  model.run({{tokens}}, before, {});
  std::vector<TokenId> others = fake_text(200, 2);  // another text's states stand for an edited run's
  model.run({{others}}, after, {});
  const std::vector<int> removed = {20, 30};
  const std::vector<EditedStates> edited = {{before.states(), removed}, {after.states(), removed}};
  const std::vector<TokenEffect> effects = token_effects(model, tokens, 20, before.states(), edited);
  ASSERT_EQ(effects.size(), 2U);

  double loss_base = 0, loss = 0, kl = 0, near_kl = 0;
  for (std::size_t t = 20; t < 199; ++t) {
    const auto was = log_softmax(model, before.states(), t), is = log_softmax(model, after.states(), t);
    const auto next = static_cast<std::size_t>(tokens[t + 1]);
    loss_base -= was[next] / 179;
    loss += (was[next] - is[next]) / 179;
    double of_token = 0;
    for (std::size_t v = 0; v < was.size(); ++v) of_token += std::exp(was[v]) * (was[v] - is[v]);
    kl += of_token / 179;
    if (t == 21 || t == 31) near_kl += of_token / 2;
  }
  const TokenEffect& effect = effects[1];
  EXPECT_EQ(effect.n, 179);
  // Probabilities are float32.
  EXPECT_NEAR(effect.loss_base, loss_base, 1e-5);
  EXPECT_NEAR(effect.loss, loss, 1e-5);
  EXPECT_NEAR(effect.kl, kl, 1e-5);
  EXPECT_GT(effect.kl, 0.01);
  ASSERT_EQ(effect.by_distance.size(), 6U);
  EXPECT_EQ(effect.by_distance[0].n, 2);
  EXPECT_NEAR(*effect.by_distance[0].kl, near_kl, 1e-5);
  EXPECT_EQ(effect.by_distance[1].n, 6) << "2 to 4 behind each";
  EXPECT_EQ(effect.by_distance[2].n, 5 + 12) << "5 to 9 behind the first, 5 to 16 behind the second";
  EXPECT_EQ(effect.by_distance[4].n, 198 - 94);
  EXPECT_EQ(effect.by_distance[5].n, 0);
  EXPECT_FALSE(effect.by_distance[5].kl) << "not measured is not 0";
  EXPECT_FALSE(effect.by_distance[5].last);
  EXPECT_NEAR(effects[0].loss, 0, 1e-9) << "the same states";
  EXPECT_NEAR(effects[0].kl, 0, 1e-6);
}

TEST(NextTokenLosses, AreThoseOfEachTokensNextOne) {
  FakeModel model;
  const std::vector<TokenId> tokens = fake_text(70, 1);
  FinalStates states(70);
  model.run({{tokens}}, states, {});
  const std::vector<float> losses = next_token_losses(model, tokens, states.states());
  ASSERT_EQ(losses.size(), 69U);
  for (const std::size_t t : {0U, 63U, 64U, 68U}) {
    EXPECT_NEAR(losses[t], -log_softmax(model, states.states(), t)[static_cast<std::size_t>(tokens[t + 1])], 1e-5) << t;
  }
  EXPECT_TRUE(next_token_losses(model, std::span(tokens).first(1), states.states()).empty());
  EXPECT_TRUE(next_token_losses(model, {}, states.states()).empty());
  int asked = 0;
  const auto stop = [&] { return ++asked == 2; };
  expect_error(ErrorCode::kInterrupted, "stopped", [&] { next_token_losses(model, tokens, states.states(), stop); });
  asked = 0;
  const std::vector<EditedStates> edited = {{states.states(), {}}};
  expect_error(ErrorCode::kInterrupted, "stopped",
               [&] { token_effects(model, tokens, 0, states.states(), edited, stop); });
  const TokenEffect none = token_effects(model, tokens, 69, states.states(), edited).front();
  EXPECT_EQ(none.n, 0) << "the last token's next one is not known";
  EXPECT_EQ(none.loss, 0);
}

// Distances are to the last removed token before.
TEST(TokenEffects, AreByDistance) {
  FakeModel model;
  const std::vector<TokenId> tokens = fake_text(400, 1);
  FinalStates states(400);
  model.run({{tokens}}, states, {});
  const std::vector<EditedStates> edited = {{states.states(), {10, 12}}};
  const TokenEffect effect = token_effects(model, tokens, 5, states.states(), edited).front();
  std::vector<int> n;
  for (const DistanceEffect& at : effect.by_distance) n.push_back(at.n);
  // 11; 13; then 14 .. 16, 17 .. 28, 29 .. 76, 77 .. 268, 269 .. 398.
  EXPECT_EQ(n, (std::vector<int>{2, 3, 12, 48, 192, 130}));
  EXPECT_EQ(effect.by_distance[4].first, 65);
  EXPECT_EQ(effect.by_distance[4].last, 256);
}

}  // namespace
}  // namespace sinkscope
