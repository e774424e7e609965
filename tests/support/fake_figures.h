#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "probe/state_figures.h"

namespace sinkscope {

// What a device would make of the vectors of one probe point: slowly, in double.
class FakeFigures {
 public:
  struct Place {
    std::size_t first_token;  // index in the pack of its sequence's position 0
    std::size_t position;
  };

  // rows    [n_tokens, width] of a micro-batch
  // so_far  vectors of the candidates' point, of all tokens of the pack up to the micro-batch's last
  // places  of the rows
  // candidates  of each sequence in the micro-batch: positions
  FakeFigures(const Matrix<float>& rows, const Matrix<float>& so_far, const std::vector<Place>& places,
              std::span<const std::vector<int>> candidates)
      : rows_(rows), dots_(kPrimaryCandidates, rows.rows()) {
    std::vector<float> of_candidates;
    std::size_t sequence = 0;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      squared_norm_.push_back(dot(rows.row(i), rows.row(i)));
      if (i > 0 && places[i].first_token != places[i - 1].first_token) ++sequence;
      const std::vector<int>& positions = candidates[sequence];
      for (std::size_t c = 0; c < positions.size(); ++c) {
        const std::size_t candidate = places[i].first_token + static_cast<std::size_t>(positions[c]);
        if (candidate < so_far.rows()) dots_(c, i) = dot(rows.row(i), so_far.row(candidate));
        if (candidate == places[i].first_token + places[i].position) {
          of_candidates.insert(of_candidates.end(), rows.row(i).begin(), rows.row(i).end());
        }
      }
    }
    candidates_ = Matrix<float>(of_candidates.size() / rows.cols(), rows.cols());
    std::ranges::copy(of_candidates, candidates_.data());
  }

  PointFigures view() const { return {squared_norm_, dots_.view(), candidates_.view()}; }
  const Matrix<float>& rows() const { return rows_; }

  static float dot(std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return static_cast<float>(sum);
  }

 private:
  Matrix<float> rows_;
  std::vector<float> squared_norm_;
  Matrix<float> dots_, candidates_;
};

// What a device would answer about the states of a micro-batch.
class FakeAnswers {
 public:
  FakeAnswers(const Matrix<float>& states, const std::vector<FakeFigures::Place>& places,
              const StateQuestions& questions)
      : n_tokens_(static_cast<int>(states.rows())), rows_(questions.rows.size(), states.cols()) {
    for (std::size_t r = 0; r < questions.rows.size(); ++r) {
      std::ranges::copy(states.row(static_cast<std::size_t>(questions.rows[r])), rows_.row(r).begin());
    }
    if (questions.weights.empty()) return;
    sums_ = Matrix<float>(questions.origins.rows(), states.cols());
    std::vector<std::size_t> sequence;
    for (std::size_t i = 0; i < states.rows(); ++i) {
      const bool next = i > 0 && places[i].first_token != places[i - 1].first_token;
      sequence.push_back(i == 0 ? 0 : sequence.back() + next);
      for (std::size_t j = 0; j < states.cols(); ++j) sums_(sequence[i], j) += questions.weights[i] * states(i, j);
    }
    for (std::size_t i = 0; i < states.rows(); ++i) {
      std::vector<float> centre(sums_.row(sequence[i]).begin(), sums_.row(sequence[i]).end());
      for (std::size_t j = 0; j < centre.size(); ++j) centre[j] += questions.origins(sequence[i], j);
      centre_dot_.push_back(FakeFigures::dot(states.row(i), centre));
    }
  }

  StateAnswers view(int layer, int first_token) const {
    return {layer, first_token, n_tokens_, sums_.view(), centre_dot_, rows_.view()};
  }

 private:
  int n_tokens_;
  Matrix<float> rows_, sums_;
  std::vector<float> centre_dot_;
};

}  // namespace sinkscope
