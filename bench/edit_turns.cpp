// What edits cost: full scans of one text in turns on one loaded model, without edits, with an edit that looks at every
// node and changes none, with a write's row replaced by itself in every layer, and with one key hidden in every layer.
//
//   edit_turns MODEL TEXT n_tokens n_ubatch n_threads precision      a line for each kind: processor time over that of
//                                                                    the scan beside it without edits, median and range
#include <algorithm>
#include <cstdio>
#include <vector>

#include "loaded_text.h"
#include "probe/edit.h"
#include "scan/examine.h"

namespace {

using namespace sinkscope;

constexpr int kTurns = 9;

// Asked at every node that can be edited; changes nothing.
class Onlooker : public Edit {
 public:
  std::string description() const override { return "onlooker"; }
  bool touches(ProbePoint point, int layer) const override {
    return layer >= 0 && (point == ProbePoint::kMlpWrite || point == ProbePoint::kBlockOutput);
  }
  bool touches_attention(int /*layer*/) const override { return true; }
};

// Asks for one row of each MLP's write, and leaves it as it is.
class SameRow : public Edit {
 public:
  std::string description() const override { return "same row"; }
  bool touches(ProbePoint point, int layer) const override { return layer >= 0 && point == ProbePoint::kMlpWrite; }
  void edit_states(EditableStates& states) override { states.change(0); }
};

// One key, hidden from all later queries.
class OneKey : public Edit {
 public:
  std::string description() const override { return "one key"; }
  bool touches_attention(int /*layer*/) const override { return true; }
  void edit_attention(EditableAttention& attention) override { attention.hide(0, 100, 101, 1 << 30); }
};

int run(const bench::Arguments& arguments) {
  const bench::LoadedText loaded = bench::load_text(arguments);

  Onlooker onlooker;
  SameRow same_row;
  OneKey one_key;
  const std::vector<std::pair<const char*, std::vector<Edit*>>> kinds = {
      {"no edit", {}}, {"touches nothing", {&onlooker}}, {"same row", {&same_row}}, {"one hidden key", {&one_key}}};

  std::vector<std::vector<double>> ratios(kinds.size());
  for (int turn = 0; turn <= kTurns; ++turn) {
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      const auto taken = [&](const std::vector<Edit*>& edits) {
        ExamineOptions options;
        options.run.edits = edits;
        const double start = bench::processor_ms();
        examine(*loaded.model, loaded.pack, options);
        return bench::processor_ms() - start;
      };
      // Which comes first changes from turn to turn, so that a machine that slows down favours neither.
      double plain = 0, edited = 0;
      if (turn % 2 == 0) plain = taken({});
      edited = taken(kinds[kind].second);
      if (turn % 2 == 1) plain = taken({});
      if (turn > 0) ratios[kind].push_back(edited / plain);  // the first reads the file
    }
  }
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    std::sort(ratios[kind].begin(), ratios[kind].end());
    std::printf("%-16s %.3f (%.3f to %.3f)\n", kinds[kind].first, ratios[kind][kTurns / 2], ratios[kind].front(),
                ratios[kind].back());
  }
  return 0;
}

}  // namespace

int main(int n_arguments, char** arguments) {
  try {
    return run(sinkscope::bench::read_arguments(n_arguments, arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "edit_turns: %s\n", error.what());
    return 1;
  }
}
