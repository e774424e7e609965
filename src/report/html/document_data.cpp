#include "report/html/document_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "report/html/block.h"
#include "report/html/token_text.h"
#include "report/json_writer.h"

namespace sinkscope {
namespace {

constexpr float kNotMeasured = std::numeric_limits<float>::quiet_NaN();
constexpr std::array kQuantiles = {0.05, 0.25, 0.5, 0.75, 0.95};

// A profile array of the results file that the page shows, and how.
struct Shown {
  const char* array;
  bool cosine;
};
constexpr std::array kShown = {
    Shown{"alignment", true},    Shown{"centred_alignment", true}, Shown{"read_alignment", true},
    Shown{"hidden_norm", false}, Shown{"sink_score", false},       Shown{"sink_score_head_max", false},
    Shown{"far_boost", false},   Shown{"attn_write_norm", false},  Shown{"mlp_write_norm", false},
    Shown{"key_norm", false},    Shown{"value_norm", false},
};

// Figures of a token that the file keeps whether or not it keeps profiles, under the names of profiles where they are
// the same.
struct KeptFigure {
  const char* name;
  LayerFigures TokenProfile::* figures;
};
constexpr std::array kKeptFigures = {
    KeptFigure{"alignment", &TokenProfile::alignment},
    KeptFigure{"centred_alignment", &TokenProfile::centred_alignment},
    KeptFigure{"read_alignment", &TokenProfile::read_alignment},
    KeptFigure{"hidden_norm", &TokenProfile::hidden_norm},
    KeptFigure{"norm_ratio", &TokenProfile::norm_ratio},
    KeptFigure{"mlp_write_norm", &TokenProfile::mlp_write_norm},
    KeptFigure{"value_norm_ratio", &TokenProfile::value_norm_ratio},
    KeptFigure{"sink_score", &TokenProfile::score},
    KeptFigure{"sink_score_head_max", &TokenProfile::score_head_max},
    KeptFigure{"far_boost", &TokenProfile::far_boost},
    KeptFigure{"heads_over_10", &TokenProfile::heads_over_10},
    KeptFigure{"logit_gap", &TokenProfile::logit_gap},
};

const TokenProfile* profile_of(const SequenceFigures& figures, int position) {
  for (const auto* profiles : {&figures.first_positions, &figures.tokens}) {
    const auto found = std::ranges::find(*profiles, position, &TokenProfile::position);
    if (found != profiles->end()) return &*found;
  }
  return nullptr;
}

// Positions whose figures are shown by layer: the primary's set, and every sink.
std::vector<int> row_positions(const Detection& detection) {
  std::set<int> positions;
  if (detection.primary) {
    positions.insert(detection.primary->position);
    positions.insert(detection.primary->set.begin(), detection.primary->set.end());
  }
  for (const Run& run : detection.runs) {
    if (run.verdict == Verdict::kSink) positions.insert(run.position);
  }
  return {positions.begin(), positions.end()};
}

class Writer {
 public:
  Writer(const ScanFile& file, const StoredDocument& document, const Detection& detection)
      : file_(file), document_(document), rows_(row_positions(detection)) {}

  std::string packed(bool detail) {
    add_rows();
    add_profiles(detail);
    std::ostringstream out;
    JsonWriter json(out);
    json.open_object(JsonLayout::kInline);
    add_tokens(json);
    json.key("rows").open_array(JsonLayout::kInline);
    for (const int position : rows_) json.value(position);
    json.close().key("quantiles").open_array(JsonLayout::kInline);
    for (const double quantile : kQuantiles) json.value(static_cast<float>(quantile));
    json.close().close();
    return block_.packed(out.str());
  }

 private:
  // The different texts of tokens once, and which of them stands where.
  void add_tokens(JsonWriter& json) {
    std::map<TokenId, std::string> vocabulary;
    std::vector<std::string> bytes;
    std::vector<std::uint32_t> ids;
    for (const TokenId token : document_.tokens) {
      const auto [entry, is_new] = vocabulary.try_emplace(token);
      if (is_new) entry->second = file_.token_bytes(token);
      bytes.push_back(entry->second);
      ids.push_back(static_cast<std::uint32_t>(token));
    }
    std::map<std::string, std::uint32_t> index;
    std::vector<std::uint32_t> places;
    json.key("texts").open_array(JsonLayout::kInline);
    for (const std::string& text : token_texts(bytes)) {
      const auto [entry, is_new] = index.try_emplace(text, static_cast<std::uint32_t>(index.size()));
      if (is_new) json.value(text);
      places.push_back(entry->second);
    }
    json.close();
    const std::array shape = {places.size()};
    block_.add("text_index", shape, places);
    block_.add("token_id", shape, ids);
  }

  void add_rows() {
    const std::array shape = {rows_.size(), n_layers()};
    for (const auto& [name, figures] : kKeptFigures) {
      std::vector<float> values(rows_.size() * n_layers(), kNotMeasured);
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        const TokenProfile* profile = profile_of(document_.figures, rows_[row]);
        if (profile == nullptr) continue;
        const LayerFigures& layers = profile->*figures;
        for (std::size_t l = 0; l < std::min(layers.size(), n_layers()); ++l) {
          values[row * n_layers() + l] = layers[l].value_or(kNotMeasured);
        }
      }
      block_.add(std::string("row.") + name, shape, values);
    }
    std::vector<float> ordinary;
    for (const auto& norm : document_.figures.ordinary_norm) ordinary.push_back(norm.value_or(kNotMeasured));
    block_.add("ordinary_norm", std::array{ordinary.size()}, ordinary);
  }

  void add_profiles(bool detail) {
    const std::vector<ProfileShape> shapes = file_.profile_shapes(document_.ordinal);
    for (const Shown& shown : kShown) {
      if (std::ranges::find(shapes, shown.array, &ProfileShape::name) == shapes.end()) continue;
      const ProfileArray array = file_.profile(document_.ordinal, shown.array);
      add_profile_rows(array);
      add_quantiles(array);
      if (detail) add_map(array, shown.cosine);
    }
  }

  // Norms of states grow through the network, so their map is of norm ratios.
  void add_map(const ProfileArray& array, bool cosine) {
    const bool hidden = array.name == "hidden_norm";
    std::vector<float> values = array.values;
    for (std::size_t v = 0; hidden && v < values.size(); ++v) {
      const auto median = document_.figures.ordinary_norm.at(v / array.shape.back());
      values[v] = median && *median > 0 ? values[v] / *median : kNotMeasured;
    }
    block_.add("map." + (hidden ? "norm_ratio" : array.name), array.shape,
               cosine ? quantise_linear(values, -1, 1) : quantise_logarithmic(values));
  }

  void add_profile_rows(const ProfileArray& array) {
    if (std::ranges::any_of(kKeptFigures, [&](const KeptFigure& kept) { return array.name == kept.name; })) return;
    const std::size_t columns = array.shape.back();
    std::vector<float> values;
    for (const int position : rows_) {
      for (std::size_t l = 0; l < n_layers(); ++l) {
        values.push_back(array.values.at(l * columns + static_cast<std::size_t>(position)));
      }
    }
    block_.add("row." + array.name, std::array{rows_.size(), n_layers()}, values);
  }

  // Over all tokens that are neither the primary nor a sink, by layer: [quantile, layer].
  void add_quantiles(const ProfileArray& array) {
    const std::size_t columns = array.shape.back();
    std::vector<float> quantiles(kQuantiles.size() * n_layers(), kNotMeasured), others;
    for (std::size_t l = 0; l < n_layers(); ++l) {
      others.clear();
      for (std::size_t t = 0; t < columns; ++t) {
        const float value = array.values[l * columns + t];
        if (!std::isnan(value) && !std::ranges::binary_search(rows_, static_cast<int>(t))) others.push_back(value);
      }
      if (others.empty()) continue;
      std::ranges::sort(others);
      for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
        const double at = kQuantiles[q] * static_cast<double>(others.size() - 1);
        const auto below = static_cast<std::size_t>(at);
        const std::size_t above = std::min(below + 1, others.size() - 1);
        quantiles[q * n_layers() + l] =
            std::lerp(others[below], others[above], static_cast<float>(at - std::floor(at)));
      }
    }
    block_.add("quantiles." + array.name, std::array{kQuantiles.size(), n_layers()}, quantiles);
  }

  std::size_t n_layers() const { return static_cast<std::size_t>(document_.figures.n_layers); }

  const ScanFile& file_;
  const StoredDocument& document_;
  std::vector<int> rows_;
  Block block_;
};

}  // namespace

std::string document_block(const ScanFile& file, const StoredDocument& document, const HtmlOptions& options,
                           bool detail) {
  return Writer(file, document, detect_by_evidence(document.figures, options.report.thresholds)).packed(detail);
}

}  // namespace sinkscope
