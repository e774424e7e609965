#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "engine/gpu/kernels.h"
#include "engine/gpu/queue.h"
#include "engine/gpu/token_runs.h"
#include "engine/gpu/work.h"
#include "probe/state_figures.h"

namespace sinkscope::gpu {

// Figures of one point on their way to the host: staged memory, to be read once the queue has passed.
class StagedPoint {
 public:
  // Valid until the next call of any of these; needs room of its own for dots.
  PointFigures view(Matrix<float>& dots) const;

 private:
  friend class StateWork;
  struct RunDots {
    TokenRun run;
    std::size_t n_candidates;
    std::span<const float> dots;  // [n_candidates, n_rows]
  };
  std::span<const float> squared_norm_;
  std::vector<RunDots> dots_;
  MatrixView<const float> candidates_;
  std::size_t n_tokens_ = 0;
};

struct StagedAnswers {
  MatrixView<const float> sums, rows;
  std::span<const float> centre_dot;
};

struct StagedCheck {
  std::span<const float> squared_error, squared_norm;
};

// Reduces states where they lie, by operations of ggml: what PointFigures, StateAnswers and WriteFigures ask for.
//
// Products are taken three vectors at a time: ggml's CUDA backend rounds wider float32 products to TF32.
// memory  on the device: the candidates of two points for each layer, and one micro-batch of MLP writes
// cost    a block: some 20 readings of its states
class StateWork {
  enum class Candidates : std::uint8_t { kOutputs, kInputs };

 public:
  // kernels  that take the place of operations where they can; or null
  StateWork(Queue& queue, Kernels* kernels) : queue_(queue), kernels_(kernels) {}

  // A micro-batch begins. One sequence at most goes on from the one before.
  void begin(std::vector<TokenRun> runs, int n_tokens);

  // Whether a node's numbers can be reduced: one contiguous float32 vector a token, and operations that the device has.
  bool takes(const ggml_tensor& node);

  StagedPoint norms(const ggml_tensor& node);
  // Candidates are vectors of this point.
  StagedPoint attention_input(int layer, const ggml_tensor& node) {
    return with_candidates(Candidates::kInputs, layer, node);
  }
  StagedPoint block_output(int layer, const ggml_tensor& node) {
    return with_candidates(Candidates::kOutputs, layer, node);
  }
  // Keeps a write until the candidates are known, which are vectors of the block's output.
  void keep_write(const ggml_tensor& node);
  // Of the write that was kept; after block_output, while the output is where it was.
  StagedPoint kept_write(int layer, const ggml_tensor& output);
  StagedAnswers answers(const ggml_tensor& node, const StateQuestions& questions);

  // The residual stream by the first rows: write() adds what a node wrote, sum() compares with a sum of the network.
  void add_write(const ggml_tensor& node);
  // returns  nothing where no stream was known before
  std::optional<StagedCheck> check_sum(const ggml_tensor& node);

 private:
  StagedPoint with_candidates(Candidates of, int layer, const ggml_tensor& node);

  // Of a piece of work with some tensors for each run.
  std::size_t n_tensors() const { return 128 + 24 * runs_.size(); }
  // Candidates of a run that come in this micro-batch, and all that have come: [width, n]; null if none.
  ggml_tensor* new_candidates(Work& work, const TokenRun& run, ggml_tensor* states) const;
  ggml_tensor* candidates(Work& work, const TokenRun& run, ggml_tensor* states, const ggml_tensor& slot) const;
  // [width, 8, 2]: of the sequence that came on, and of the one that goes on to the next micro-batch.
  const ggml_tensor& slot(Candidates of, int layer, std::int64_t width);
  // The half of a slot that is a run's.
  int half_of(const TokenRun& run) const { return &run == &runs_.back() ? last_half_ : first_half_; }
  // Leaves the new candidates of the sequence that goes on in its half of the slot.
  void keep_candidates(Work& work, ggml_tensor* states, const ggml_tensor& slot) const;
  // Hands over what was described so far, with the figures of states.
  //
  // candidate_states  null: no dots
  StagedPoint reduce(Work& work, ggml_tensor* states, ggml_tensor* candidate_states, const ggml_tensor* slot);
  void stage_candidates(Work& work, ggml_tensor* states, StagedPoint& staged);
  void reduce_by_operations(Work& work, ggml_tensor* states, ggml_tensor* candidate_states, const ggml_tensor* slot,
                            StagedPoint& staged);
  void reduce_by_kernels(Work& work, ggml_tensor* states, ggml_tensor* candidate_states, const ggml_tensor* slot,
                         StagedPoint& staged);

  Queue& queue_;
  Kernels* kernels_;
  std::vector<TokenRun> runs_;
  int n_tokens_ = 0;
  int first_half_ = 0, last_half_ = 0;  // of a slot: the first and the last run's
  std::map<std::int64_t, bool> taken_;  // by width
  std::map<std::pair<Candidates, int>, Kept> slots_;
  std::optional<Kept> write_, stream_, figures_;
  bool stream_is_known_ = false;
};

}  // namespace sinkscope::gpu
