#include "levels/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "base/parallel.h"
#include "base/statistics.h"
#include "base/statistics/document_draws.h"
#include "base/thread_limits.h"
#include "levels/level_search.h"
#include "levels/level_statistics.h"

namespace sinkscope {
namespace {

// Bootstraps for stability draw other documents than those for rates.
constexpr std::uint64_t kStabilityStream = 0x5354414249ULL;

// All sinks of a corpus, and the distinct pairs among them.
struct SinkTable {
  std::vector<PlacedSink> sinks;
  std::vector<std::size_t> cell_of_sink;
  std::vector<LayerCell> cells;  // weight: number of sinks
};

void check_sink(const SinkCorpus& corpus, const CorpusDocument& document, const CorpusSink& sink) {
  const bool layers = 0 <= sink.l_start && sink.l_start <= sink.l_end && sink.l_end < corpus.n_layers;
  const bool position = 0 <= sink.position && sink.position < document.n_tokens;
  if (layers && position) return;
  throw Error(ErrorCode::kInternal,
              fmt::format("a sink at position {}, layers {} to {}, does not fit a document of {} tokens and {} layers",
                          sink.position, sink.l_start, sink.l_end, document.n_tokens, corpus.n_layers));
}

SinkTable table_of(const SinkCorpus& corpus) {
  SinkTable table;
  std::map<std::tuple<int, int, bool>, std::size_t> cell_index;
  for (std::size_t d = 0; d < corpus.documents.size(); ++d) {
    for (const CorpusSink& sink : corpus.documents[d].sinks) {
      check_sink(corpus, corpus.documents[d], sink);
      const auto [entry, is_new] =
          cell_index.try_emplace({sink.l_start, sink.l_end, sink.censored}, table.cells.size());
      if (is_new) table.cells.push_back({sink.l_start, sink.l_end, sink.censored, 0});
      ++table.cells[entry->second].weight;
      table.sinks.push_back({d, &sink});
      table.cell_of_sink.push_back(entry->second);
    }
  }
  // Sums do not depend on the order of the documents if the cells do not.
  std::vector<std::size_t> new_place(table.cells.size());
  std::vector<LayerCell> ordered;
  for (const auto& [key, cell] : cell_index) {
    new_place[cell] = ordered.size();
    ordered.push_back(table.cells[cell]);
  }
  table.cells = std::move(ordered);
  for (std::size_t& cell : table.cell_of_sink) cell = new_place[cell];
  return table;
}

// From where on most documents see no ends.
int median_horizon(const SinkCorpus& corpus) {
  std::vector<int> horizons;
  for (const CorpusDocument& document : corpus.documents) {
    if (!document.sinks.empty()) horizons.push_back(document.horizon);
  }
  if (horizons.empty()) return corpus.n_layers - 1;
  return upper_median_of(horizons);
}

// Which of the levels each level of a bootstrap is: the nearest that it is not apart from.
void count_found(const LevelMixture& bootstrap, const std::vector<LevelComponent>& levels, const Separation& separation,
                 std::vector<char>& found) {
  for (const LevelComponent& drawn : bootstrap.components) {
    std::optional<std::size_t> nearest;
    int least = 0;
    for (std::size_t k = 0; k < levels.size(); ++k) {
      if (separation.apart(drawn, levels[k])) continue;
      const int distance = std::abs(drawn.l_start - levels[k].l_start) + std::abs(drawn.l_end - levels[k].l_end);
      if (!nearest || distance < least) {
        nearest = k;
        least = distance;
      }
    }
    if (nearest) found[*nearest] = 1;
  }
}

// In what fraction of the bootstraps over documents each level is found again.
std::vector<double> stabilities(const SinkCorpus& corpus, const SinkTable& table,
                                const std::vector<LevelComponent>& levels, const LevelSearch& search,
                                const LevelOptions& options) {
  const auto n_bootstraps = static_cast<std::size_t>(options.n_bootstraps);
  const std::vector<std::size_t> order = draw_order(corpus);
  std::vector<std::vector<char>> found(n_bootstraps, std::vector<char>(levels.size()));
  parallel_for(options.n_bootstraps, threads_or_default(options.n_threads), [&](std::int64_t draw, int) {
    const auto weights =
        bootstrap_documents(order, options.seed ^ kStabilityStream, static_cast<std::uint64_t>(draw));
    std::vector<LayerCell> cells = table.cells;
    for (LayerCell& cell : cells) cell.weight = 0;
    for (std::size_t i = 0; i < table.sinks.size(); ++i) {
      cells[table.cell_of_sink[i]].weight += weights[table.sinks[i].document];
    }
    std::erase_if(cells, [](const LayerCell& cell) { return cell.weight == 0; });
    count_found(search_levels(cells, corpus.n_layers, search), levels, search.separation,
                found[static_cast<std::size_t>(draw)]);
  });
  std::vector<double> stability(levels.size());
  for (const auto& draw : found) {
    for (std::size_t k = 0; k < levels.size(); ++k) stability[k] += draw[k];
  }
  for (double& s : stability) s /= std::max(1, options.n_bootstraps);
  return stability;
}

// The level that each cell most likely belongs to; nothing if noise is likelier than not.
std::vector<std::optional<std::size_t>> assign(const LevelMixture& mixture, std::span<const LayerCell> cells,
                                               int n_layers) {
  std::vector<std::optional<std::size_t>> level_of_cell(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    double total = noise_probability(mixture, cells[i], n_layers), best = 0;
    std::size_t best_level = 0;
    for (std::size_t k = 0; k < mixture.components.size(); ++k) {
      const double p = mixture.components[k].weight * probability(mixture.components[k], cells[i]);
      total += p;
      if (p > best) {
        best = p;
        best_level = k;
      }
    }
    if (best > 0.5 * total) level_of_cell[i] = best_level;
  }
  return level_of_cell;
}

// Members of each level by the mixture, and last those of none.
std::vector<std::vector<PlacedSink>> members_of(const SinkTable& table, const LevelMixture& mixture, int n_layers) {
  const auto level_of_cell = assign(mixture, table.cells, n_layers);
  std::vector<std::vector<PlacedSink>> members(mixture.components.size() + 1);
  for (std::size_t i = 0; i < table.sinks.size(); ++i) {
    members[level_of_cell[table.cell_of_sink[i]].value_or(mixture.components.size())].push_back(table.sinks[i]);
  }
  return members;
}

std::int64_t documents_of(std::span<const PlacedSink> members) {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < members.size(); ++i) n += i == 0 || members[i].document != members[i - 1].document;
  return n;
}

bool by_layers(const LevelComponent& a, const LevelComponent& b) {
  return std::pair(a.l_start, a.l_end) < std::pair(b.l_start, b.l_end);
}

// A level's range of layers, and how long its members last.
struct LayerRange {
  int l_start = 0, l_end = 0;
  bool l_end_is_lower_bound = false;
};

LayerRange range_of(const LevelComponent& component, const Lifetimes& lifetimes) {
  if (!lifetimes.median_is_lower_bound) return {component.l_start, component.l_end, false};
  return {component.l_start, component.l_start + lifetimes.median - 1, true};
}

// The levels that are stable, fitted again without the others, which go to `weak`.
std::vector<double> keep_stable(const SinkCorpus& corpus, const SinkTable& table, const LevelSearch& search,
                                const LevelOptions& options, LevelMixture& mixture, std::vector<WeakLevel>& weak) {
  std::vector<double> stability = stabilities(corpus, table, mixture.components, search, options);
  const auto members = members_of(table, mixture, corpus.n_layers);
  LevelMixture stable = mixture;
  stable.components.clear();
  std::vector<double> kept;
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    const LevelComponent& component = mixture.components[k];
    const auto count = static_cast<std::int64_t>(members[k].size());
    if (stability[k] >= options.min_stability && count >= options.min_sinks) {
      stable.components.push_back(component);
      kept.push_back(stability[k]);
    } else {
      const auto [l_start, l_end, is_bound] = range_of(component, lifetimes_of(members[k]));
      weak.push_back({l_start, l_end, is_bound, count, documents_of(members[k]), stability[k]});
      stable.even_weight += component.weight;
    }
  }
  if (!weak.empty()) fit(stable, table.cells, corpus.n_layers, search.separation);
  mixture = std::move(stable);
  return kept;
}

Level describe(const SinkCorpus& corpus, const LevelComponent& component, std::span<const PlacedSink> members) {
  Level level;
  level.start_jitter = kJitters[component.start_jitter];
  level.end_jitter = kJitters[component.end_jitter];
  level.lifetimes = lifetimes_of(members);
  const LayerRange range = range_of(component, level.lifetimes);
  level.l_start = range.l_start;
  level.l_end = range.l_end;
  level.l_end_is_lower_bound = range.l_end_is_lower_bound;
  const auto near = std::ranges::count_if(
      members, [&](const PlacedSink& member) { return within_one(*member.sink, level.l_start, level.l_end); });
  level.within_one_frac = members.empty() ? 0.0 : static_cast<double>(near) / static_cast<double>(members.size());
  level.start_entropy_bits = start_entropy_bits(members);
  level.norm_ratio = median_figure(members, &CorpusSink::norm_ratio);
  level.logit_gap = median_figure(members, &CorpusSink::logit_gap);
  level.far_boost = median_figure(members, &CorpusSink::far_boost);
  level.tokens = commonest_tokens(members, 10);
  level.hazard = hazard_by_position(corpus, members);
  return level;
}

// The sinks of each kind or label that occurs.
template <typename Key>
std::map<int, std::vector<PlacedSink>> split(const SinkTable& table, const Key& key) {
  std::map<int, std::vector<PlacedSink>> groups;
  for (const PlacedSink& placed : table.sinks) groups[key(*placed.sink)].push_back(placed);
  return groups;
}

void add_rates(const SinkCorpus& corpus, const SinkTable& table, const std::vector<std::vector<PlacedSink>>& members,
               const LevelOptions& options, LevelReport& report) {
  using Part = RateTable::Part;
  RateTable rates(corpus, options);
  std::vector<std::pair<Rate*, std::size_t>> wanted;
  const auto want = [&](Rate& rate, std::span<const PlacedSink> sinks, Part part = Part::kAll) {
    wanted.emplace_back(&rate, rates.add(sinks, part));
  };
  const auto by_kind = split(table, [](const CorpusSink& sink) { return static_cast<int>(sink.kind); });
  auto by_label = split(table, [](const CorpusSink& sink) { return sink.label; });
  by_label.erase(-1);
  for (const auto& [kind, sinks] : by_kind) {
    report.by_kind.push_back({std::string(name_of(static_cast<SinkKind>(kind))), {}});
  }
  for (const auto& [label, sinks] : by_label) {
    report.by_label.push_back({corpus.labels.at(static_cast<std::size_t>(label)), {}});
  }
  want(report.all, table.sinks);
  want(report.unassigned, members.back());
  std::size_t i = 0;
  for (const auto& [kind, sinks] : by_kind) want(report.by_kind[i++].rate, sinks);
  i = 0;
  for (const auto& [label, sinks] : by_label) want(report.by_label[i++].rate, sinks);
  for (std::size_t k = 0; k < report.levels.size(); ++k) {
    want(report.levels[k].rate, members[k]);
    want(report.levels[k].prompt_rate, members[k], Part::kPrompt);
    want(report.levels[k].output_rate, members[k], Part::kOutput);
  }
  const std::vector<Rate> computed = rates.compute();
  for (const auto& [rate, place] : wanted) *rate = computed[place];
}

// Sinks are counted along several ways, and each must come to the same: by position, by kind, by level.
void check_counts(const LevelReport& report) {
  const auto agree = [](const char* what, std::int64_t a, std::int64_t b) {
    if (a == b) return;
    throw Error(ErrorCode::kInternal, fmt::format("{}: counted as {} and as {}; please report it", what, a, b));
  };
  Rate of_kinds, of_levels = report.unassigned;
  for (const LabelledRate& kind : report.by_kind) {
    of_kinds.count += kind.rate.count;
    of_kinds.outside += kind.rate.outside;
  }
  for (const Level& level : report.levels) {
    of_levels.count += level.rate.count;
    of_levels.outside += level.rate.outside;
    std::int64_t by_position = 0;
    for (const HazardBin& bin : level.hazard) by_position += bin.count;
    agree("sinks of a level at eligible positions", level.rate.count, by_position);
    agree("sinks of a level in prompts and outputs", level.rate.count, level.prompt_rate.count + level.output_rate.count);
  }
  agree("sinks at eligible positions by kind", report.all.count, of_kinds.count);
  agree("sinks outside the eligible tokens by kind", report.all.outside, of_kinds.outside);
  agree("sinks at eligible positions by level", report.all.count, of_levels.count);
  agree("sinks outside the eligible tokens by level", report.all.outside, of_levels.outside);
}

}  // namespace

LevelReport find_levels(const SinkCorpus& corpus, const LevelOptions& options) {
  const SinkTable table = table_of(corpus);
  LevelReport report;
  report.n_layers = corpus.n_layers;
  report.documents = static_cast<std::int64_t>(corpus.documents.size());
  for (const CorpusDocument& document : corpus.documents) {
    report.tokens += document.n_tokens;
    report.documents_without_primary += !document.has_primary;
  }
  for (const PlacedSink& placed : table.sinks) {
    if (placed.sink->n_tokens == 1) continue;
    ++report.groups;
    report.group_tokens += placed.sink->n_tokens;
  }
  report.start_entropy_bits = start_entropy_bits(table.sinks);

  LevelMixture mixture;
  std::vector<double> stability;  // of each component; empty where there are too few documents to say
  report.enough_documents = report.documents >= options.enough_documents;
  if (!table.sinks.empty()) {
    LevelSearch search;
    search.separation = {options.separation, median_horizon(corpus)};
    search.most_levels = options.most_levels;
    search.min_sinks = options.min_sinks;
    mixture = search_levels(table.cells, corpus.n_layers, search);
    std::ranges::sort(mixture.components, by_layers);
    if (!mixture.components.empty() && report.enough_documents) {
      stability = keep_stable(corpus, table, search, options, mixture, report.weak);
    }
  }
  const auto members = members_of(table, mixture, corpus.n_layers);
  std::int64_t near = 0;
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    Level level = describe(corpus, mixture.components[k], members[k]);
    if (report.enough_documents) level.stability = stability[k];
    level.tentative = documents_of(members[k]) < options.tentative_documents;
    near += std::ranges::count_if(
        members[k], [&](const PlacedSink& member) { return within_one(*member.sink, level.l_start, level.l_end); });
    report.levels.push_back(std::move(level));
  }
  if (!table.sinks.empty()) {
    report.within_one_frac = static_cast<double>(near) / static_cast<double>(table.sinks.size());
  }
  const auto level_of_cell = assign(mixture, table.cells, corpus.n_layers);
  for (const std::size_t cell : table.cell_of_sink) {
    report.level_of_sink.push_back(level_of_cell[cell] ? std::optional<int>(static_cast<int>(*level_of_cell[cell]))
                                                       : std::nullopt);
  }
  add_rates(corpus, table, members, options, report);
  check_counts(report);
  return report;
}

}  // namespace sinkscope
