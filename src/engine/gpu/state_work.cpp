#include "engine/gpu/state_work.h"

#include <algorithm>

namespace sinkscope::gpu {
namespace {

constexpr std::int64_t kCandidates = kPrimaryCandidates;
constexpr std::int64_t kCheckedRows = 16;

ggml_tensor* some_rows(Work& work, ggml_tensor* rows, std::int64_t first, std::int64_t count) {
  return ggml_view_2d(work.context(), rows, rows->ne[0], count, rows->nb[1],
                      static_cast<std::size_t>(first) * rows->nb[1]);
}

ggml_tensor* half_of_slot(Work& work, const ggml_tensor& slot, int half) {
  ggml_tensor* both = work.leaf(slot);
  return ggml_view_2d(work.context(), both, both->ne[0], both->ne[1], both->nb[1],
                      static_cast<std::size_t>(half) * both->nb[2]);
}

ggml_tensor* squared_norms(Work& work, ggml_tensor* rows) {
  return ggml_sum_rows(work.context(), ggml_sqr(work.context(), rows));
}

}  // namespace

PointFigures StagedPoint::view(Matrix<float>& dots) const {
  if (dots_.empty()) return {squared_norm_, {}, candidates_};
  dots = Matrix<float>(kCandidates, n_tokens_);
  for (const RunDots& of : dots_) {
    const auto n = static_cast<std::size_t>(of.run.n_rows);
    for (std::size_t c = 0; c < of.n_candidates; ++c) {
      std::ranges::copy(of.dots.subspan(c * n, n), dots.row(c).begin() + of.run.first_row);
    }
  }
  return {squared_norm_, std::as_const(dots).view(), candidates_};
}

void StateWork::begin(std::vector<TokenRun> runs, int n_tokens) {
  runs_ = std::move(runs);
  n_tokens_ = n_tokens;
  first_half_ = last_half_;
  if (runs_.size() > 1) last_half_ = 1 - first_half_;
  stream_is_known_ = false;
}

bool StateWork::takes(const ggml_tensor& node) {
  if (node.type != GGML_TYPE_F32 || !ggml_is_contiguous(&node)) return false;
  const int last = ggml_n_dims(&node) - 1;
  if (n_tokens_ > 1 && (last < 1 || node.ne[last] != n_tokens_)) return false;
  const auto [found, is_new] = taken_.try_emplace(ggml_nelements(&node) / n_tokens_, false);
  if (!is_new) return found->second;
  Work work(queue_);
  ggml_tensor* states = work.rows(node, n_tokens_);
  ggml_tensor* some = some_rows(work, states, 0, 1);
  work.add(squared_norms(work, states));
  work.add(ggml_mul_mat(work.context(), states, some));
  work.add(ggml_cpy(work.context(), some, some));
  work.add(ggml_cont(work.context(), ggml_transpose(work.context(), states)));
  work.add(ggml_concat(work.context(), some, some, 1));
  work.add(ggml_get_rows(work.context(), states, ggml_new_tensor_1d(work.context(), GGML_TYPE_I32, 1)));
  found->second = work.supported();
  return found->second;
}

const ggml_tensor& StateWork::slot(Candidates of, int layer, std::int64_t width) {
  return slots_.try_emplace(std::pair(of, layer), queue_, width, kCandidates, 2, "candidates").first->second.tensor();
}

ggml_tensor* StateWork::new_candidates(Work& work, const TokenRun& run, ggml_tensor* states) const {
  const auto first = static_cast<std::size_t>(run.n_old()), last = static_cast<std::size_t>(run.n_come());
  if (first == last) return nullptr;
  const auto row_of = [&](std::size_t c) { return run.first_row + run.candidates[c] - run.first_position; };
  const auto n = static_cast<std::int64_t>(last - first);
  if (row_of(last - 1) - row_of(first) + 1 == n) return some_rows(work, states, row_of(first), n);
  const auto ids = queue_.stage<std::int32_t>(last - first);
  for (std::size_t c = first; c < last; ++c) ids[c - first] = row_of(c);
  ggml_tensor* uploaded = work.upload(std::span<const std::int32_t>(ids), n);
  return ggml_get_rows(work.context(), states, ggml_reshape_1d(work.context(), uploaded, n));
}

ggml_tensor* StateWork::candidates(Work& work, const TokenRun& run, ggml_tensor* states,
                                   const ggml_tensor& slot) const {
  ggml_tensor* of_now = new_candidates(work, run, states);
  if (run.n_old() == 0) return of_now;
  ggml_tensor* before = some_rows(work, half_of_slot(work, slot, half_of(run)), 0, run.n_old());
  return of_now ? ggml_concat(work.context(), before, of_now, 1) : before;
}

void StateWork::keep_candidates(Work& work, ggml_tensor* states, const ggml_tensor& slot) const {
  const TokenRun& run = runs_.back();
  ggml_tensor* of_now = new_candidates(work, run, states);
  if (!of_now) return;
  ggml_tensor* to = some_rows(work, half_of_slot(work, slot, half_of(run)), run.n_old(), of_now->ne[1]);
  work.add(ggml_cpy(work.context(), of_now, to));
}

void StateWork::stage_candidates(Work& work, ggml_tensor* states, StagedPoint& staged) {
  std::int64_t n_all = 0;
  for (const TokenRun& run : runs_) n_all += run.n_come() - run.n_old();
  const auto width = static_cast<std::size_t>(states->ne[0]);
  const auto all = queue_.stage<float>(static_cast<std::size_t>(n_all) * width);
  staged.candidates_ = {all.data(), static_cast<std::size_t>(n_all), width};
  std::size_t at = 0;
  for (const TokenRun& run : runs_) {
    ggml_tensor* of_run = new_candidates(work, run, states);
    if (!of_run) continue;
    const std::size_t n = static_cast<std::size_t>(of_run->ne[1]) * width;
    work.download(of_run, all.subspan(at, n));
    at += n;
  }
}

void StateWork::reduce_by_operations(Work& work, ggml_tensor* states, ggml_tensor* candidate_states,
                                     const ggml_tensor* slot, StagedPoint& staged) {
  const auto norms = queue_.stage<float>(staged.n_tokens_);
  work.download(squared_norms(work, states), norms);
  staged.squared_norm_ = norms;
  if (candidate_states) {
    for (const TokenRun& run : runs_) {
      const auto n_rows = static_cast<std::size_t>(run.n_rows);
      ggml_tensor* of_run = some_rows(work, states, run.first_row, run.n_rows);
      ggml_tensor* of = candidates(work, run, candidate_states, *slot);
      if (!of) continue;
      const auto dots = queue_.stage<float>(static_cast<std::size_t>(of->ne[1]) * n_rows);
      for (std::int64_t c = 0; c < of->ne[1]; c += kExactColumns) {
        const std::int64_t n = std::min(kExactColumns, of->ne[1] - c);
        work.download(ggml_mul_mat(work.context(), of_run, some_rows(work, of, c, n)),
                      dots.subspan(static_cast<std::size_t>(c) * n_rows, static_cast<std::size_t>(n) * n_rows));
      }
      staged.dots_.push_back({run, static_cast<std::size_t>(of->ne[1]), dots});
    }
  }
  work.run();
}

// Figures of a run lie one behind another: [n_candidates, n_rows] dots, then n_rows squared norms.
void StateWork::reduce_by_kernels(Work& work, ggml_tensor* states, ggml_tensor* candidate_states,
                                  const ggml_tensor* slot, StagedPoint& staged) {
  const auto n_figures = (kCandidates + 1) * n_tokens_;
  if (!figures_ || figures_->tensor().ne[0] < n_figures) figures_.emplace(queue_, n_figures, 1, 1, "figures of states");
  const auto norms = queue_.stage<float>(staged.n_tokens_);
  const auto all_dots = queue_.stage<float>(static_cast<std::size_t>(kCandidates) * staged.n_tokens_);
  staged.squared_norm_ = norms;
  std::vector<ggml_tensor*> of_runs;
  for (const TokenRun& run : runs_) {
    of_runs.push_back(candidate_states ? candidates(work, run, candidate_states, *slot) : nullptr);
    if (of_runs.back()) work.add(of_runs.back());
  }
  work.run();  // kernels come before other work takes the scratch memory that candidates lie in
  ggml_tensor figures = figures_->tensor();
  auto* at = static_cast<float*>(figures.data);
  StateTask task{};
  task.width = states->ne[0];
  const auto get = [&](const float* from, std::span<float> to) {
    ggml_backend_tensor_get_async(
        queue_.backend(), &figures, to.data(),
        static_cast<std::size_t>(from - static_cast<const float*>(figures.data)) * sizeof(float), to.size_bytes());
    device_traffic().bytes_to_host += to.size_bytes();
  };
  for (std::size_t r = 0; r < runs_.size(); ++r) {
    const TokenRun& run = runs_[r];
    task.states = static_cast<const float*>(states->data) + run.first_row * task.width;
    task.n_rows = run.n_rows;
    task.candidates = of_runs[r] ? static_cast<const float*>(of_runs[r]->data) : nullptr;
    task.n_candidates = of_runs[r] ? static_cast<int>(of_runs[r]->ne[1]) : 0;
    task.dots = at;
    task.squared_norm = at + task.n_candidates * task.n_rows;
    kernels_->reduce_states(task);
    const auto n_rows = static_cast<std::size_t>(run.n_rows),
               n_dots = static_cast<std::size_t>(task.n_candidates) * n_rows;
    const auto first = static_cast<std::size_t>(run.first_row);
    get(task.squared_norm, norms.subspan(first, n_rows));
    if (of_runs[r]) {
      const auto dots = all_dots.subspan(first * static_cast<std::size_t>(kCandidates), n_dots);
      get(task.dots, dots);
      staged.dots_.push_back({run, static_cast<std::size_t>(task.n_candidates), dots});
    }
    at = task.squared_norm + run.n_rows;
  }
}

StagedPoint StateWork::reduce(Work& work, ggml_tensor* states, ggml_tensor* candidate_states, const ggml_tensor* slot) {
  StagedPoint staged;
  staged.n_tokens_ = static_cast<std::size_t>(n_tokens_);
  if (candidate_states) stage_candidates(work, states, staged);
  const bool by_kernels = kernels_ && kernels_->takes_states(states->ne[0]);
  (this->*(by_kernels ? &StateWork::reduce_by_kernels : &StateWork::reduce_by_operations))(
      work, states, candidate_states, slot, staged);
  return staged;
}

StagedPoint StateWork::norms(const ggml_tensor& node) {
  Work work(queue_);
  return reduce(work, work.rows(node, n_tokens_), nullptr, nullptr);
}

StagedPoint StateWork::with_candidates(Candidates of, int layer, const ggml_tensor& node) {
  Work work(queue_, n_tensors());
  ggml_tensor* states = work.rows(node, n_tokens_);
  const ggml_tensor& kept = slot(of, layer, states->ne[0]);
  keep_candidates(work, states, kept);
  return reduce(work, states, states, &kept);
}

void StateWork::keep_write(const ggml_tensor& node) {
  const std::int64_t width = ggml_nelements(&node) / n_tokens_;
  if (!write_ || write_->tensor().ne[1] < n_tokens_) write_.emplace(queue_, width, n_tokens_, 1, "MLP writes");
  Work work(queue_);
  ggml_tensor* to = some_rows(work, work.leaf(write_->tensor()), 0, n_tokens_);
  work.add(ggml_cpy(work.context(), work.rows(node, n_tokens_), to));
  work.run();
}

StagedPoint StateWork::kept_write(int layer, const ggml_tensor& output) {
  Work work(queue_, n_tensors());
  ggml_tensor* states = some_rows(work, work.leaf(write_->tensor()), 0, n_tokens_);
  return reduce(work, states, work.rows(output, n_tokens_), &slot(Candidates::kOutputs, layer, states->ne[0]));
}

StagedAnswers StateWork::answers(const ggml_tensor& node, const StateQuestions& questions) {
  StagedAnswers staged;
  Work work(queue_, n_tensors());
  ggml_context* context = work.context();
  ggml_tensor* states = work.rows(node, n_tokens_);
  const auto width = static_cast<std::size_t>(states->ne[0]);
  if (!questions.weights.empty()) {
    const auto sums = queue_.stage<float>(runs_.size() * width);
    const auto centre_dot = queue_.stage<float>(static_cast<std::size_t>(n_tokens_));
    const auto weights = queue_.stage_copy(questions.weights);
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      const auto first = static_cast<std::size_t>(runs_[r].first_row), n = static_cast<std::size_t>(runs_[r].n_rows);
      ggml_tensor* of_run = some_rows(work, states, runs_[r].first_row, runs_[r].n_rows);
      ggml_tensor* by_column = ggml_cont(context, ggml_transpose(context, of_run));
      ggml_tensor* sum = ggml_mul_mat(context, by_column, work.upload(weights.subspan(first, n), runs_[r].n_rows));
      sum = ggml_reshape_1d(context, sum, states->ne[0]);
      work.download(sum, sums.subspan(r * width, width));
      ggml_tensor* origin =
          work.upload(queue_.stage_copy(std::span<const float>(questions.origins.row(r))), states->ne[0]);
      ggml_tensor* centre = ggml_add(context, sum, ggml_reshape_1d(context, origin, states->ne[0]));
      work.download(ggml_mul_mat(context, of_run, centre), centre_dot.subspan(first, n));
    }
    staged.sums = {sums.data(), runs_.size(), width};
    staged.centre_dot = centre_dot;
  }
  if (!questions.rows.empty()) {
    const std::size_t n = questions.rows.size();
    const auto rows = queue_.stage<float>(n * width);
    ggml_tensor* ids = work.upload(queue_.stage_copy(questions.rows), static_cast<std::int64_t>(n));
    work.download(ggml_get_rows(context, states, ggml_reshape_1d(context, ids, ids->ne[0])), rows);
    staged.rows = {rows.data(), n, width};
  }
  work.run();
  return staged;
}

void StateWork::add_write(const ggml_tensor& node) {
  if (!stream_is_known_) return;
  Work work(queue_);
  const std::int64_t n = std::min<std::int64_t>(kCheckedRows, n_tokens_);
  ggml_tensor* stream = some_rows(work, work.leaf(stream_->tensor()), 0, n);
  work.add(ggml_add_inplace(work.context(), stream, some_rows(work, work.rows(node, n_tokens_), 0, n)));
  work.run();
}

std::optional<StagedCheck> StateWork::check_sum(const ggml_tensor& node) {
  std::optional<StagedCheck> staged;
  Work work(queue_);
  const std::int64_t n = std::min<std::int64_t>(kCheckedRows, n_tokens_);
  ggml_tensor* sum = some_rows(work, work.rows(node, n_tokens_), 0, n);
  if (!stream_) stream_.emplace(queue_, sum->ne[0], kCheckedRows, 1, "the check of writes");
  ggml_tensor* stream = some_rows(work, work.leaf(stream_->tensor()), 0, n);
  if (stream_is_known_) {
    const auto error = queue_.stage<float>(static_cast<std::size_t>(n)), norm = queue_.stage<float>(error.size());
    work.download(squared_norms(work, ggml_sub(work.context(), stream, sum)), error);
    work.download(squared_norms(work, sum), norm);
    staged = {error, norm};
  }
  work.add(ggml_cpy(work.context(), sum, stream));
  work.run();
  stream_is_known_ = true;
  return staged;
}

}  // namespace sinkscope::gpu
