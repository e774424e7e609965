#include "impact/cache_form.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::string_view kWindowWord = "window:";
constexpr std::array<std::pair<std::string_view, CacheForm>, 6> kForms = {{
    {"q8_0", {CacheKind::kQ8_0, 0, true}},
    {"q8_0:plain", {CacheKind::kQ8_0, 0, false}},
    {"q4_0", {CacheKind::kQ4_0, 0, true}},
    {"q4_0:plain", {CacheKind::kQ4_0, 0, false}},
    {"kivi2", {CacheKind::kKivi2, 0, true}},
    {"kivi4", {CacheKind::kKivi4, 0, true}},
}};

}  // namespace

CacheForm cache_form_from(const std::string& word) {
  for (const auto& [name, form] : kForms) {
    if (word == name) return form;
  }
  if (word.starts_with(kWindowWord)) {
    CacheForm form;
    const char *first = word.data() + kWindowWord.size(), *end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(first, end, form.cells);
    if (error == std::errc() && stop == end && form.cells >= 2) return form;
    throw Error(ErrorCode::kUsage, "cache: expected a window of 2 cells or more, got '" + word + "'");
  }
  throw Error(ErrorCode::kUsage,
              "cache: expected q8_0, q4_0, q8_0:plain, q4_0:plain, kivi2, kivi4 or window:B, got '" + word + "'");
}

std::string word_of(const CacheForm& form) {
  if (form.kind == CacheKind::kWindow) return std::string(kWindowWord) + std::to_string(form.cells);
  for (const auto& [name, known] : kForms) {
    if (known == form) return std::string(name);
  }
  throw Error(ErrorCode::kInternal, "cache: expected a form that has a name, got none");
}

std::string_view verb_of(const CacheForm& form) { return form.kind == CacheKind::kWindow ? "keeps" : "stores exactly"; }

std::vector<CacheForm> cache_forms_from(std::span<const std::string> words) {
  std::vector<CacheForm> forms;
  for (const std::string& word : words) {
    const CacheForm form = cache_form_from(word);
    if (std::ranges::find(forms, form) != forms.end()) {
      throw Error(ErrorCode::kUsage, "protect: expected each cache once, got " + word + " again");
    }
    forms.push_back(form);
  }
  return forms;
}

}  // namespace sinkscope
