// How evidences of attention do on ordinary tokens of a long text, and whether they stay when more text follows.
//
//   evidence_table MODEL TEXT LENGTH...     Markdown rows on standard output, one model at a time
//
// Of each LENGTH the first tokens of TEXT are measured once. An ordinary token passes an evidence if two blocks in a row,
// both behind the primary's birth, reach its threshold. Sinks are those that today's rule finds in the first eighth; a
// verdict stays if the run has enough blocks over the threshold in both lengths, or in neither.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/index.h"
#include "base/statistics.h"
#include "engine/llama/model.h"
#include "measure/pack_meter.h"
#include "sinks/attention_evidence.h"
#include "sinks/attention_figures.h"
#include "sinks/detection.h"

namespace {

using namespace sinkscope;

constexpr std::size_t kNeighbours = 64;  // ordinary keys that a key is compared with
constexpr int kTenths = 10;

enum Evidence { kBoost, kMatched, kLogZ, kEvidences };
struct Rule {
  const char* name;
  Evidence evidence;
  float threshold;
};
constexpr std::array kRules = {Rule{"far boost >= 5", kBoost, 5},       Rule{"far boost >= 8", kBoost, 8},
                               Rule{"matched boost >= 8", kMatched, 8}, Rule{"matched boost >= 16", kMatched, 16},
                               Rule{"matched z >= 2.5", kLogZ, 2.5F},   Rule{"matched z >= 3", kLogZ, 3},
                               Rule{"matched z >= 3.5", kLogZ, 3.5F},   Rule{"matched z >= 4", kLogZ, 4}};

struct Measured {
  SequenceMeasurement measurement;
  SequenceFigures figures;
  Detection detection;
  std::vector<bool> is_ordinary;                           // [n_tokens] in every layer
  std::array<std::vector<LayerFigures>, kEvidences> by_key;  // [n_tokens] of [n_layers]
};

// Whether a token's state is ordinary in all layers: neither long nor the primary's direction together with some norm.
std::vector<bool> ordinary_tokens(const SequenceMeasurement& m, const SequenceFigures& figures) {
  std::vector<bool> ordinary(index(m.n_tokens));
  for (std::size_t t = 0; t < ordinary.size(); ++t) {
    ordinary[t] = m.roles.may_be_ordinary[t] && !std::ranges::binary_search(m.roles.candidates, static_cast<int>(t));
    for (std::size_t l = 0; l < index(m.n_layers) && ordinary[t]; ++l) {
      ordinary[t] = m.hidden_norm(l, t) < 1.5F * figures.ordinary_norm[l].value_or(0);
    }
  }
  return ordinary;
}

// Far scores of one block against those of the nearest ordinary keys.
void match(Measured& of, std::size_t block) {
  const SequenceMeasurement& m = of.measurement;
  std::vector<std::size_t> keys;
  std::vector<float> logs;
  for (std::size_t t = 0; t < index(m.n_tokens); ++t) {
    const auto far = far_figures(m, block, t);
    if (!far) continue;
    of.by_key[kBoost][t][block] = far->boost;
    if (!of.is_ordinary[t]) continue;
    keys.push_back(t);
    logs.push_back(std::log(std::max(far->score, 1e-12F)));
  }
  if (keys.size() < kNeighbours) return;
  std::vector<float> near(kNeighbours);
  for (std::size_t t = 0; t < index(m.n_tokens); ++t) {
    const auto far = far_figures(m, block, t);
    if (!far) continue;
    const auto at = static_cast<std::size_t>(std::ranges::lower_bound(keys, t) - keys.begin());
    const std::size_t first = std::min(at - std::min(at, kNeighbours / 2), keys.size() - kNeighbours);
    std::copy_n(logs.begin() + static_cast<std::ptrdiff_t>(first), kNeighbours, near.begin());
    const float median = median_of(near);
    for (float& x : near) x = std::abs(x - median);
    const float spread = std::max(1.4826F * median_of(near), 0.05F);
    const float above = std::log(std::max(far->score, 1e-12F)) - median;
    of.by_key[kMatched][t][block] = std::exp(above);
    of.by_key[kLogZ][t][block] = above / spread;
  }
}

Measured measure(Model& model, const std::vector<TokenId>& tokens) {
  const Pack pack{{tokens}};
  MeterOptions options;
  options.eviction_cost = options.massive_channels = options.centred_alignment = false;
  options.n_threads = model.n_threads();
  PackMeter meter(model.facts(), pack, options);
  model.run(pack, meter, {});
  Measured measured;
  measured.measurement = std::move(meter.take().front());
  measured.figures = reduce(measured.measurement, 0, {});
  measured.detection = detect_by_evidence(measured.figures, {});
  measured.is_ordinary = ordinary_tokens(measured.measurement, measured.figures);
  for (auto& by_key : measured.by_key) by_key.assign(tokens.size(), LayerFigures(index(model.facts().n_layers)));
  for (int l = 0; l < model.facts().n_layers; ++l) match(measured, index(l));
  return measured;
}

bool passes(const Measured& of, const Rule& rule, std::size_t token, int birth) {
  bool before = false;
  for (std::size_t l = index(birth); l < index(of.measurement.n_layers); ++l) {
    const auto& figure = of.by_key[rule.evidence][token][l];
    const bool now = figure && *figure >= rule.threshold;
    if (now && before) return true;
    before = now;
  }
  return false;
}

std::optional<float> median_in(const Measured& of, Evidence evidence, int token, int first, int last) {
  std::vector<float> values;
  for (int l = first; l <= std::min(last, of.measurement.n_layers - 1); ++l) {
    if (const auto& figure = of.by_key[evidence][index(token)][index(l)]) values.push_back(*figure);
  }
  return values.empty() ? std::nullopt : std::optional(median_of(values));
}

void write_ordinary(const std::string& name, const Measured& of) {
  const int birth = of.detection.primary ? of.detection.primary->birth_layer + 1 : 1;
  for (const Rule& rule : kRules) {
    std::array<int, kTenths> n{}, passed{};
    for (std::size_t t = 0; t < of.is_ordinary.size(); ++t) {
      const bool measured = std::ranges::any_of(of.by_key[kBoost][t], [](const auto& x) { return x.has_value(); });
      if (!of.is_ordinary[t] || !measured) continue;
      const std::size_t tenth = t * kTenths / of.is_ordinary.size();
      ++n[tenth];
      passed[tenth] += passes(of, rule, t, birth);
    }
    std::string cells;
    for (std::size_t i = 0; i < kTenths; ++i) cells += n[i] ? fmt::format(" {:.1f} |", 100.0 * passed[i] / n[i]) : " - |";
    fmt::print("| {} | {} | {} |{}\n", name, of.is_ordinary.size(), rule.name, cells);
  }
}

void write_stability(const std::string& name, const Measured& brief, const Measured& whole) {
  const auto& primary = brief.detection.primary;
  for (const Rule& rule : kRules) {
    Thresholds thresholds;
    thresholds.min_far_boost = rule.threshold;
    int sinks = 0, same = 0;
    for (const Run& run : brief.detection.runs) {
      if (run.verdict != Verdict::kSink || run.kind == SinkKind::kUnaligned) continue;
      const int last = std::min(run.l_end + 1, brief.measurement.n_layers - 1);
      const auto margin = [&](const Measured& of) {
        return attention_margin(of.by_key[rule.evidence][index(run.position)], run.l_start + 1, last, thresholds);
      };
      const auto before = margin(brief), after = margin(whole);
      ++sinks;
      same += before && after && (*before >= 0) == (*after >= 0);
    }
    const auto of_primary = [&](const Measured& of) {
      return primary ? median_in(of, rule.evidence, primary->position, primary->birth_layer + 1, primary->birth_end)
                     : std::nullopt;
    };
    fmt::print("| {} | {} to {} | {} | {} of {} | {:.1f} to {:.1f} |\n", name, brief.measurement.n_tokens,
               whole.measurement.n_tokens, rule.name, same, sinks, of_primary(brief).value_or(NAN),
               of_primary(whole).value_or(NAN));
  }
}

int run(int n_arguments, char** arguments) {
  if (n_arguments < 4) {
    fmt::print(stderr, "usage: evidence_table MODEL TEXT LENGTH...\n");
    return 2;
  }
  LoadOptions load;
  load.path = arguments[1];
  const auto model = load_model(load);
  std::ifstream in(arguments[2], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<TokenId> tokens = model->vocabulary().tokenize(text, false);
  if (model->facts().adds_bos) tokens.insert(tokens.begin(), model->facts().bos);
  const std::string name = model->facts().name;
  for (int i = 3; i < n_arguments; ++i) {
    const auto length = static_cast<std::ptrdiff_t>(std::min(tokens.size(), index(std::stoi(arguments[i]))));
    const Measured whole = measure(*model, {tokens.begin(), tokens.begin() + length});
    write_ordinary(name, whole);
    write_stability(name, measure(*model, {tokens.begin(), tokens.begin() + length / 8}), whole);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int n_arguments, char** arguments) {
  try {
    return run(n_arguments, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "evidence_table: {}\n", error.what());
    return 1;
  }
}
