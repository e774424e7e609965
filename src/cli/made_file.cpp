#include "cli/made_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "gguf/file.h"
#include "plant/truth.h"
#include "report/data/duo_pattern.h"
#include "report/data/generation_json.h"
#include "report/figure/raster.h"
#include "report/figure/svg.h"
#include "report/page/page.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

std::string head_of(const std::string& path) {
  std::string head(4096, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  return head;
}

// The schema that a JSON object names in its first member; empty without one.
std::string_view first_schema(std::string_view json) {
  const auto skip_blanks = [&] { json.remove_prefix(std::min(json.find_first_not_of(" \t\r\n"), json.size())); };
  const auto skip = [&](std::string_view expected) {
    skip_blanks();
    if (!json.starts_with(expected)) return false;
    json.remove_prefix(expected.size());
    return true;
  };
  if (!skip("{") || !skip("\"schema\"") || !skip(":") || !skip("\"")) return {};
  return json.substr(0, json.find('"'));
}

// A planted model's truth is written after it: a model that is newer took its place.
bool is_made_model(const std::string& path) {
  const std::string truth = truth_path_of(path);
  std::error_code error;
  if (first_schema(head_of(truth)).starts_with("sinkscope.truth/")) {
    const auto model_time = fs::last_write_time(path, error);
    if (!error && model_time <= fs::last_write_time(truth, error) && !error) return true;
  }
  try {
    return GgufFile(path).metadata().text("general.name").value_or("").starts_with("tiny, seed ");
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

MadeKind made_kind(const std::string& path) {
  const std::string text = head_of(path);
  const std::string_view head = text;
  if (head.starts_with("GGUF")) return is_made_model(path) ? MadeKind::kModel : MadeKind::kNone;
  if (const std::string_view schema = first_schema(head); schema.starts_with("sinkscope.")) {
    // Generated texts are resumed, never replaced.
    if (schema == kGenerationSchema) return MadeKind::kNone;
    return schema.starts_with("sinkscope.truth/") ? MadeKind::kTruth : MadeKind::kJson;
  }
  constexpr std::size_t kLengthBytes = 8;  // before a safetensors header
  if (head.substr(std::min(kLengthBytes, head.size())).starts_with("{\"__metadata__\"") &&
      head.substr(0, 256).find("\"sinkscope.") != std::string_view::npos) {
    return MadeKind::kSafetensors;
  }
  if (head.starts_with("<!doctype html>") && head.find(kHtmlMark) != std::string_view::npos) return MadeKind::kHtml;
  if (head.starts_with("<svg") && head.find(kSvgMark) != std::string_view::npos) return MadeKind::kSvg;
  if (is_png_of_svg(head)) return MadeKind::kPng;
  if (fs::path(path).filename() == kDuoHeadsName &&
      first_schema(head_of((fs::path(path).parent_path() / kDuoConfigName).string())) == kDuoSchema) {
    return MadeKind::kHeadPattern;
  }
  if (head.starts_with("# Attention sinks\n")) return MadeKind::kMarkdown;
  if (head.starts_with("sequence,id,chunk,n_tokens,prompt_tokens,")) return MadeKind::kCsv;
  return MadeKind::kNone;
}

std::string_view name_of(MadeKind kind) {
  constexpr std::array<std::string_view, 11> kNames = {"unknown", "JSON",         "truth file", "HTML page",
                                                       "summary", "figure",       "figure (PNG)", "CSV",
                                                       "safetensors file", "pattern of heads", "model"};
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace sinkscope
