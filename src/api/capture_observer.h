#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/capture.h"
#include "api/scanned_text.h"
#include "probe/model.h"
#include "probe/observer.h"

namespace sinkscope {

// Keeps what was asked for of a run of one sequence.
class CaptureObserver final : public Observer {
 public:
  // throws  Error{kUsage} for a name or a layer that there is not
  CaptureObserver(const Model& model, int n_tokens, std::span<const Captured> captured);

  bool wants(ProbePoint point, int layer) override { return has(std::string(name_of(point)), layer); }
  bool wants_attention(int layer) override;
  void on_state(const StateEvent& event) override;
  void on_attention(const AttentionEvent& event) override;
  void on_key_value(const KeyValueEvent& event) override;

  // returns  in the order in which they were asked for
  // throws   Error{kModel} if the network did not show one of them; says why
  std::vector<ArrayView> take();

 private:
  using Key = std::pair<std::string, int>;
  struct Kept {
    std::vector<std::size_t> shape;  // empty until something came
    std::vector<float> values;
  };
  bool has(const std::string& name, int layer) const { return kept_.contains({name, layer}); }
  // Where an array of this shape is kept; nothing if it was not asked for.
  Kept* find(const std::string& name, int layer, std::vector<std::size_t> shape);
  void add_sums(const std::string& name, const AttentionEvent& event, MatrixView<const float> sums);
  void keep_norms(const std::string& name, const KeyValueEvent& event, std::span<const float> norms);

  const Model& model_;
  std::size_t n_tokens_;
  std::vector<Key> asked_;
  std::map<Key, Kept> kept_;
};

}  // namespace sinkscope
