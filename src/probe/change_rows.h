#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "probe/edit.h"

namespace sinkscope {

// One vector of a run: what a token has at a probe point.
struct RowPlace {
  ProbePoint point = ProbePoint::kMlpWrite;
  int layer = 0;  // -1: the embedding
  int sequence = 0;
  int position = 0;
};

// What may be done to a row w. A direction may have any length but 0; u is the direction at length 1.
struct ReplaceRow {  // w = row
  std::vector<float> row;
};
struct AddToRow {  // w += vector
  std::vector<float> vector;
};
struct SetComponent {  // w += (value - <w, u>) u; value 0 takes the component out
  std::vector<float> direction;
  double value = 0;
};
struct ScaleComponent {  // w += (1 - factor) (about - <w, u>) u; factor 1 changes no bit, 0 sets the component to
                         // `about`
  std::vector<float> direction;
  double factor = 1;
  double about = 0;
};
struct ReplaceRest {  // w = row + (<w, u> - <row, u>) u: all but the component along u becomes that of `row`
  std::vector<float> direction;
  std::vector<float> row;
};
struct ClipNorm {  // w *= min(1, norm / |w|); a row that is shorter keeps every bit
  double norm = 0;
};
using RowChange = std::variant<ReplaceRow, AddToRow, SetComponent, ScaleComponent, ReplaceRest, ClipNorm>;

// Changes a row as said above. Dot products and norms are taken in double.
//
// returns  whether the row was written to
// throws   Error{kShape} if a vector has another length than the row
bool change_row(const RowChange& change, std::span<float> row);

// Changes single rows. Those of one place are made in the order in which they are listed.
//
//   the MLP's write of a token, without its part along an axis
//       ChangeRows({ProbePoint::kMlpWrite, 5, 0, 224}, SetComponent{axis, 0})
class ChangeRows final : public Edit {
 public:
  using Change = std::pair<RowPlace, RowChange>;
  ChangeRows(RowPlace place, RowChange change) : ChangeRows(std::vector<Change>{{place, std::move(change)}}) {}
  explicit ChangeRows(std::vector<Change> changes);

  std::string description() const override;  // vectors by the first digits of their SHA-256
  // throws  Error{kUsage} also if a number is not finite, a direction has no length, or a norm is negative
  void check(const ModelFacts& facts, std::span<const int> n_tokens) const override;
  bool touches(ProbePoint point, int layer) const override { return at_.contains({point, layer}); }
  void edit_states(EditableStates& states) override;

 private:
  std::vector<Change> changes_;
  std::vector<float> scratch_;
  std::map<std::pair<ProbePoint, int>, std::vector<std::size_t>> at_;  // changes of a point and layer
};

}  // namespace sinkscope
