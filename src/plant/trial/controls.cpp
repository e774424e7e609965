#include "plant/trial/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/statistics.h"
#include "gguf/writer.h"
#include "plant/calibration.h"
#include "plant/neuron.h"
#include "plant/readings.h"
#include "plant/trial/primary_meter.h"
#include "plant/trial/threshold_grid.h"
#include "plant/trial/write_meter.h"
#include "probe/tee_observer.h"
#include "sinks/every_token.h"

namespace sinkscope {
namespace {

constexpr int kBlocksBehind = 4;

struct Variant {
  std::string row;
  Direction direction;
  std::uint64_t seed = 1;
  bool silent = false;  // the neuron writes nothing: what the texts show without planting
};

// The most frequent token of the texts that is no planted one.
TokenId frequent_token(const Sequences& texts, const PlantTruth& truth) {
  std::map<TokenId, int> counts;
  for (const auto& text : texts) {
    for (std::size_t p = kPrimaryCandidates; p < text.size(); ++p) ++counts[text[p]];
  }
  for (const PlantedSink& sink : truth.sinks) counts.erase(sink.token);
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? -1 : most->first;
}

std::vector<Variant> variants_of(const PlantTruth& truth, const Sequences& texts, int n_seeds) {
  std::vector<Variant> variants;
  variants.push_back({"none", {}, 1, true});
  for (const char* name : {"axis", "opposite"}) variants.push_back({name, parse_direction(name), 1, false});
  for (const char* name : {"orthogonal", "permuted"}) {
    for (int seed = 1; seed <= n_seeds; ++seed) {
      variants.push_back({name, parse_direction(name), static_cast<std::uint64_t>(seed), false});
    }
  }
  for (const char* name : {"channel", "no-channels"}) variants.push_back({name, parse_direction(name), 1, false});
  const TokenId token = frequent_token(texts, truth);
  if (token >= 0) variants.push_back({"token", parse_direction(fmt::format("token:{}", token)), 1, false});
  variants.push_back({"mean", parse_direction("mean"), 1, false});
  return variants;
}

// The planted model's layers, with what directions are made of.
class Planted {
 public:
  Planted(const std::string& path, const PlantTruth& truth) : file_(path), truth_(truth) {}

  void learn(Model& model, const Sequences& texts, const ControlOptions& options) {
    std::map<int, LayerNeeds> needs;
    const TokenId token = frequent_token(texts, truth_);
    for (const PlantedSink& sink : truth_.sinks) {
      LayerNeeds& need = needs[sink.layer];
      need.layer = sink.layer;
      need.sinks.push_back({sink.token, sink.after});
      need.directions = {token};
    }
    std::vector<LayerNeeds> list;
    for (auto& [layer, need] : needs) list.push_back(need);
    std::int64_t n_tokens = 0;
    for (const auto& text : texts) n_tokens += static_cast<std::int64_t>(text.size());
    statistics_ = std::make_unique<Calibration>(list, truth_.d_model, n_tokens);
    for (const auto& text : texts) {
      statistics_->begin(text);
      RunOptions run;
      run.should_stop = options.should_stop;
      model.run(Pack{{text}}, *statistics_, run);
    }
  }

  // throws  Error{kInput} if the direction cannot be planted
  void write(const Variant& variant, const std::string& path) const {
    std::map<int, std::pair<MlpWeights, std::size_t>> layers;  // with how many of the layer's sinks are done
    for (const PlantedSink& sink : truth_.sinks) {
      auto at = layers.find(sink.layer);
      if (at == layers.end()) {
        at = layers.emplace(sink.layer, std::pair{MlpWeights(file_, sink.layer), 0U}).first;
      }
      MlpWeights& weights = at->second.first;
      const LayerStatistics& seen = statistics_->layer(sink.layer);
      const SinkStatistics& here = seen.sinks[at->second.second++];
      const auto axis = seen.first[static_cast<std::size_t>(truth_.primary_position)].mean_floats();
      put_write(weights, sink.neuron, axis, 0);  // what is left is what the MLP writes by itself
      if (variant.silent) continue;
      const auto mean = seen.ordinary.mean_floats();
      std::vector<float> token;
      if (const auto found = seen.tokens.find(variant.direction.token); found != seen.tokens.end()) {
        token = found->second.mean_floats();
      }
      const auto u = unit_direction(variant.direction, {axis, mean, token}, variant.seed);
      const double square = weights.post_gain().empty() ? 0 : weights.mean_square_write(here.targets.view());
      const WritePlan plan = plan_write(u, sink.norm, weights.post_gain(), square);
      put_write(weights, sink.neuron, plan.write, plan.amplitude);
    }
    std::vector<NewGgufTensor> replaced;
    for (auto& [layer, weights] : layers) {
      auto tensors = std::move(weights.first).tensors(false);
      replaced.push_back(std::move(tensors.back()));  // the down matrix alone has changed
    }
    write_gguf_copy(file_, replaced, path);
  }

 private:
  GgufFile file_;
  const PlantTruth& truth_;
  std::unique_ptr<Calibration> statistics_;
};

// A file that is gone when the controls are.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::optional<double> boost_behind(const SequenceReading& reading, int layer, int position) {
  std::vector<double> boosts;
  const int last = std::min(layer + kBlocksBehind, static_cast<int>(reading.far_boost.rows()) - 1);
  for (int block = layer + 1; block <= last; ++block) {
    const float boost = reading.far_boost(static_cast<std::size_t>(block), static_cast<std::size_t>(position));
    if (!std::isnan(boost)) boosts.push_back(static_cast<double>(boost));
  }
  return quantile_of(std::move(boosts), 0.5);
}

struct RowSums {
  std::vector<double> boosts, model_boosts, scores;
};

void read_variant(Model& model, WriteMeter& writes, const PlantTruth& truth, const Sequences& texts,
                  const ControlOptions& options, ControlRow& row, RowSums& sums) {
  int last_layer = 0;
  for (const PlantedSink& sink : truth.sinks) last_layer = std::max(last_layer, sink.layer);
  PrimaryMeter primary(std::min(last_layer + 1, truth.n_layers - 1), RunOptions{}.min_distance);
  TeeObserver both(primary, writes);
  std::vector<double> own;
  for (const auto& text : texts) {
    primary.begin(truth.primary_position);
    writes.begin(static_cast<int>(text.size()));
    const SequenceReading reading = read_sequence(model, text, both, options.thresholds, options.should_stop,
                                                  options.trial == nullptr ? CandidateFloor{} : kEveryToken);
    if (options.trial != nullptr) options.trial->add_control(row.direction, text, reading, writes.written());
    for (const PlantedSink& sink : truth.sinks) {
      const SinkPlaces places{sink.token, sink.after};
      for (int p = 0; p < static_cast<int>(text.size()); ++p) {
        if (!places.wanted(text, p)) continue;
        const auto boost = boost_behind(reading, sink.layer, p);
        if (!boost) continue;
        ++row.places;
        own.push_back(*boost);
        const Run* run = reading.sink_at(p, sink.layer);
        ++row.kinds[run == nullptr ? "none" : std::string(name_of(run->kind))];
      }
    }
    if (const auto score = primary.score()) sums.scores.push_back(static_cast<double>(*score));
  }
  sums.boosts.insert(sums.boosts.end(), own.begin(), own.end());
  if (const auto median = quantile_of(std::move(own), 0.5)) sums.model_boosts.push_back(*median);
}

}  // namespace

ControlTable run_controls(const std::string& planted, const ModelLoader& load, const PlantTruth& truth,
                          const Sequences& texts, const ControlOptions& options) {
  Planted source(planted, truth);
  source.learn(*load(planted), texts, options);
  WriteMeter writes(planted, truth);  // what neurons look for is the same in every variant
  const std::vector<Variant> variants = variants_of(truth, texts, options.n_seeds);
  ControlTable table;
  std::map<std::string, RowSums> sums;
  for (std::size_t v = 0; v < variants.size(); ++v) {
    const Variant& variant = variants[v];
    if (table.rows.empty() || table.rows.back().direction != variant.row) {
      table.rows.emplace_back();
      table.rows.back().direction = variant.row;
    }
    ControlRow& row = table.rows.back();
    if (options.on_progress) options.on_progress(variant.row, static_cast<int>(v), static_cast<int>(variants.size()));
    const ScratchFile scratch(options.scratch);
    try {
      source.write(variant, scratch.path());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInput) throw;
      row.unreachable = error.what();
      continue;
    }
    ++row.n_models;
    read_variant(*load(scratch.path()), writes, truth, texts, options, row, sums[row.direction]);
  }
  for (ControlRow& row : table.rows) {
    RowSums& sum = sums[row.direction];
    row.far_boost = spread_of(sum.boosts);
    row.far_boost_models = spread_of(sum.model_boosts);
    double total = 0;
    for (const double score : sum.scores) total += score;
    if (!sum.scores.empty()) row.primary_score = total / static_cast<double>(sum.scores.size());
  }
  const auto row_of = [&](std::string_view name) {
    return std::find_if(table.rows.begin(), table.rows.end(), [&](const ControlRow& r) { return r.direction == name; });
  };
  const auto axis = row_of("axis"), orthogonal = row_of("orthogonal");
  if (axis != table.rows.end() && orthogonal != table.rows.end() && axis->far_boost && orthogonal->far_boost_models) {
    table.axis_beats_orthogonal = axis->far_boost->median > orthogonal->far_boost_models->p95;
  }
  return table;
}

}  // namespace sinkscope
