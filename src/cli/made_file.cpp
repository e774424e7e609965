#include "cli/made_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "gguf/file.h"
#include "plant/truth.h"
#include "report/data/duo_pattern.h"
#include "report/figure/raster.h"
#include "report/figure/svg.h"
#include "report/page/page.h"

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

std::string head_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};  // a pipe would wait for a writer
  std::string head(4096, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  return head;
}

// How a file shows its kind.
enum class Mark {
  kJson,         // a JSON object whose first member is this schema
  kSafetensors,  // metadata whose first member is this schema
  kBeginning,    // its first bytes
  kItsOwn,       // made_kind() knows
};

struct KnownKind {
  MadeKind kind;
  Mark mark;
  std::string_view text;       // the schema without its version, or the first bytes
  std::string_view name = {};  // where the schema does not say it
  std::string_view holds = {};  // what stands behind the first bytes as well
};

constexpr std::array kKinds = {
    KnownKind{MadeKind::kScan, Mark::kJson, "sinkscope.scan"},
    KnownKind{MadeKind::kKeep, Mark::kJson, "sinkscope.keep"},
    KnownKind{MadeKind::kExplain, Mark::kJson, "sinkscope.explain"},
    KnownKind{MadeKind::kAblate, Mark::kJson, "sinkscope.ablate"},
    KnownKind{MadeKind::kProtect, Mark::kJson, "sinkscope.protect"},
    KnownKind{MadeKind::kLevels, Mark::kJson, "sinkscope.levels"},
    KnownKind{MadeKind::kDiff, Mark::kJson, "sinkscope.diff"},
    KnownKind{MadeKind::kSteer, Mark::kJson, "sinkscope.steer"},
    KnownKind{MadeKind::kValidation, Mark::kJson, "sinkscope.validation"},
    KnownKind{MadeKind::kVerify, Mark::kJson, "sinkscope.verify"},
    KnownKind{MadeKind::kModels, Mark::kJson, "sinkscope.models"},
    KnownKind{MadeKind::kDevices, Mark::kJson, "sinkscope.devices"},
    KnownKind{MadeKind::kBench, Mark::kJson, "sinkscope.device-bench"},
    KnownKind{MadeKind::kPlacesOfProbes, Mark::kJson, "sinkscope.probe-points"},
    KnownKind{MadeKind::kTruth, Mark::kJson, "sinkscope.truth"},
    KnownKind{MadeKind::kDuoConfig, Mark::kJson, "sinkscope.duo"},
    KnownKind{MadeKind::kProfiles, Mark::kSafetensors, "sinkscope.profiles"},
    KnownKind{MadeKind::kMask, Mark::kSafetensors, "sinkscope.mask"},
    KnownKind{MadeKind::kDetector, Mark::kSafetensors, "sinkscope.detector"},
    KnownKind{MadeKind::kMlp, Mark::kSafetensors, "sinkscope.mlp"},
    KnownKind{MadeKind::kRunTable, Mark::kBeginning, "sequence,id,chunk,n_tokens,prompt_tokens,", "CSV of runs"},
    KnownKind{MadeKind::kEffectTable, Mark::kBeginning, "sequence,id,chunk,document,how,", "CSV of edits"},
    KnownKind{MadeKind::kHtml, Mark::kBeginning, "<!doctype html>", "an HTML page of this program", kHtmlMark},
    KnownKind{MadeKind::kSummary, Mark::kBeginning, "# Attention sinks\n", "a summary"},
    KnownKind{MadeKind::kSvg, Mark::kBeginning, "<svg", "an SVG figure of this program", kSvgMark},
    KnownKind{MadeKind::kPng, Mark::kItsOwn, {}, "a PNG figure of this program"},
    KnownKind{MadeKind::kHeadPattern, Mark::kItsOwn, {}, "a pattern of heads"},
    KnownKind{MadeKind::kTinyModel, Mark::kItsOwn, {}, "a model of `tiny`"},
    KnownKind{MadeKind::kPlantedModel, Mark::kItsOwn, {}, "a model of `plant`"},
};

// A schema up to its version.
std::string_view family_of(std::string_view schema) { return schema.substr(0, schema.find('/')); }

// Takes `expected` away where a JSON text begins so, behind blanks.
bool skip(std::string_view& json, std::string_view expected) {
  json.remove_prefix(std::min(json.find_first_not_of(" \t\r\n"), json.size()));
  if (!json.starts_with(expected)) return false;
  json.remove_prefix(expected.size());
  return true;
}

// The schema that a JSON object names in its first member, without its version; empty without one.
std::string_view schema_of_json(std::string_view json) {
  if (!skip(json, "{") || !skip(json, "\"schema\"") || !skip(json, ":") || !skip(json, "\"")) return {};
  return family_of(json.substr(0, json.find('"')));
}

// The same of a safetensors file's metadata.
std::string_view schema_of_safetensors(std::string_view head) {
  constexpr std::size_t kLengthBytes = 8;
  std::string_view json = head.substr(std::min(kLengthBytes, head.size()));
  if (!skip(json, "{") || !skip(json, "\"__metadata__\"") || !skip(json, ":")) return {};
  return schema_of_json(json);
}

MadeKind kind_of_model(const std::string& path) {
  // A planted model's truth is written after it: a model that is newer took its place.
  const std::string truth = truth_path_of(path);
  std::error_code error;
  if (made_kind(truth) == MadeKind::kTruth) {
    const auto model_time = fs::last_write_time(path, error);
    if (!error && model_time <= fs::last_write_time(truth, error) && !error) return MadeKind::kPlantedModel;
  }
  try {
    const bool is_tiny = GgufFile(path).metadata().text("general.name").value_or("").starts_with("tiny, seed ");
    return is_tiny ? MadeKind::kTinyModel : MadeKind::kNone;
  } catch (const Error&) {
    return MadeKind::kNone;
  }
}

const KnownKind& known(MadeKind kind) { return *std::ranges::find(kKinds, kind, &KnownKind::kind); }

}  // namespace

MadeKind made_kind(const std::string& path) {
  const std::string text = head_of(path);
  const std::string_view head = text;
  if (head.starts_with("GGUF")) return kind_of_model(path);
  const std::string_view json = schema_of_json(head), safetensors = schema_of_safetensors(head);
  for (const KnownKind& one : kKinds) {
    if (one.mark == Mark::kJson && one.text == json) return one.kind;
    if (one.mark == Mark::kSafetensors && one.text == safetensors) return one.kind;
    if (one.mark != Mark::kBeginning || !head.starts_with(one.text)) continue;
    if (head.find(one.holds) != std::string_view::npos) return one.kind;
  }
  if (is_png_of_svg(head)) return MadeKind::kPng;
  if (fs::path(path).filename() == kDuoHeadsName &&
      made_kind((fs::path(path).parent_path() / kDuoConfigName).string()) == MadeKind::kDuoConfig) {
    return MadeKind::kHeadPattern;
  }
  return MadeKind::kNone;
}

std::string name_of(MadeKind kind) {
  if (kind == MadeKind::kNone) return "another file";
  const KnownKind& one = known(kind);
  if (!one.name.empty()) return std::string(one.name);
  return fmt::format("{} of schema {}", one.mark == Mark::kJson ? "JSON" : "safetensors", one.text);
}

bool may_be_stream(MadeKind kind) { return kind != MadeKind::kTinyModel && kind != MadeKind::kPlantedModel; }

}  // namespace sinkscope
