#include "formation/text_sight.h"

#include "base/index.h"

namespace sinkscope {

TextSight::TextSight(const ModelFacts& facts, int n_tokens, int n_ubatch)
    : facts_(facts), n_tokens_(n_tokens), n_ubatch_(n_ubatch), sees_all_(index(facts.n_layers), 0) {}

bool TextSight::wants_attention(int layer) {
  return facts_.has_attention[index(layer)] && seen_ + n_ubatch_ >= n_tokens_;
}

void TextSight::on_attention(const AttentionEvent& event) {
  if (event.visibility.queries.empty()) return;
  const KeyVisibility& first = event.visibility;
  const bool selected = first.far_selected.empty() || first.far_selected[0] == first.far_queries[0];
  sees_all_[index(event.layer)] = selected && first.queries[0] == event.n_queries ? 1 : 0;
}

void TextSight::on_micro_batch_end(int /*first_token*/, int n_tokens) { seen_ += n_tokens; }

}  // namespace sinkscope
