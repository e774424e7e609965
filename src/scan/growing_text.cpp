#include "scan/growing_text.h"

#include <algorithm>
#include <set>
#include <utility>

#include "measure/pack_meter.h"

namespace sinkscope {
namespace {

// Looks at a text as it grows, and tells of each sink once.
class Watcher {
 public:
  Watcher(const Model& model, const std::vector<TokenId>& prompt, const GrowOptions& options)
      : options_(options),
        prompt_tokens_(static_cast<int>(prompt.size())),
        tokens_(prompt),
        meter_(model.facts(), room_for(model, prompt, options),
               {.min_distance = options.generate.run.min_distance,
                .n_kept_positions = positions_kept_for(options.floor),
                .n_threads = model.n_threads()}) {}

  PackMeter& meter() { return meter_; }
  // A token that was drawn, before the meter sees it.
  void add(TokenId token) {
    const auto n_shown = static_cast<int>(tokens_.size());
    if (n_shown >= next_look_) {
      look();
      next_look_ = n_shown + tokens_between_looks(n_shown);
    }
    tokens_.push_back(token);
  }
  void look() {
    const auto measured = meter_.so_far(0);
    if (!measured) return;
    held_ = 0;
    const SequenceFigures figures = reduce(*measured, prompt_tokens_, options_.floor);
    for (const Run& run : detect_by_evidence(figures, options_.thresholds).runs) {
      if (run.verdict != Verdict::kSink) continue;
      ++held_;
      if (!told_.emplace(run.position, run.l_start).second) continue;
      if (options_.on_sink) options_.on_sink(tokens_, {run, measured->n_tokens});
    }
  }
  void report() const {
    if (options_.on_progress) options_.on_progress(static_cast<int>(tokens_.size()) - prompt_tokens_, counts());
  }
  // Of the last look.
  ProvisionalCounts counts() const { return {static_cast<int>(told_.size()), held_}; }

 private:
  // The meter must know how long a text may become; of tokens that are not drawn yet it knows nothing.
  static Pack room_for(const Model& model, const std::vector<TokenId>& prompt, const GrowOptions& options) {
    Pack pack{{prompt}};
    pack.sequences[0].resize(std::min(prompt.size() + static_cast<std::size_t>(options.generate.max_tokens),
                                      static_cast<std::size_t>(model.max_tokens())),
                             TokenId{-1});
    return pack;
  }

  const GrowOptions& options_;
  int prompt_tokens_;
  std::vector<TokenId> tokens_;
  PackMeter meter_;
  int next_look_ = 0;
  std::set<std::pair<int, int>> told_;  // position, l_start
  int held_ = 0;
};

}  // namespace

GrownText grow_text(Model& model, const std::vector<TokenId>& prompt, const GrowOptions& options) {
  Watcher watcher(model, prompt, options);
  GenerateOptions generate = options.generate;
  generate.run.should_stop = [&] {
    watcher.report();
    return options.generate.run.should_stop && options.generate.run.should_stop();
  };
  generate.on_token = [&](TokenId token) { watcher.add(token); };
  GrownText text;
  text.generation = model.generate(prompt, watcher.meter(), generate);
  watcher.look();
  watcher.report();
  text.sinks = watcher.counts();
  return text;
}

}  // namespace sinkscope
