#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/capture.h"
#include "api/protection.h"
#include "api/results.h"
#include "api/scanned_text.h"
#include "engine/llama/model.h"
#include "formation/judge_explanation.h"
#include "probe/model.h"
#include "scan/document_tokenizer.h"
#include "scan/scan.h"
#include "text/document.h"

namespace sinkscope {

// How a scanner measures and judges. The defaults are those of the program.
struct ScanSettings {
  int min_distance = 64;  // a query is far from a key if it comes at least so many positions later
  BosMode bos = BosMode::kAuto;
  std::string chat_template;                             // Jinja source; empty: the model's own
  bool special = false;                                  // text that looks like a control token is one
  Keep keep = Keep::kProfiles;                           // kHeads: arrays by head too
  Thresholds thresholds;                                 // of the evidence rule
  std::function<bool()> should_stop;                     // asked before each micro-batch, on the thread that scans
  std::function<void(const ScanProgress&)> on_progress;  // likewise
};

// Chat messages as a document.
//
// messages  a JSON array of {"role": ..., "content": ...}
// throws    Error{kInput} if it is anything else, or empty
Document chat_document(const std::string& messages, const std::string& name = "");

// An open model that scans texts. One thread at a time may use it; several scanners may work at once.
class Scanner {
 public:
  // Opens a GGUF model.
  //
  // load    path, runtime, micro-batch, precision, cache type, ... ; max_sequences: how many short texts run together
  // throws  Error{kModel} if the file cannot be loaded; Error{kUsage} if an option cannot be had
  // cost    as load_model: 0.1 to 1 s, the weights are mapped
  explicit Scanner(const LoadOptions& load, ScanSettings settings = {});
  ~Scanner();
  Scanner(Scanner&&) noexcept;
  Scanner& operator=(Scanner&&) noexcept;

  const ModelFacts& facts() const { return model().facts(); }
  // What of the model's file, or of the settings, is odd and changes numbers, a sentence each. ScannedText::notes() has
  // these, and those of a scan and a text.
  const std::vector<std::string>& notes() const;
  // For examine() and observers of your own; lives as long as the scanner.
  Model& model() const;

  // One text, as the program's `scan -p TEXT` sees it.
  //
  // name    whatever is to stand for it in results
  // throws  Error{kInput} if it is empty or longer than Model::max_tokens(); Error{kInterrupted} if should_stop said
  //         so; whatever Model::run throws
  // cost    one forward pass without the vocabulary product, 1.1 to 1.3 times as long for what is measured
  ScannedText scan(std::string_view text, const std::string& name = "") const;
  // Token ids; BOS is put before them only with BosMode::kOn.
  ScannedText scan_tokens(std::vector<TokenId> tokens, const std::string& name = "") const;
  // Several texts: with a prompt, as chat messages, or token ids. Short ones run together.
  //
  // edits    of each text's run, by which results never merge with those of the network as it is. Texts run one by
  //          one then: each is sequence 0 of its run
  // returns  [documents.size()], in their order
  // throws   also Error{kUsage} if an edit names what a text, or the model, has not
  std::vector<ScannedText> scan_all(std::span<const Document> documents, std::span<Edit* const> edits = {}) const;
  // The tokens of one document as the network would read them, with BOS where there is one.
  std::vector<TokenId> tokens_of(const Document& document) const;

  // Next-token losses, in nats.
  //
  // tokens   as the network is to read them
  // returns  [n_tokens]: at t, -log of the probability that the model gives to token t + 1; NaN at the last
  // throws   as scan; Error{kModel} if the network's logits cannot be had
  // cost     one forward pass with the vocabulary product of every token
  ArrayView loss(std::span<const TokenId> tokens, std::span<Edit* const> edits = {}) const;
  // What one run shows, as it is.
  //
  // tokens   as the network is to read them
  // returns  [captured.size()]: states [n_tokens, width], sums [n_heads, n_tokens], norms [n_tokens]
  // throws   as scan; Error{kUsage} for a name or layer that there is not; Error{kModel} if the network does not show it
  // cost     one forward pass, and a copy of what is captured
  std::vector<ArrayView> capture(std::span<const TokenId> tokens, std::span<const Captured> captured,
                                 std::span<Edit* const> edits = {}) const;

  // Says which writes made the sinks of a results file, and what their norm decides, as the program's `explain` does.
  // What is measured is kept in the file; what is there already is not measured again.
  //
  // path     results of this model, of `save` or the program
  // request  claims, kinds, thresholds, seeds; run.min_distance is taken from the file
  // throws   Error{kInput} if the file is of another model, or no text of it has a primary; Error{kOutput} if it cannot
  // be
  //          written; Error{kInterrupted} if request.run.should_stop said so; whatever Model::run throws
  // cost     as measure_explanation and judge_explanation
  Explanation explain(const std::string& path, ExplainRequest request = {}) const;

  // Takes sinks of a results file away, and says what that does to the primary and to predictions, as the program's `ablate`
  // does. What is measured is kept in the file; what is there already is not measured again.
  //
  // path     results of this model, of `save` or the program, measured in the same precision, micro-batches and cache type
  // request  edits, sinks, draws, seed, margins; run.min_distance is taken from the file
  // throws   as explain(), and as ablate()
  // cost     as ablate() and judge_ablation()
  AblatedResults ablate(const std::string& path, AblateRequest request = {}) const;

  // Says which tokens a smaller or coarser cache must keep, or store exactly, as the program's `protect` does. What is
  // measured is kept in the file; what is there already is not measured again.
  //
  // path     as of ablate()
  // request  caches, draws, seed; run.min_distance is taken from the file
  // throws   as protect()
  // cost     as protect() and judge_protection()
  ProtectedResults protect(const std::string& path, ProtectRequest request) const;

  // What each KV head reads beyond the tokens that a streaming head keeps, as the program's `protect --duo` says. What
  // is measured is kept in the file; what is there already is not measured again.
  //
  // path     as of ablate()
  // request  sizes, documents
  // throws   as measure_head_reach
  // cost     as measure_head_reach
  HeadPattern head_reach(const std::string& path, HeadReachRequest request = {}) const;

  // A rule that names the file's sinks by one block's output, and what caches lose that keep what it names, as the program's
  // `protect --detector` says. Kept in the file likewise.
  //
  // path     as of ablate()
  // request  caches (none: the rule alone), thresholds, seed, documents; run.min_distance is taken from the file
  // throws   as measure_detector
  // cost     as measure_detector
  ModelDetector detector(const std::string& path, ProtectRequest request) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sinkscope
