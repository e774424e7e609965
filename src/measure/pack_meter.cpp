#include "measure/pack_meter.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/thread_limits.h"
#include "measure/checks.h"
#include "measure/figure_reader.h"
#include "measure/kernels.h"
#include "measure/segments.h"
#include "measure/sequence_meter.h"

namespace sinkscope {
namespace {

constexpr std::size_t kRowsPerTask = 64;
constexpr std::size_t kColumnsPerTask = 256;

[[noreturn]] void throw_misfit(const std::string& what) {
  throw Error(ErrorCode::kInternal, "measure: events do not fit the pack: " + what);
}

}  // namespace

class PackMeter::State {
 public:
  State(const ModelFacts& facts, const Pack& pack, const MeterOptions& options)
      : facts_(facts), options_(options), figures_(options.centred_alignment, options.massive_channels) {
    options_.n_threads = threads_or_default(options.n_threads);
    for (const auto& tokens : pack.sequences) {
      sequences_.push_back({n_tokens_, static_cast<int>(tokens.size()), tokens, {}});
      n_tokens_ += static_cast<int>(tokens.size());
    }
    meters_.resize(sequences_.size());
  }

  bool wants(ProbePoint point, int layer) const {
    const bool in_blocks = layer >= 0 && layer < facts_.n_layers;
    const bool has_mid = in_blocks && facts_.has_mid_residual[static_cast<std::size_t>(layer)];
    const bool has_write_nodes = in_blocks && !has_mid && facts_.has_writes[static_cast<std::size_t>(layer)];
    switch (point) {
      case ProbePoint::kEmbedding:
        return layer == -1;
      case ProbePoint::kMidResidual:
        return has_mid;
      case ProbePoint::kBlockOutput:
        return in_blocks;
      case ProbePoint::kAttentionInput:
        return in_blocks && layer > 0 && options_.read_alignment;
      case ProbePoint::kAttentionWrite:
      case ProbePoint::kMlpWrite:
        return has_write_nodes;
      case ProbePoint::kMlpInput:
      case ProbePoint::kCachedKeys:
      case ProbePoint::kCachedValues:
        return false;
    }
    return false;
  }
  bool wants_attention() const { return options_.attention; }
  bool wants_eviction_cost() const { return options_.attention && options_.eviction_cost; }

  std::span<const std::int32_t> watched_keys() {
    watched_.clear();
    for (const Segment& segment : segments_) {
      const Sequence& sequence = sequences_[segment.sequence];
      const int end = segment.first_position + segment.n_rows;
      meter(segment).watch_list().append_keys(end, sequence.first_token, watched_);
    }
    return watched_;
  }

  void begin_micro_batch(int first_token, int n_tokens);
  void on_state(const StateEvent& event);
  std::span<const std::vector<int>> figure_candidates() {
    candidates_.clear();
    for (const MeteredSegment& segment : metered_) candidates_.push_back(segment.meter->positions());
    return candidates_;
  }
  void on_state_figures(const StateFigures& figures) {
    begin_micro_batch(figures.first_token, figures.n_tokens);
    figures_.read(figures, metered_);
  }
  StateQuestions state_questions() const { return figures_.questions(); }
  void on_state_answers(const StateAnswers& answers) { figures_.read(answers, metered_); }
  void on_attention(const AttentionEvent& event);
  void on_key_value(const KeyValueEvent& event);
  void on_micro_batch_end(int first_token, int n_tokens);
  std::vector<SequenceMeasurement> take();
  std::optional<SequenceMeasurement> so_far(std::size_t sequence) const {
    const int n_seen = n_seen_ - sequences_.at(sequence).first_token;
    if (n_rows_ != 0 || !meters_[sequence] || n_seen <= meters_[sequence]->last_candidate()) return std::nullopt;
    SequenceMeter meter = *meters_[sequence];
    return first_tokens(meter.finish(), n_seen);
  }

 private:
  struct Sequence {
    int first_token, n_tokens;
    std::vector<TokenId> tokens;  // until its first micro-batch
    std::optional<SequenceMeasurement> finished;
  };
  using Task = SegmentTask;

  SequenceMeter& meter(const Segment& segment) { return *meters_[segment.sequence]; }
  SequenceRows rows(const StateEvent& event, const Segment& segment) const {
    return {
        event.states.middle_rows(static_cast<std::size_t>(segment.first_row), static_cast<std::size_t>(segment.n_rows)),
        segment.first_position};
  }
  SequenceRows rows(const StateEvent& event, const Task& task) const {
    const Segment& segment = segments_[task.segment];
    return {event.states.middle_rows(static_cast<std::size_t>(segment.first_row) + task.first, task.count),
            segment.first_position + static_cast<int>(task.first)};
  }
  MatrixView<float> running(const Task& task) {
    const Segment& segment = segments_[task.segment];
    return running_.view().middle_rows(static_cast<std::size_t>(segment.first_row) + task.first, task.count);
  }
  // Calls body(meter, rows, task) for all rows of the micro-batch, on several threads.
  template <typename Body>
  void for_rows(const StateEvent& event, const Body& body) {
    for_each_task(row_tasks_.size(), options_.n_threads, [&](std::size_t i) {
      const Task& task = row_tasks_[i];
      body(meter(segments_[task.segment]), rows(event, task), task);
    });
  }
  // Calls body(meter, rows, segment) sequence by sequence.
  template <typename Body>
  void for_segments(const StateEvent& event, const Body& body) {
    for (const Segment& segment : segments_) body(meter(segment), rows(event, segment), segment);
  }
  void on_block_output(const StateEvent& event);
  void on_attention_input(const StateEvent& event);

  ModelFacts facts_;
  MeterOptions options_;
  std::vector<Sequence> sequences_;
  std::vector<std::unique_ptr<SequenceMeter>> meters_;  // of the sequences that are not finished
  int n_tokens_ = 0;
  int n_seen_ = 0;

  int first_token_ = 0;  // of the running micro-batch
  int n_rows_ = 0;       // 0 between micro-batches
  std::vector<Segment> segments_;
  std::vector<MeteredSegment> metered_;  // the same
  FigureReader figures_;
  std::vector<std::vector<int>> candidates_;  // of the same: their positions
  std::vector<Task> row_tasks_;
  std::vector<Task> column_tasks_;
  Matrix<float> running_;  // [n_rows, d_model] h_{l-1}, then r_l, then h_l
  bool running_is_mid_ = false;
  Matrix<float> mlp_writes_;  // [n_rows, d_model] of a block without r_l
  bool has_mlp_writes_ = false;
  std::vector<std::int32_t> watched_;
  std::vector<double> head_totals_, sequence_totals_;  // [n_heads] of all sequences, of one
};

void PackMeter::State::begin_micro_batch(int first_token, int n_tokens) {
  if (n_rows_ > 0) {
    if (first_token != first_token_ || n_tokens != n_rows_) throw_misfit("a micro-batch changed its tokens");
    return;
  }
  if (n_tokens <= 0 || first_token != n_seen_ || n_tokens > n_tokens_ - n_seen_) {
    throw_misfit("expected tokens from " + std::to_string(n_seen_) + " on, of " + std::to_string(n_tokens_) + ", got " +
                 std::to_string(n_tokens) + " from " + std::to_string(first_token) + " on");
  }
  first_token_ = first_token;
  n_rows_ = n_tokens;
  if (running_.rows() < static_cast<std::size_t>(n_tokens)) {
    running_ = Matrix<float>(static_cast<std::size_t>(n_tokens), static_cast<std::size_t>(facts_.d_model));
  }
  running_is_mid_ = false;
  has_mlp_writes_ = false;
  segments_.clear();
  metered_.clear();
  row_tasks_.clear();
  column_tasks_.clear();
  for (std::size_t s = 0; s < sequences_.size(); ++s) {
    Sequence& sequence = sequences_[s];
    const int begin = std::max(first_token, sequence.first_token);
    const int end = std::min(first_token + n_tokens, sequence.first_token + sequence.n_tokens);
    if (begin >= end) continue;
    const std::size_t segment = segments_.size();
    segments_.push_back({s, begin - first_token, begin - sequence.first_token, end - begin});
    if (!meters_[s]) {
      meters_[s] =
          std::make_unique<SequenceMeter>(facts_, sequence.tokens, options_.min_distance, options_.n_kept_positions);
      sequence.tokens = {};
    }
    meters_[s]->begin_rows(end - sequence.first_token);
    metered_.push_back({meters_[s].get(), segments_.back()});
    append_tasks(segment, static_cast<std::size_t>(end - begin), kRowsPerTask, row_tasks_);
    append_tasks(segment, static_cast<std::size_t>(facts_.d_model), kColumnsPerTask, column_tasks_);
  }
}

void PackMeter::State::on_state(const StateEvent& event) {
  begin_micro_batch(event.first_token, static_cast<int>(event.states.rows()));
  const bool in_blocks = event.layer >= 0 && event.layer < facts_.n_layers;
  if (!in_blocks && event.point != ProbePoint::kEmbedding) throw_misfit("a layer that there is not");
  if (event.point == ProbePoint::kAttentionInput) return on_attention_input(event);
  if (event.states.cols() != static_cast<std::size_t>(facts_.d_model)) throw_misfit("a state of another width");
  const auto layer = static_cast<std::size_t>(std::max(event.layer, 0));
  switch (event.point) {
    case ProbePoint::kEmbedding:
      for_rows(event, [&](SequenceMeter&, SequenceRows part, const Task& task) {
        for (std::size_t i = 0; i < part.states.rows(); ++i)
          std::ranges::copy(part.states.row(i), running(task).row(i).begin());
      });
      break;
    case ProbePoint::kMidResidual:
      for_segments(event,
                   [&](SequenceMeter& of, SequenceRows, const Segment&) { of.measurement().has_writes[layer] = 1; });
      for_rows(event, [&](SequenceMeter& of, SequenceRows part, const Task& task) {
        of.measure_mid_residual(event.layer, part, running(task));
      });
      running_is_mid_ = true;
      break;
    case ProbePoint::kAttentionWrite:
      for_rows(event, [&](SequenceMeter& of, SequenceRows part, const Task&) {
        of.measure_attention_write(event.layer, part);
      });
      break;
    case ProbePoint::kMlpWrite:
      // Its alignment is with h_l, which comes later.
      if (mlp_writes_.rows() < event.states.rows())
        mlp_writes_ = Matrix<float>(event.states.rows(), event.states.cols());
      for (std::size_t i = 0; i < event.states.rows(); ++i)
        std::ranges::copy(event.states.row(i), mlp_writes_.row(i).begin());
      has_mlp_writes_ = true;
      break;
    case ProbePoint::kBlockOutput:
      on_block_output(event);
      break;
    case ProbePoint::kAttentionInput:
    case ProbePoint::kMlpInput:
    case ProbePoint::kCachedKeys:
    case ProbePoint::kCachedValues:
      break;
  }
}

void PackMeter::State::on_block_output(const StateEvent& event) {
  const int layer = event.layer;
  StateEvent writes = event;
  writes.states = std::as_const(mlp_writes_).view();
  for_segments(event, [&](SequenceMeter& of, SequenceRows part, const Segment& segment) {
    const auto first = static_cast<std::size_t>(segment.first_row);
    const auto count = static_cast<std::size_t>(segment.n_rows);
    MatrixView<const float> mid;
    MatrixView<const float> write;
    if (running_is_mid_) mid = std::as_const(running_).view().middle_rows(first, count);
    if (has_mlp_writes_) {
      write = writes.states.middle_rows(first, count);
      of.measurement().has_writes[static_cast<std::size_t>(layer)] = 1;
    }
    of.keep_candidates(layer, part, mid, write);
  });
  for_rows(event, [&](SequenceMeter& of, SequenceRows part, const Task& task) {
    of.measure_block(layer, part, running(task), running_is_mid_);
    if (has_mlp_writes_) of.measure_mlp_write(layer, rows(writes, task));
  });
  for_segments(event, [&](SequenceMeter& of, SequenceRows part, const Segment&) {
    of.classify(layer, part.first_position, part.states.rows());
  });
  if (options_.centred_alignment) {
    for_each_task(column_tasks_.size(), options_.n_threads, [&](std::size_t i) {
      const Task& task = column_tasks_[i];
      const Segment& segment = segments_[task.segment];
      meter(segment).add_to_mean(layer, rows(event, segment), task.first, task.count);
    });
    for_segments(event, [&](SequenceMeter& of, SequenceRows, const Segment&) { of.centre_candidates(layer); });
  }
  if (options_.centred_alignment || options_.massive_channels) {
    for_rows(event, [&](SequenceMeter& of, SequenceRows part, const Task&) {
      if (options_.centred_alignment) of.measure_centred(layer, part);
      if (options_.massive_channels) of.find_channels(layer, part);
    });
  }
  for_segments(event, [&](SequenceMeter& of, SequenceRows part, const Segment&) {
    if (options_.massive_channels) of.note_channels(layer, part);
    of.watch_evidence(layer, part.first_position, part.states.rows());
  });
  running_is_mid_ = false;
  has_mlp_writes_ = false;
}

void PackMeter::State::on_attention_input(const StateEvent& event) {
  const int read_layer = event.layer - 1;
  if (read_layer < 0) return;
  for_segments(event, [&](SequenceMeter& of, SequenceRows part, const Segment&) {
    of.measurement().has_read[static_cast<std::size_t>(read_layer)] = 1;
    of.keep_read_candidates(read_layer, part);
  });
  for_rows(event, [&](SequenceMeter& of, SequenceRows part, const Task&) { of.measure_read(read_layer, part); });
}

void PackMeter::State::on_attention(const AttentionEvent& event) {
  begin_micro_batch(event.first_query, event.n_queries);
  const auto n_heads = static_cast<std::size_t>(event.n_heads);
  const auto n_keys = static_cast<std::size_t>(event.n_keys);
  if (event.layer < 0 || event.layer >= facts_.n_layers || event.n_heads > facts_.n_heads_max ||
      event.n_keys != event.first_query + event.n_queries || event.sums.cols() != n_keys ||
      event.sums.rows() != n_heads || event.visibility.queries.size() != n_keys ||
      (!event.learned_mass.empty() && event.learned_mass.size() != n_heads)) {
    throw_misfit("attention of another shape");
  }
  head_totals_.assign(n_heads, 0.0);
  for (const Segment& segment : segments_) {
    const SequenceQueries part{sequences_[segment.sequence].first_token, segment.first_row, segment.n_rows,
                               segment.first_position};
    SequenceMeter& of = meter(segment);
    sequence_totals_.assign(n_heads, 0.0);
    for_each_task(n_heads, options_.n_threads, [&](std::size_t head) {
      sequence_totals_[head] = of.add_head(event, part, head);
      head_totals_[head] += sequence_totals_[head];
    });
    of.add_queries(event, part, sequence_totals_);
  }
  check_conservation(event, head_totals_);
}

void PackMeter::State::on_key_value(const KeyValueEvent& event) {
  if (!options_.key_value) return;
  begin_micro_batch(event.first_token, static_cast<int>(event.key_norm.size()));
  if (event.value_norm.size() != event.key_norm.size()) throw_misfit("values for other tokens than keys");
  check_overflow("keys", event.layer, event.first_token, event.key_norm);
  check_overflow("values", event.layer, event.first_token, event.value_norm);
  for (const Segment& segment : segments_) {
    SequenceMeasurement& m = meter(segment).measurement();
    const auto layer = static_cast<std::size_t>(event.layer);
    m.has_key_value[layer] = 1;
    for (int i = 0; i < segment.n_rows; ++i) {
      const auto row = static_cast<std::size_t>(segment.first_row + i);
      const auto token = static_cast<std::size_t>(segment.first_position + i);
      m.key_norm(layer, token) = event.key_norm[row];
      m.value_norm(layer, token) = event.value_norm[row];
    }
  }
}

void PackMeter::State::on_micro_batch_end(int first_token, int n_tokens) {
  begin_micro_batch(first_token, n_tokens);
  for (const Segment& segment : segments_) {
    Sequence& sequence = sequences_[segment.sequence];
    const int end = segment.first_position + segment.n_rows;
    meter(segment).end_rows(end);
    if (end < sequence.n_tokens) continue;
    sequence.finished = meter(segment).finish();
    meters_[segment.sequence].reset();
  }
  segments_.clear();
  n_seen_ += n_tokens;
  n_rows_ = 0;
}

std::vector<SequenceMeasurement> PackMeter::State::take() {
  if (n_seen_ != n_tokens_ || n_rows_ != 0) throw_misfit("expected all tokens to be seen before the result is taken");
  std::vector<SequenceMeasurement> all;
  for (auto& sequence : sequences_) {
    if (!sequence.finished) throw_misfit("a sequence without tokens, or a result that was taken before");
    all.push_back(std::move(*sequence.finished));
    sequence.finished.reset();
  }
  return all;
}

PackMeter::PackMeter(const ModelFacts& facts, const Pack& pack, const MeterOptions& options)
    : state_(std::make_unique<State>(facts, pack, options)) {}
PackMeter::~PackMeter() = default;

std::vector<SequenceMeasurement> PackMeter::take() { return state_->take(); }
std::optional<SequenceMeasurement> PackMeter::so_far(std::size_t sequence) const { return state_->so_far(sequence); }
bool PackMeter::wants(ProbePoint point, int layer) { return state_->wants(point, layer); }
bool PackMeter::wants_attention(int) { return state_->wants_attention(); }
std::span<const std::int32_t> PackMeter::watched_keys(int) { return state_->watched_keys(); }
bool PackMeter::wants_eviction_cost(int) { return state_->wants_eviction_cost(); }
void PackMeter::on_state(const StateEvent& event) { state_->on_state(event); }
std::span<const std::vector<int>> PackMeter::figure_candidates() { return state_->figure_candidates(); }
void PackMeter::on_state_figures(const StateFigures& figures) { state_->on_state_figures(figures); }
StateQuestions PackMeter::state_questions(int) { return state_->state_questions(); }
void PackMeter::on_state_answers(const StateAnswers& answers) { state_->on_state_answers(answers); }
void PackMeter::on_attention(const AttentionEvent& event) { state_->on_attention(event); }
void PackMeter::on_key_value(const KeyValueEvent& event) { state_->on_key_value(event); }
void PackMeter::on_micro_batch_begin(int first_token, int n_tokens) {
  state_->begin_micro_batch(first_token, n_tokens);
}
void PackMeter::on_micro_batch_end(int first_token, int n_tokens) { state_->on_micro_batch_end(first_token, n_tokens); }

}  // namespace sinkscope
