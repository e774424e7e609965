#include "measure/sequence_meter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "base/vectors.h"
#include "measure/candidate_cosines.h"
#include "measure/candidates.h"
#include "measure/ordinary.h"
#include "probe/not_finite.h"

namespace sinkscope {
namespace {

constexpr float kWatchedAlignment = 0.7F;

float norm_of(std::span<const float> row) { return static_cast<float>(length_of(row)); }

}  // namespace

SequenceMeter::SequenceMeter(const ModelFacts& facts, std::span<const TokenId> tokens_of_sequence, int min_distance,
                             int n_kept_positions)
    : d_model_(index(facts.d_model)),
      n_candidates_(std::min(index(kPrimaryCandidates), tokens_of_sequence.size())),
      n_kept_positions_(index(n_kept_positions)),
      measurement_(nothing_measured_of(tokens_of_sequence, facts, n_kept_positions)),
      watch_list_(facts.n_layers, facts.n_heads_max, measurement_.n_tokens, measurement_.roles.candidates),
      candidate_states_(index(facts.n_layers), kPrimaryCandidates, d_model_),
      candidate_writes_(index(facts.n_layers), kPrimaryCandidates, d_model_),
      candidate_reads_(index(facts.n_layers)),
      ordinary_sum_(index(facts.n_layers), d_model_),
      n_ordinary_(index(facts.n_layers)),
      mean_(d_model_),
      centred_candidates_(kPrimaryCandidates, d_model_),
      evident_(tokens_of_sequence.size()),
      magnitudes_(index(facts.n_layers)) {
  const std::size_t layers = index(facts.n_layers);
  const std::size_t heads = index(facts.n_heads_max);
  const std::size_t tokens = tokens_of_sequence.size();
  SequenceMeasurement& m = measurement_;
  m.n_layers = facts.n_layers;
  m.n_heads = facts.n_heads_max;
  m.n_candidates = static_cast<int>(n_candidates_);
  m.min_distance = min_distance;
  m.has_writes.resize(layers);
  m.has_attention.resize(layers);
  m.has_read.resize(layers);
  m.has_key_value.resize(layers);
  m.heads_in_layer.resize(layers);
  m.kv_heads_in_layer.resize(layers);
  for (auto* matrix : {&m.hidden_norm, &m.attn_write_norm, &m.mlp_write_norm, &m.key_norm, &m.value_norm}) {
    *matrix = Matrix<float>(layers, tokens);
  }
  for (std::size_t c = 0; c < n_candidates_; ++c) m.standing.push_back(c);
  for (auto* cosines : {&m.alignment, &m.centred_alignment, &m.read_alignment, &m.mlp_write_alignment}) {
    *cosines = CandidateCosines(layers, n_candidates_);
  }
  m.attention_sum = Cube<float>(layers, heads, tokens);
  m.attention_far_sum = Cube<float>(layers, heads, tokens);
  m.key_counts = KeyCounts(facts.n_layers, m.n_tokens);
  m.learned_mass = Matrix<double>(layers, heads);
  m.channels.resize(layers);
  m.channel_median.resize(layers);
}

void SequenceMeter::begin_rows(int n_tokens) {
  n_come_ = n_tokens;
  if (settled_) return;
  SequenceMeasurement& m = measurement_;
  for (auto* cosines : {&m.alignment, &m.centred_alignment, &m.read_alignment, &m.mlp_write_alignment}) {
    cosines->resize(index(n_tokens));
  }
}

void SequenceMeter::end_rows(int n_tokens) {
  SequenceMeasurement& m = measurement_;
  m.key_counts.add_noted();
  if (settled_ || n_tokens < kSettlingTokens || n_tokens <= last_candidate() || n_tokens == m.n_tokens) return;
  settled_ = true;
  m.standing = standing_candidates(m.hidden_norm, n_tokens, m.roles);
  for (std::size_t c = std::min(n_kept_positions_, n_candidates_); c-- > 0;) {
    if (!std::ranges::binary_search(m.standing, c)) m.standing.push_back(c);
  }
  std::ranges::sort(m.standing);
  for (auto* cosines : {&m.alignment, &m.centred_alignment, &m.read_alignment, &m.mlp_write_alignment}) {
    cosines->keep_only(m.standing, index(m.n_tokens));
  }
}

void SequenceMeter::set_cosines(CandidateCosines& cosines, int layer, std::size_t token, const RowProducts& products,
                                float norm, std::span<const float> candidate_norms) {
  for (std::size_t c = 0; c < n_candidates_; ++c) {
    if (!cosines.holds(c)) continue;
    const bool has_come = positions()[c] < n_come_;
    cosines.at(index(layer), c, token) =
        has_come ? clamped_cosine(products.dots[c], norm, candidate_norms[c]) : std::numeric_limits<float>::quiet_NaN();
  }
}

void SequenceMeter::measure_mid_residual(int layer, SequenceRows rows, MatrixView<float> running) {
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    note_attention_write(layer, index(rows.first_position) + i,
                         step_squared_norm(rows.states.row(i).data(), running.row(i).data(), d_model_));
  }
}

void SequenceMeter::measure_attention_write(int layer, SequenceRows rows) {
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    note_attention_write(layer, index(rows.first_position) + i,
                         row_products(rows.states.row(i).data(), candidates(layer)).squared_norm);
  }
}

void SequenceMeter::keep_candidates(int layer, SequenceRows rows, MatrixView<const float> running_mid,
                                    MatrixView<const float> writes) {
  for_candidates(rows, [&](std::size_t c, std::size_t i) {
    const auto state = rows.states.row(i);
    std::copy(state.begin(), state.end(), candidate_states_.row(index(layer), c).begin());
    measurement_.hidden_norm(index(layer), index(positions()[c])) = norm_of(state);
    const auto write = candidate_writes_.row(index(layer), c);
    if (writes.rows() > 0) {
      std::copy(writes.row(i).begin(), writes.row(i).end(), write.begin());
    } else if (running_mid.rows() > 0) {
      for (std::size_t j = 0; j < d_model_; ++j) write[j] = state[j] - running_mid(i, j);
    }
  });
}

CandidateNorms SequenceMeter::state_norms(int layer) const {
  CandidateNorms norms{};
  const auto all = measurement_.hidden_norm.row(index(layer));
  for (std::size_t c = 0; c < n_candidates_; ++c) norms[c] = all[index(positions()[c])];
  return norms;
}

void SequenceMeter::note_state(int layer, std::size_t token, const RowProducts& products) {
  SequenceMeasurement& m = measurement_;
  const std::size_t l = index(layer);
  const float norm = std::sqrt(products.squared_norm);
  // Candidates have their norm from keep_candidates, and other rows read it meanwhile.
  if (!is_candidate(token)) m.hidden_norm(l, token) = norm;
  set_cosines(m.alignment, layer, token, products, norm, state_norms(layer));
}

void SequenceMeter::note_mlp_write(int layer, std::size_t token, const RowProducts& products) {
  SequenceMeasurement& m = measurement_;
  const std::size_t l = index(layer);
  m.mlp_write_norm(l, token) = std::sqrt(products.squared_norm);
  set_cosines(m.mlp_write_alignment, layer, token, products, m.mlp_write_norm(l, token), state_norms(layer));
}

void SequenceMeter::measure_block(int layer, SequenceRows rows, MatrixView<float> running, bool running_is_mid) {
  const MatrixView<const float> all = candidates(layer);
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    const std::size_t t = index(rows.first_position) + i;
    const float* state = rows.states.row(i).data();
    if (running_is_mid) {
      const BlockProducts products = block_products(state, running.row(i).data(), all);
      note_mlp_write(layer, t, products.write);
      note_state(layer, t, products.state);
    } else {
      note_state(layer, t, row_products(state, all));
      std::copy_n(state, d_model_, running.row(i).data());
    }
  }
}

void SequenceMeter::measure_mlp_write(int layer, SequenceRows rows) {
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    note_mlp_write(layer, index(rows.first_position) + i, row_products(rows.states.row(i).data(), candidates(layer)));
  }
}

void SequenceMeter::classify(int layer, int first_position, std::size_t n_rows) {
  first_position_ = first_position;
  row_channels_.assign(n_rows, {});
  const auto norms = std::as_const(measurement_).hidden_norm.row(index(layer));
  const std::size_t end = index(first_position) + n_rows;
  for (std::size_t t = index(first_position); t < end; ++t) {
    if (!std::isfinite(norms[t])) {
      throw NotFinite("block " + std::to_string(layer) + ", position " + std::to_string(t) +
                      ": expected finite states, got a norm of " + std::to_string(norms[t]) +
                      "; the model file may be damaged");
    }
  }
  const auto ordinary = sampled_ordinary_norms(norms.first(end), measurement_.roles.may_be_ordinary, scratch_);
  limit_ = ordinary ? ordinary->limit : 0;
  median_ = ordinary && measurement_.roles.n_counted[end - 1] >= kMinOrdinaryTokens ? ordinary->median : 0;
  for (std::size_t t = index(first_position); t < end; ++t) n_ordinary_[index(layer)] += is_ordinary(layer, t);
}

void SequenceMeter::add_to_mean(int layer, SequenceRows rows, std::size_t first, std::size_t count) {
  // Column blocks fit a small buffer, so that rows are added in float32 and only micro-batches in float64.
  std::vector<float> of_batch(count);
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    if (!is_ordinary(layer, index(rows.first_position) + i)) continue;
    const float* state = rows.states.row(i).data() + first;
    for (std::size_t j = 0; j < count; ++j) of_batch[j] += state[j];
  }
  add_sum_to_mean(layer, first, of_batch);
}

void SequenceMeter::add_sum_to_mean(int layer, std::size_t first, std::span<const float> sum) {
  const std::size_t l = index(layer);
  const auto total = ordinary_sum_.row(l).subspan(first, sum.size());
  for (std::size_t j = 0; j < sum.size(); ++j) {
    total[j] += static_cast<double>(sum[j]);
    mean_[first + j] = n_ordinary_[l] > 0 ? static_cast<float>(total[j] / n_ordinary_[l]) : 0.0F;
  }
}

void SequenceMeter::mean_before(int layer, std::span<float> origin) const {
  const auto total = ordinary_sum_.row(index(layer));
  const double n = std::max(1, n_ordinary(layer));
  for (std::size_t j = 0; j < origin.size(); ++j) origin[j] = static_cast<float>(total[j] / n);
}

void SequenceMeter::centre_candidates(int layer) {
  measurement_.has_centred = n_ordinary_[index(layer)] > 0;
  for (std::size_t c = 0; c < n_candidates_; ++c) {
    const auto state = candidate_states_.row(index(layer), c);
    for (std::size_t j = 0; j < d_model_; ++j) centred_candidates_(c, j) = state[j] - mean_[j];
  }
}

CandidateNorms SequenceMeter::centred_norms() const {
  CandidateNorms norms{};
  for (std::size_t c = 0; c < n_candidates_; ++c) norms[c] = norm_of(centred_candidates_.row(c));
  return norms;
}

void SequenceMeter::note_centred(int layer, std::size_t token, const RowProducts& products,
                                 std::span<const float> centred_norms) {
  set_cosines(measurement_.centred_alignment, layer, token, products, std::sqrt(products.squared_norm), centred_norms);
}

void SequenceMeter::measure_centred(int layer, SequenceRows rows) {
  const CandidateNorms norms = centred_norms();
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    note_centred(layer, index(rows.first_position) + i,
                 shifted_row_products(rows.states.row(i).data(), mean_.data(), centred_candidates()), norms);
  }
}

void SequenceMeter::find_channels(int layer, SequenceRows rows) {
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    const std::size_t t = index(rows.first_position) + i;
    if (!has_large_norm(layer, t)) continue;
    row_channels_[t - index(first_position_)] = top_channels(rows.states.row(i));
  }
}

void SequenceMeter::note_channels(int layer, SequenceRows rows) {
  const std::size_t l = index(layer);
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    const std::size_t t = index(rows.first_position) + i;
    const TopChannels& found = row_channels_[t - index(first_position_)];
    if (found.channel.front() >= 0) measurement_.channels[l].push_back({static_cast<int>(t), found});
    if (shows_magnitudes(layer, t)) magnitudes_[l].add(rows.states.row(i));
  }
}

void SequenceMeter::watch_evidence(int layer, int first_position, std::size_t n_rows) {
  struct Evidence {
    float strength;
    int position;
  };
  std::vector<Evidence> found;
  const SequenceMeasurement& m = measurement_;
  const std::size_t l = index(layer);
  const std::size_t end = index(first_position) + n_rows;
  for (std::size_t t = index(first_position); t < end; ++t) {
    float alignment = 0;
    if (median_ > 0 && has_large_norm(layer, t)) {
      for (const std::size_t c : m.standing) {
        if (m.hidden_norm(l, index(positions()[c])) >= least_norm())
          alignment = std::max(alignment, m.alignment(l, c, t));
      }
    }
    const bool evident = alignment >= kWatchedAlignment;
    const int position = static_cast<int>(t);
    if (evident && layer > 0 && evident_[t] && !watch_list_.watches(position)) {
      found.push_back({alignment * m.hidden_norm(l, t), position});
    }
    evident_[t] = evident;
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Evidence& a, const Evidence& b) { return a.strength > b.strength; });
  for (const Evidence& evidence : found) watch_list_.watch(evidence.position);
}

void SequenceMeter::keep_read_candidates(int layer, SequenceRows rows) {
  auto& reads = candidate_reads_[index(layer)];
  if (reads.empty()) reads = Matrix<float>(kPrimaryCandidates, rows.states.cols());
  for_candidates(rows, [&](std::size_t c, std::size_t i) {
    const auto row = rows.states.row(i);
    std::copy(row.begin(), row.end(), reads.row(c).begin());
  });
}

CandidateNorms SequenceMeter::read_norms(int layer) const {
  const auto& reads = candidate_reads_[index(layer)];
  CandidateNorms norms{};
  for (std::size_t c = 0; c < n_candidates_; ++c) norms[c] = norm_of(reads.row(c));
  return norms;
}

void SequenceMeter::note_read(int layer, std::size_t token, const RowProducts& products,
                              std::span<const float> candidate_norms) {
  set_cosines(measurement_.read_alignment, layer, token, products, std::sqrt(products.squared_norm), candidate_norms);
}

void SequenceMeter::measure_read(int layer, SequenceRows rows) {
  const auto& reads = std::as_const(candidate_reads_[index(layer)]);
  const CandidateNorms norms = read_norms(layer);
  for (std::size_t i = 0; i < rows.states.rows(); ++i) {
    note_read(layer, index(rows.first_position) + i, row_products(rows.states.row(i).data(), reads.view()), norms);
  }
}

double SequenceMeter::add_head(const AttentionEvent& event, SequenceQueries part, std::size_t head) {
  SequenceMeasurement& m = measurement_;
  const std::size_t layer = index(event.layer), first = index(part.first_key);
  const std::size_t count = index(part.first_position + part.n_rows);
  add_and_sum(event.far_sums.row(head).subspan(first, count), m.attention_far_sum.row(layer, head).data());
  return static_cast<double>(
      add_and_sum(event.sums.row(head).subspan(first, count), m.attention_sum.row(layer, head).data()));
}

void SequenceMeter::add_queries(const AttentionEvent& event, SequenceQueries part,
                                std::span<const double> head_totals) {
  SequenceMeasurement& m = measurement_;
  const std::size_t layer = index(event.layer), first = index(part.first_key);
  const std::size_t count = index(part.first_position + part.n_rows);
  m.has_attention[layer] = 1;
  m.heads_in_layer[layer] = event.n_heads;
  m.kv_heads_in_layer[layer] = event.n_kv_heads;
  const KeyVisibility& seen = event.visibility;
  m.key_counts.note(event.layer,
                    {seen.queries.subspan(first, count), seen.far_queries.subspan(first, count),
                     seen.far_uniform.subspan(first, count),
                     seen.far_selected.empty() ? seen.far_selected : seen.far_selected.subspan(first, count)});
  // The event has it of all sequences together: of one it is what its queries did not give to its keys.
  for (std::size_t head = 0; head < event.learned_mass.size(); ++head) {
    if (event.learned_mass[head] == 0) continue;
    m.learned_mass(layer, head) += std::max(0.0, static_cast<double>(part.n_rows) - head_totals[head]);
  }
  watch_list_.add_gaps(event, part.first_key, part.first_row, part.n_rows, m.min_distance);
  watch_list_.add_evictions(event, part.first_key);
}

// Micro-batches may have parted the candidates, so that an earlier one never met a later one.
void SequenceMeter::align_candidates(int layer) {
  const std::size_t l = index(layer);
  if (measurement_.has_centred) {
    for (std::size_t j = 0; j < d_model_; ++j) {
      mean_[j] = static_cast<float>(ordinary_sum_(l, j) / n_ordinary_[l]);
    }
    centre_candidates(layer);
  }
  Matrix<float> unused(1, d_model_);
  for (std::size_t c = 0; c < n_candidates_; ++c) {
    const auto row = [&](MatrixView<const float> all) { return SequenceRows{all.middle_rows(c, 1), positions()[c]}; };
    measure_block(layer, row(std::as_const(candidate_states_).slice(l)), unused.view(), false);
    if (measurement_.has_writes[l]) measure_mlp_write(layer, row(std::as_const(candidate_writes_).slice(l)));
    if (measurement_.has_read[l]) measure_read(layer, row(std::as_const(candidate_reads_[l]).view()));
    if (measurement_.has_centred) measure_centred(layer, row(std::as_const(candidate_states_).slice(l)));
  }
}

SequenceMeasurement SequenceMeter::finish() {
  const int n_layers = measurement_.n_layers;
  for (int layer = 0; layer < n_layers; ++layer) align_candidates(layer);
  for (std::size_t c = 0; c < n_candidates_; ++c) {
    std::vector<float> norms;
    for (std::size_t l = 0; l < index(n_layers); ++l) {
      norms.push_back(measurement_.hidden_norm(l, index(positions()[c])));
    }
    measurement_.self_cosine.push_back(self_cosines(candidate_states_, c, norms));
  }
  for (std::size_t l = 0; l < index(n_layers); ++l) {
    measurement_.channel_median[l] = magnitudes_[l].median();
    auto& channels = measurement_.channels[l];
    for (std::size_t c = 0; c < n_candidates_; ++c) {
      channels.push_back({positions()[c], top_channels(std::as_const(candidate_states_).row(l, c))});
    }
    std::ranges::sort(channels, {}, &TokenChannels::position);
  }
  watch_list_.finish(measurement_);
  return std::move(measurement_);
}

}  // namespace sinkscope
