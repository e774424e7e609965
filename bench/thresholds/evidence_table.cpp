// How evidences of attention do on ordinary tokens of a long text, and whether they stay when more text follows:
// docs/thresholds.md.
//
//   evidence_table MODEL TEXT LENGTH...     Markdown rows and lines of sinks on standard output, one model at a time
//
// Of each LENGTH the first tokens of TEXT are measured, and the first eighth of them. An ordinary token passes a rule if
// two blocks in a row, both behind the primary's birth, do. Sinks are the aligned runs of the eighth that pass a rule
// there; a verdict stays if they pass it in the whole too.
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
#include "sinks/far_neighbours.h"

namespace {

using namespace sinkscope;

constexpr int kTenths = 10;

// What a block must show: both, where both are measured.
struct Rule {
  float min_boost, min_z;  // 0: not asked

  std::string name() const {
    if (min_z == 0) return fmt::format("boost >= {}", min_boost);
    return min_boost == 0 ? fmt::format("z >= {}", min_z) : fmt::format("boost >= {}, z >= {}", min_boost, min_z);
  }
};
constexpr std::array kRules = {Rule{5, 0},   Rule{8, 0},    Rule{0, 2}, Rule{0, 2.5F}, Rule{0, 3}, Rule{0, 3.5F},
                               Rule{0, 4},   Rule{0, 5},    Rule{0, 6}, Rule{5, 2},    Rule{5, 2.5F}, Rule{5, 3},
                               Rule{5, 3.5F}, Rule{5, 4},   Rule{5, 5}, Rule{8, 3},    Rule{8, 4}};

struct Measured {
  SequenceMeasurement measurement;
  SequenceFigures figures;
  Detection detection;
  std::vector<bool> is_ordinary;        // [n_tokens] in every layer
  std::vector<LayerFigures> boost, z;  // [n_tokens] of [n_layers]
};

// Whether a token's state is ordinary in all layers.
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

Measured measure(Model& model, const std::vector<TokenId>& tokens) {
  const Pack pack{{tokens}};
  MeterOptions options;
  options.eviction_cost = options.massive_channels = options.centred_alignment = false;
  options.n_threads = model.n_threads();
  PackMeter meter(model.facts(), pack, options);
  model.run(pack, meter, {});
  Measured measured;
  measured.measurement = std::move(meter.take().front());
  const SequenceMeasurement& m = measured.measurement;
  measured.figures = reduce(m, 0, {});
  measured.detection = detect_by_evidence(measured.figures, {});
  measured.is_ordinary = ordinary_tokens(m, measured.figures);
  measured.boost.assign(tokens.size(), LayerFigures(index(m.n_layers)));
  measured.z = measured.boost;
  for (std::size_t l = 0; l < index(m.n_layers); ++l) {
    const FarNeighbours neighbours(m, l);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const auto far = far_figures(m, l, t);
      if (!far) continue;
      measured.boost[t][l] = far->boost;
      if (const auto standing = neighbours.standing_of(t, far->boost)) measured.z[t][l] = standing->z;
    }
  }
  return measured;
}

// By block, how many times over the rule is met: 1 is just enough.
LayerFigures strengths(const Measured& of, const Rule& rule, std::size_t token) {
  LayerFigures all(index(of.measurement.n_layers));
  for (std::size_t l = 0; l < all.size(); ++l) {
    const auto &boost = of.boost[token][l], &z = of.z[token][l];
    if (!boost) continue;
    all[l] = 1e6F;
    if (rule.min_boost > 0) all[l] = std::min(*all[l], *boost / rule.min_boost);
    if (rule.min_z > 0 && z) all[l] = std::min(*all[l], *z / rule.min_z);
  }
  return all;
}

bool passes(const Measured& of, const Rule& rule, std::size_t token, int birth) {
  const LayerFigures all = strengths(of, rule, token);
  bool before = false;
  for (std::size_t l = index(birth); l < all.size(); ++l) {
    const bool now = all[l] && *all[l] >= 1;
    if (now && before) return true;
    before = now;
  }
  return false;
}

void write_ordinary(const std::string& name, const Measured& of) {
  const int birth = of.detection.primary ? of.detection.primary->birth_layer + 1 : 1;
  for (const Rule& rule : kRules) {
    std::array<int, kTenths> n{}, passed{};
    for (std::size_t t = 0; t < of.is_ordinary.size(); ++t) {
      const bool measured = std::ranges::any_of(of.boost[t], [](const auto& x) { return x.has_value(); });
      if (!of.is_ordinary[t] || !measured) continue;
      const std::size_t tenth = t * kTenths / of.is_ordinary.size();
      ++n[tenth];
      passed[tenth] += passes(of, rule, t, birth);
    }
    std::string cells;
    double worst = 0;
    int all = 0, all_passed = 0;
    for (std::size_t i = 0; i < kTenths; ++i) {
      const double percent = n[i] > 0 ? 100.0 * passed[i] / n[i] : 0;
      cells += n[i] > 0 ? fmt::format(" {:.1f} |", percent) : " - |";
      worst = std::max(worst, percent);
      all += n[i];
      all_passed += passed[i];
    }
    fmt::print("| {} | {} | {} | {}/{} | {:.1f} |{}\n", name, of.is_ordinary.size(), rule.name(), all_passed, all, worst,
               cells);
  }
}

std::optional<float> median_in(const LayerFigures& figures, int first, int last) {
  std::vector<float> values;
  for (int l = first; l <= std::min(last, static_cast<int>(figures.size()) - 1); ++l) {
    if (const auto& figure = figures[index(l)]) values.push_back(*figure);
  }
  return values.empty() ? std::nullopt : std::optional(median_of(values));
}

void write_sinks(const std::string& name, const Measured& of) {
  const auto write = [&](std::string_view kind, int position, int first, int last, std::string_view verdict) {
    const auto &boost = of.boost[index(position)], &z = of.z[index(position)];
    fmt::print("sink {} {}: {} at {} layers {}-{} {}: boost {:.1f} z {:.1f}\n", name, of.measurement.n_tokens, kind,
               position, first, last, verdict, median_in(boost, first + 1, last + 1).value_or(NAN),
               median_in(z, first + 1, last + 1).value_or(NAN));
  };
  if (const auto& primary = of.detection.primary) {
    write("primary", primary->position, primary->birth_layer, primary->birth_end, "");
  }
  for (const Run& run : of.detection.runs) {
    if (run.verdict == Verdict::kSink) write(name_of(run.kind), run.position, run.l_start, run.l_end, "sink");
  }
}

void write_stability(const std::string& name, const Measured& brief, const Measured& whole) {
  for (const Rule& rule : kRules) {
    int sinks = 0, same = 0, late = 0;
    for (const Run& run : brief.detection.runs) {
      if (run.kind == SinkKind::kUnaligned || run.lifetime < Thresholds{}.min_layers) continue;
      const int last = std::min(run.l_end + 1, brief.measurement.n_layers - 1);
      const auto is_sink = [&](const Measured& of) {
        const auto strength = decisive_margin(strengths(of, rule, index(run.position)), run.l_start + 1, last, {});
        return strength && *strength >= 1;
      };
      const bool before = is_sink(brief), after = is_sink(whole);
      sinks += before;
      same += before && after;
      late += !before && after;
    }
    fmt::print("| {} | {} to {} | {} | {} of {} | {} |\n", name, brief.measurement.n_tokens,
               whole.measurement.n_tokens, rule.name(), same, sinks, late);
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
    write_sinks(name, whole);
    const Measured brief = measure(*model, {tokens.begin(), tokens.begin() + length / 8});
    write_sinks(name, brief);
    write_stability(name, brief, whole);
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
