#pragma once

#include <array>
#include <random>
#include <string>
#include <vector>

namespace sinkscope {

// English sentences from a seed: plain words at random, and the wanted ones as often as told, in the first four
// fifths of the text, so that enough queries come after them.
inline std::string sentences(unsigned seed, const std::vector<std::string>& wanted, int times, int n_sentences) {
  static constexpr std::array<const char*, 8> kForms = {
      "The $ near the old # was quiet when Anna wrote down the sum of two numbers.",
      "Every $ in this valley has a story, and the # is no exception to that rule.",
      "She said that the $ would be ready before the # opened, and he agreed with her.",
      "They walked along the $, talked about the #, and counted the birds on the way home.",
      "In the report of the committee the $ is mentioned twice, but the # only once.",
      "What remains of the $ today is a small plaque beside the #.",
      "Nobody knows why the $ was sold; the price was high and the buyer came from the #.",
      "It rained for a week, and the $ was closed until the people from the # came back."};
  static constexpr std::array<const char*, 16> kPlain = {"stone",  "window",  "engine",  "lawyer",  "paper", "mirror",
                                                         "doctor", "letter",  "harbour", "village", "tower", "field",
                                                         "table",  "kitchen", "forest",  "museum"};
  std::mt19937 random(seed);
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  std::vector<std::string> slots(static_cast<std::size_t>(n_sentences) * 4 / 5);
  for (const std::string& word : wanted) {
    for (int i = 0; i < times;) {
      std::string& slot = slots[2 + random() % (slots.size() - 2)];
      if (!slot.empty()) continue;
      slot = word;
      ++i;
    }
  }
  std::string text;
  for (std::size_t s = 0; s < static_cast<std::size_t>(n_sentences); ++s) {
    const bool second = random() % 2 == 0;
    const std::string word = s < slots.size() ? slots[s] : "";
    for (const char c : std::string(pick(kForms))) {
      const bool here = !word.empty() && c == (second ? '#' : '$');
      if (c == '$' || c == '#') {
        text += here ? word : pick(kPlain);
      } else {
        text.push_back(c);
      }
    }
    text += random() % 6 == 0 ? "\n" : " ";
  }
  return text;
}

}  // namespace sinkscope
