#include "measure/figure_reader.h"

#include <algorithm>
#include <array>

#include "base/index.h"
#include "base/vectors.h"

namespace sinkscope {
namespace {

constexpr std::size_t kCandidates = kPrimaryCandidates;

RowProducts products_of(const PointFigures& figures, std::size_t row) {
  RowProducts products{figures.squared_norm[row], {}};
  for (std::size_t c = 0; c < figures.dots.rows(); ++c) products.dots[c] = figures.dots(c, row);
  return products;
}

// Calls body(position) for each candidate among a segment's tokens.
template <typename Body>
void for_candidates(const MeteredSegment& segment, const Body& body) {
  for (const int position : segment.meter->positions()) {
    const int row = position - segment.rows.first_position;
    if (row >= 0 && row < segment.rows.n_rows) body(position);
  }
}

}  // namespace

void FigureReader::read_block(const StateFigures& figures, const MeteredSegment& segment, std::size_t candidate) {
  SequenceMeter& meter = *segment.meter;
  const auto [sequence, first_row, first_position, n_rows] = segment.rows;
  const bool has_write = !figures.write.squared_norm.empty();
  if (has_write) meter.measurement().has_writes[index(figures.layer)] = 1;
  for_candidates(segment, [&](int position) {
    MatrixView<const float> write;
    if (has_write) write = figures.write.candidates.middle_rows(candidate, 1);
    meter.keep_candidates(figures.layer, {figures.state.candidates.middle_rows(candidate, 1), position}, {}, write);
    ++candidate;
  });
  for (int i = 0; i < n_rows; ++i) {
    const std::size_t row = index(first_row + i), token = index(first_position + i);
    meter.note_state(figures.layer, token, products_of(figures.state, row));
    if (has_write) meter.note_mlp_write(figures.layer, token, products_of(figures.write, row));
  }
  meter.classify(figures.layer, first_position, index(n_rows));
  meter.watch_evidence(figures.layer, first_position, index(n_rows));
}

void FigureReader::read_attention_input(const StateFigures& figures, const MeteredSegment& segment,
                                        std::size_t candidate) {
  const int read_layer = figures.layer - 1;
  SequenceMeter& meter = *segment.meter;
  const Segment& rows = segment.rows;
  meter.measurement().has_read[index(read_layer)] = 1;
  for_candidates(segment, [&](int position) {
    meter.keep_read_candidates(read_layer, {figures.state.candidates.middle_rows(candidate++, 1), position});
  });
  const CandidateNorms norms = meter.read_norms(read_layer);
  for (int i = 0; i < rows.n_rows; ++i) {
    meter.note_read(read_layer, index(rows.first_position + i), products_of(figures.state, index(rows.first_row + i)),
                    norms);
  }
}

void FigureReader::read(const StateFigures& figures, std::span<const MeteredSegment> segments) {
  std::size_t candidate = 0;
  for (const MeteredSegment& segment : segments) {
    if (figures.point == ProbePoint::kAttentionWrite) {
      for (int i = 0; i < segment.rows.n_rows; ++i) {
        segment.meter->note_attention_write(figures.layer, index(segment.rows.first_position + i),
                                            figures.state.squared_norm[index(segment.rows.first_row + i)]);
      }
    } else if (figures.point == ProbePoint::kAttentionInput) {
      if (figures.layer > 0) read_attention_input(figures, segment, candidate);
    } else if (figures.point == ProbePoint::kBlockOutput) {
      read_block(figures, segment, candidate);
    }
    for_candidates(segment, [&](int) { ++candidate; });
  }
  if (figures.point != ProbePoint::kBlockOutput) return;
  squared_norm_.assign(figures.state.squared_norm.begin(), figures.state.squared_norm.end());
  dots_ = Matrix<float>(kCandidates, squared_norm_.size());
  for (std::size_t c = 0; c < kCandidates; ++c) std::ranges::copy(figures.state.dots.row(c), dots_.row(c).begin());
  ask(figures.layer, segments);
}

void FigureReader::ask(int layer, std::span<const MeteredSegment> segments) {
  weights_.assign(squared_norm_.size(), 0.0F);
  rows_.clear();
  has_sums_ = centred_;
  n_segments_ = segments.size();
  if (centred_ && origins_.rows() < n_segments_) {
    origins_ = Matrix<float>(n_segments_, segments.front().meter->mean().size());
  }
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const SequenceMeter& meter = *segments[s].meter;
    const Segment& rows = segments[s].rows;
    const int n_ordinary = meter.n_ordinary(layer);
    if (centred_) meter.mean_before(layer, origins_.row(s));
    for (int i = 0; i < rows.n_rows; ++i) {
      const std::size_t row = index(rows.first_row + i), token = index(rows.first_position + i);
      if (meter.is_ordinary(layer, token)) weights_[row] = 1.0F / static_cast<float>(n_ordinary);
      if (channels_ && (meter.has_large_norm(layer, token) || meter.shows_magnitudes(layer, token))) {
        rows_.push_back(static_cast<std::int32_t>(row));
      }
    }
  }
}

StateQuestions FigureReader::questions() const {
  StateQuestions questions;
  if (has_sums_) questions.weights = weights_;
  if (has_sums_) questions.origins = origins_.view().middle_rows(0, n_segments_);
  questions.rows = rows_;
  return questions;
}

void FigureReader::read_centred(const StateAnswers& answers, const MeteredSegment& segment) const {
  SequenceMeter& meter = *segment.meter;
  const std::span<const float> mean = meter.mean();
  const MatrixView<const float> centred = meter.centred_candidates();
  const CandidateNorms norms = meter.centred_norms();
  // (x - m) . (c - m) = (x.c - x.m) - m.(c - m)
  const double mean_squared = dot(mean, mean);
  std::array<double, kCandidates> mean_dot{};
  for (std::size_t c = 0; c < kCandidates; ++c) mean_dot[c] = dot(mean, centred.row(c));
  for (int i = 0; i < segment.rows.n_rows; ++i) {
    const std::size_t row = index(segment.rows.first_row + i);
    const auto at_mean = static_cast<double>(answers.centre_dot[row]);
    RowProducts products;
    products.squared_norm =
        static_cast<float>(std::max(0.0, static_cast<double>(squared_norm_[row]) - 2 * at_mean + mean_squared));
    for (std::size_t c = 0; c < kCandidates; ++c) {
      products.dots[c] = static_cast<float>(static_cast<double>(dots_(c, row)) - at_mean - mean_dot[c]);
    }
    meter.note_centred(answers.layer, index(segment.rows.first_position + i), products, norms);
  }
}

void FigureReader::read(const StateAnswers& answers, std::span<const MeteredSegment> segments) {
  for (std::size_t s = 0; s < segments.size(); ++s) {
    SequenceMeter& meter = *segments[s].meter;
    if (has_sums_) {
      // Weights were shares of the mean, and the sum is kept as a sum.
      std::vector<float> sum(answers.sums.row(s).begin(), answers.sums.row(s).end());
      for (float& x : sum) x *= static_cast<float>(meter.n_ordinary(answers.layer));
      meter.add_sum_to_mean(answers.layer, 0, sum);
      meter.centre_candidates(answers.layer);
      read_centred(answers, segments[s]);
    }
  }
  std::size_t next = 0;
  for (const MeteredSegment& segment : segments) {
    const int end = segment.rows.first_row + segment.rows.n_rows;
    for (; next < rows_.size() && rows_[next] < end; ++next) {
      const SequenceRows row{answers.rows.middle_rows(next, 1),
                             segment.rows.first_position + rows_[next] - segment.rows.first_row};
      segment.meter->find_channels(answers.layer, row);
      segment.meter->note_channels(answers.layer, row);
    }
  }
}

}  // namespace sinkscope
