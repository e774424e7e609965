#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/views.h"
#include "probe/model_facts.h"
#include "probe/observer.h"

namespace sinkscope {

// The tokens of a run so far, and those of the micro-batch that is run now: the last ones.
// The tokens of a sequence follow one another; sequences follow one another as in the pack.
class RunTokens {
 public:
  // position, sequence  [tokens so far] of each token; must outlive this object
  RunTokens(std::span<const std::int32_t> position, std::span<const std::int32_t> sequence, int first_token)
      : position_(position), sequence_(sequence), first_token_(first_token) {}

  int first_token() const { return first_token_; }  // index in the pack of the micro-batch's first token
  int n_rows() const { return static_cast<int>(position_.size()) - first_token_; }  // tokens of the micro-batch
  int position(int row) const { return position_[static_cast<std::size_t>(first_token_ + row)]; }
  int sequence(int row) const { return sequence_[static_cast<std::size_t>(first_token_ + row)]; }

  // Index in the pack; nothing if the token has not come yet.
  std::optional<int> token(int sequence, int position) const;
  // Row of the micro-batch; nothing if the token is not in it.
  std::optional<int> row(int sequence, int position) const;

 private:
  std::span<const std::int32_t> position_, sequence_;
  int first_token_;
};

// The vectors of one probe point, for the tokens of one micro-batch. A row is read freely and changed by asking for it.
class EditableStates {
 public:
  // rows     [n_rows, width], valid as long as this object
  // changed  [n_rows] set to 1 for each row that an edit asked for
  EditableStates(ProbePoint point, int layer, const RunTokens& tokens, MatrixView<float> rows,
                 std::span<std::uint8_t> changed)
      : point_(point), layer_(layer), tokens_(tokens), rows_(rows), changed_(changed) {}

  ProbePoint point() const { return point_; }
  int layer() const { return layer_; }  // -1: the embedding
  const RunTokens& tokens() const { return tokens_; }
  std::size_t width() const { return rows_.cols(); }
  std::span<const float> row(int row) const { return rows_.row(static_cast<std::size_t>(row)); }
  // The row to be written to: the network reads on with it, and invariants leave it out.
  std::span<float> change(int row) {
    changed_[static_cast<std::size_t>(row)] = 1;
    return rows_.row(static_cast<std::size_t>(row));
  }

 private:
  ProbePoint point_;
  int layer_;
  const RunTokens& tokens_;
  MatrixView<float> rows_;
  std::span<std::uint8_t> changed_;
};

// A key that some rows of a micro-batch do not see.
struct HiddenKey {
  int key = 0;  // index in the pack
  int first_row = 0;
  int end_row = 0;
  bool operator==(const HiddenKey&) const = default;
};

// What the queries of one micro-batch see in one layer. Only ever less: a key can be hidden, never shown.
class EditableAttention {
 public:
  EditableAttention(int layer, const RunTokens& tokens, std::vector<HiddenKey>& hidden)
      : layer_(layer), tokens_(tokens), hidden_(hidden) {}

  int layer() const { return layer_; }
  const RunTokens& tokens() const { return tokens_; }
  // Hides a key from queries of its own sequence, at positions first_query up to end_query, exclusive.
  // A token always sees itself: that pair is left as it is, so no query is left without a key.
  // Queries of other micro-batches, and pairs that the network's own mask hides, are no error.
  void hide(int sequence, int key_position, int first_query, int end_query);

 private:
  int layer_;
  const RunTokens& tokens_;
  std::vector<HiddenKey>& hidden_;
};

// What is changed of a run before the network reads on. Given in RunOptions::edits, applied in their order. Of a node,
// edits come first, then observers, so observers see the edited values; then invariants, which leave out the rows
// that were changed.
//
// As it stands, it changes nothing. What the functions throw ends the run and is thrown by Model::run.
class Edit {
 public:
  virtual ~Edit() = default;

  // One line that names everything which decides what is changed: equal descriptions, equal edits. Results of edited
  // runs carry it as a measurement option, so that they never merge with others.
  virtual std::string description() const = 0;

  // Called before a run.
  //
  // n_tokens  [n_sequences] that each sequence of the pack has, or may come to have
  // throws    Error{kUsage} if the edit names a layer, sequence or position that is not there, or a vector of another
  //           length than the model's
  virtual void check(const ModelFacts& /*facts*/, std::span<const int> /*n_tokens*/) const {}

  // Which nodes it changes. Asked for each layer of each micro-batch; only these nodes cost anything. A run is refused
  // if one of them does not exist in this network, or cannot be changed by itself.
  virtual bool touches(ProbePoint, int /*layer*/) const { return false; }
  virtual bool touches_attention(int /*layer*/) const { return false; }

  virtual void edit_states(EditableStates&) {}
  virtual void edit_attention(EditableAttention&) {}
};

// For Edit::check.
//
// what    begins the message
// throws  Error{kUsage} if the pack has no such sequence, or the sequence no such position
void check_position(int sequence, int position, std::span<const int> n_tokens, const std::string& what);

// All descriptions, "; " between them; empty without edits.
std::string description_of(std::span<Edit* const> edits);

}  // namespace sinkscope
