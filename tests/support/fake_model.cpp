#include "tests/support/fake_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/index.h"
#include "probe/edit.h"
#include "tests/support/fake_attention.h"

namespace sinkscope {
namespace {

using Vector = std::vector<float>;

float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add(float factor, std::span<const float> from, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

Vector unit(std::span<const float> vector) {
  Vector result(vector.size());
  add(1 / std::sqrt(dot(vector, vector)), vector, result);
  return result;
}

// Channel i of the result is channel i + by of the vector.
Vector turned(Vector vector, int by) {
  std::ranges::rotate(vector, vector.begin() + by % static_cast<int>(vector.size()));
  return vector;
}

// Numbers in [-1, 1] that depend on nothing but the seed.
Vector noise(unsigned seed, int width) {
  std::mt19937 random(seed);
  Vector numbers(index(width));
  for (float& number : numbers) number = static_cast<float>(random() % 2001) / 1000 - 1;
  return numbers;
}

// What a token is before the first block: of its own for every token, a little of its position; norm about 1.
Vector embedding(TokenId token, int position, int width) {
  Vector state = unit(noise(static_cast<unsigned>(token) + 1, width));
  add(0.2F, unit(noise(static_cast<unsigned>(position) + 10007, width)), state);
  return state;
}

float drawn_by(float cosine) { return cosine > 0 ? cosine * cosine : 0; }

void refuse(const std::string& what) { throw Error(ErrorCode::kUsage, "fake model: " + what); }

}  // namespace

// One run: what earlier micro-batches left, and the work of one micro-batch.
class FakeModel::Pass {
 public:
  Pass(const FakeModel& model, Observer& observer, const RunOptions& options)
      : model_(model),
        observer_(observer),
        options_(options),
        reads_(index(model.options_.n_layers)),
        values_(reads_.size()) {}

  void micro_batch(std::span<const TokenId> tokens, std::span<const int> positions) {
    if (options_.should_stop && options_.should_stop()) throw Error(ErrorCode::kInterrupted, "stopped");
    const int first = static_cast<int>(positions_.size());
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    for (const int position : positions) {
      positions_.push_back(position);
      sequences_.push_back(position == 0 && !sequences_.empty() ? sequences_.back() + 1
                           : sequences_.empty()                 ? 0
                                                                : sequences_.back());
    }
    observer_.on_micro_batch_begin(first, static_cast<int>(tokens.size()));
    Matrix<float> states(tokens.size(), index(model_.options_.d_model));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::ranges::copy(embedding(tokens[i], positions[i], model_.options_.d_model), states.row(i).begin());
    }
    show(ProbePoint::kEmbedding, -1, first, states);
    for (int layer = 0; layer < model_.options_.n_layers; ++layer) block(layer, first, states);
    if (observer_.wants_final_states()) observer_.on_final_states(first, units_of(states).view());
    observer_.on_micro_batch_end(first, static_cast<int>(tokens.size()));
  }

 private:
  // Edits come first: what is shown is what the model reads on with.
  void show(ProbePoint point, int layer, int first, Matrix<float>& rows) {
    std::vector<std::uint8_t> changed(rows.rows());
    const RunTokens tokens(positions_, sequences_, first);
    EditableStates states(point, layer, tokens, rows.view(), changed);
    for (Edit* edit : options_.edits) {
      if (edit->touches(point, layer)) edit->edit_states(states);
    }
    if (std::ranges::count(changed, 1) == 0) changed.clear();
    if (observer_.wants(point, layer)) observer_.on_state({point, layer, first, rows.view(), changed});
  }

  // What edits hide from the queries of this micro-batch.
  std::vector<HiddenKey> hidden_keys(int layer, int first) const {
    std::vector<HiddenKey> hidden;
    const RunTokens tokens(positions_, sequences_, first);
    EditableAttention attention(layer, tokens, hidden);
    for (Edit* edit : options_.edits) {
      if (edit->touches_attention(layer)) edit->edit_attention(attention);
    }
    return hidden;
  }

  void block(int layer, int first, Matrix<float>& states) {
    Matrix<float> reads = units_of(states);
    show(ProbePoint::kAttentionInput, layer, first, reads);
    Matrix<float> attention_writes = attend(layer, first, reads);
    show(ProbePoint::kAttentionWrite, layer, first, attention_writes);
    for (std::size_t i = 0; i < states.rows(); ++i) add(1, attention_writes.row(i), states.row(i));
    const bool parallel = model_.options_.parallel_blocks;
    if (!parallel) show(ProbePoint::kMidResidual, layer, first, states);
    Matrix<float> mlp_reads = parallel ? reads : units_of(states);
    show(ProbePoint::kMlpInput, layer, first, mlp_reads);
    Matrix<float> mlp_writes(states.rows(), states.cols());
    for (std::size_t i = 0; i < states.rows(); ++i) {
      const Vector write = mlp_write(layer, index(first) + i, mlp_reads.row(i), states.row(i));
      std::ranges::copy(write, mlp_writes.row(i).begin());
    }
    show(ProbePoint::kMlpWrite, layer, first, mlp_writes);
    for (std::size_t i = 0; i < states.rows(); ++i) add(1, mlp_writes.row(i), states.row(i));
    show(ProbePoint::kBlockOutput, layer, first, states);
  }

  static Matrix<float> units_of(const Matrix<float>& states) {
    Matrix<float> units(states.rows(), states.cols());
    for (std::size_t i = 0; i < states.rows(); ++i) std::ranges::copy(unit(states.row(i)), units.row(i).begin());
    return units;
  }

  // state  h_{l-1} and the attention's write
  Vector mlp_write(int layer, std::size_t token, std::span<const float> read, std::span<const float> state) const {
    Vector write(read.size());
    add(0.2F, turned({read.begin(), read.end()}, layer + 3), write);
    const DictatedSink* sink = sink_at(token);
    if (sink == nullptr || (layer != sink->l_start && layer != sink->l_end + 1)) return write;
    const Vector& axis = sink->aligned ? model_.axis_ : model_.other_axis_;
    const float wanted = layer == sink->l_start ? sink->norm : 0;
    add(wanted - dot(axis, state) - dot(axis, write), axis, write);
    return write;
  }

  const DictatedSink* sink_at(std::size_t token) const {
    const auto found = std::ranges::find_if(model_.options_.sinks, [&](const DictatedSink& sink) {
      return (!sink.token || *sink.token == tokens_[token]) && (!sink.position || *sink.position == positions_[token]);
    });
    return found == model_.options_.sinks.end() ? nullptr : &*found;
  }

  Vector value_of(int layer, std::span<const float> read) const {
    Vector value(read.begin(), read.end());
    for (const Vector* axis : {&model_.axis_, &model_.other_axis_}) add(-dot(*axis, value), *axis, value);
    value = turned(std::move(value), layer + 1);
    for (float& channel : value) channel /= 2;
    return value;
  }

  // returns  what the attention of each query writes, [rows, d_model]; its sums are shown
  Matrix<float> attend(int layer, int first, const Matrix<float>& reads) {
    const int count = static_cast<int>(reads.rows()), n_heads = model_.options_.n_heads;
    std::vector<Vector>&all_reads = reads_[index(layer)], &all_values = values_[index(layer)];
    for (std::size_t i = 0; i < reads.rows(); ++i) {
      all_reads.emplace_back(reads.row(i).begin(), reads.row(i).end());
      all_values.push_back(value_of(layer, reads.row(i)));
    }
    const bool shown = observer_.wants_attention(layer);
    const auto watched = shown ? observer_.watched_keys(layer) : std::span<const std::int32_t>();
    const auto by_head = shown ? observer_.keys_by_head(layer) : std::span<const std::int32_t>();
    FakeAttention sums(layer, first, count, n_heads, watched, options_.min_distance, by_head);
    const std::vector<HiddenKey> hidden = hidden_keys(layer, first);
    Matrix<float> writes(reads.rows(), reads.cols());
    for (int query = first; query < first + count; ++query) {
      const int first_key = query - positions_[index(query)];
      for (int head = 0; head < n_heads; ++head) {
        Vector logits = logits_of(all_reads, query, first_key, head);
        for (const HiddenKey& key : hidden) {
          const int row = query - first;
          if (key.first_row <= row && row < key.end_row) logits[index(key.key - first_key)] = kHiddenLogit;
        }
        const std::vector<double> attention = softmax(logits);
        if (shown) sums.add_row(index(head), query, first_key, attention, logits);
        for (std::size_t k = 0; k < attention.size(); ++k) {
          const auto share = static_cast<float>(attention[k] / n_heads);
          add(share, all_values[index(first_key) + k], writes.row(index(query - first)));
        }
      }
    }
    if (!shown) return writes;
    Vector key_norm, value_norm;
    for (std::size_t k = index(first); k < all_reads.size(); ++k) {
      key_norm.push_back(std::sqrt(dot(all_reads[k], all_reads[k])));
      value_norm.push_back(std::sqrt(dot(all_values[k], all_values[k])));
    }
    observer_.on_key_value({layer, first, key_norm, value_norm});
    observer_.on_attention(sums.event());
    return writes;
  }

  Vector logits_of(const std::vector<Vector>& reads, int query, int first_key, int head) const {
    Vector logits;
    for (int key = first_key; key <= query; ++key) {
      const Vector& read = reads[index(key)];
      const float drawn = drawn_by(dot(read, model_.axis_)) + drawn_by(dot(read, model_.other_axis_));
      const float alike = dot(reads[index(query)], read) * static_cast<float>(head + 1) / 2;
      logits.push_back(model_.options_.attention_gain * drawn + alike);
    }
    return logits;
  }

  static constexpr float kHiddenLogit = -std::numeric_limits<float>::infinity();

  static std::vector<double> softmax(const Vector& logits) {
    std::vector<double> row;
    double sum = 0;
    for (const float logit : logits) sum += row.emplace_back(std::exp(static_cast<double>(logit)));
    for (double& share : row) share /= sum;
    return row;
  }

  const FakeModel& model_;
  Observer& observer_;
  const RunOptions& options_;
  std::vector<TokenId> tokens_;                      // of the pack so far
  std::vector<int> positions_, sequences_;           // of these
  std::vector<std::vector<Vector>> reads_, values_;  // [n_layers] of [tokens so far]
};

FakeModel::FakeModel(FakeModelOptions options) : options_(std::move(options)) {
  const int n_layers = options_.n_layers;
  if (n_layers < 1 || options_.d_model < 8 || options_.n_heads < 1 || options_.n_ubatch < 1) refuse("a size");
  for (const DictatedSink& sink : options_.sinks) {
    if (sink.l_start < 0 || sink.l_end < sink.l_start || sink.l_end >= n_layers || !(sink.norm > 0)) refuse("a sink");
  }
  axis_.resize(index(options_.d_model));
  other_axis_ = axis_;
  axis_[0] = 0.8F;
  axis_[1] = -0.6F;
  other_axis_[4] = -0.6F;
  other_axis_[5] = 0.8F;

  const auto layers = index(n_layers);
  static_cast<VocabularyFacts&>(facts_) = vocabulary_.facts();
  facts_.arch = "fake";
  facts_.type = "fake F32";
  facts_.n_layers = n_layers;
  facts_.d_model = options_.d_model;
  facts_.n_ctx_train = options_.max_tokens;
  facts_.n_heads.assign(layers, options_.n_heads);
  facts_.n_kv_heads.assign(layers, 1);
  facts_.n_heads_max = options_.n_heads;
  facts_.has_attention.assign(layers, true);
  facts_.has_mid_residual.assign(layers, !options_.parallel_blocks);
  facts_.has_writes.assign(layers, true);
  facts_.has_attention_input.assign(layers, true);
  facts_.cached_key_width.assign(layers, 0);
  facts_.cached_value_width.assign(layers, 0);
  nodes_.push_back({-1, std::string(name_of(ProbePoint::kEmbedding)), "embedding"});
  for (int l = 0; l < n_layers; ++l) {
    nodes_.push_back({l, std::string(name_of(ProbePoint::kBlockOutput)), "block-" + std::to_string(l)});
    if (options_.parallel_blocks) {
      lacking_.push_back({l, "residual between attention and MLP", "the block's branches are parallel"});
    }
  }
}

FakeModel::~FakeModel() = default;

void FakeModel::check_edits(const RunOptions& options, const std::vector<int>& n_tokens) const {
  for (const Edit* edit : options.edits) {
    edit->check(facts_, n_tokens);
    for (int layer = 0; layer < facts_.n_layers; ++layer) {
      if (options_.parallel_blocks && edit->touches(ProbePoint::kMidResidual, layer)) {
        throw Error(ErrorCode::kModel, "edit: " + edit->description() + ": the network has no node for it");
      }
    }
  }
}

void FakeModel::run(const Pack& pack, Observer& observer, const RunOptions& options) {
  if (static_cast<int>(pack.sequences.size()) > max_sequences()) throw Error(ErrorCode::kInput, "too many sequences");
  std::vector<TokenId> tokens;
  std::vector<int> positions;
  for (const auto& sequence : pack.sequences) {
    if (static_cast<int>(sequence.size()) > max_tokens()) throw Error(ErrorCode::kInput, "a sequence is too long");
    for (std::size_t t = 0; t < sequence.size(); ++t) {
      if (sequence[t] < 0 || sequence[t] >= facts_.n_vocab) throw Error(ErrorCode::kInput, "a token id out of range");
      tokens.push_back(sequence[t]);
      positions.push_back(static_cast<int>(t));
    }
  }
  std::vector<int> n_tokens;
  for (const auto& sequence : pack.sequences) n_tokens.push_back(static_cast<int>(sequence.size()));
  check_edits(options, n_tokens);
  Pass pass(*this, observer, options);
  for (std::size_t first = 0; first < tokens.size(); first += index(n_ubatch())) {
    const std::size_t count = std::min(index(n_ubatch()), tokens.size() - first);
    pass.micro_batch(std::span(tokens).subspan(first, count), std::span(positions).subspan(first, count));
  }
}

void FakeModel::next_token_logits(MatrixView<const float> states, Matrix<float>& logits) {
  logits = Matrix<float>(states.rows(), index(facts_.n_vocab));
  for (TokenId token = 0; token < facts_.n_vocab; ++token) {
    const Vector vector = unit(noise(static_cast<unsigned>(token) + 1, options_.d_model));
    for (std::size_t i = 0; i < states.rows(); ++i) logits(i, index(token)) = 8 * dot(vector, states.row(i));
  }
}

Generation FakeModel::generate(const std::vector<TokenId>& prompt, Observer& observer, const GenerateOptions& options) {
  if (options.sampling.temperature < 0 || !(options.sampling.top_p > 0)) refuse("sampling options");
  if (prompt.empty() || static_cast<int>(prompt.size()) > max_tokens()) throw Error(ErrorCode::kInput, "the prompt");
  std::vector<int> positions(prompt.size());
  for (std::size_t t = 0; t < prompt.size(); ++t) positions[t] = static_cast<int>(t);
  check_edits(options.run, {std::min(max_tokens(), static_cast<int>(prompt.size()) + options.max_tokens)});
  Pass pass(*this, observer, options.run);
  const std::size_t n_together = prompt.size() - 1;
  for (std::size_t first = 0; first < n_together; first += index(n_ubatch())) {
    const std::size_t count = std::min(index(n_ubatch()), n_together - first);
    pass.micro_batch(std::span(prompt).subspan(first, count), std::span(positions).subspan(first, count));
  }
  Generation generation;
  std::mt19937 random(options.sampling.seed);
  TokenId last = prompt.back();
  for (int position = positions.back(); static_cast<int>(generation.tokens.size()) < options.max_tokens; ++position) {
    if (position >= max_tokens()) break;
    pass.micro_batch({&last, 1}, {&position, 1});
    if (!options_.continuation.empty() && generation.tokens.size() == options_.continuation.size()) {
      generation.ended = true;
      break;
    }
    last = options_.continuation.empty() ? 'a' + static_cast<TokenId>(random() % 26)
                                         : options_.continuation[generation.tokens.size()];
    generation.tokens.push_back(last);
    if (options.on_token) options.on_token(last);
  }
  return generation;
}

std::vector<TokenId> fake_text(int n_tokens, unsigned seed, const std::map<int, TokenId>& placed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens = {kFakeBos};
  while (static_cast<int>(tokens.size()) < n_tokens) tokens.push_back('a' + static_cast<TokenId>(random() % 26));
  for (const auto& [position, token] : placed) tokens.at(index(position)) = token;
  return tokens;
}

}  // namespace sinkscope
