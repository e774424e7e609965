#include "report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/display_text.h"
#include "base/error.h"
#include "report/headline.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostWarnings = 12, kCommonTokens = 4;

// A text's primary, with what its token is called.
struct FoundPrimary {
  Primary primary;
  std::string token;
};

// The primaries of a file: of the first all is said, of the others how many are like it.
struct FoundPrimaries {
  std::optional<FoundPrimary> first;
  std::map<std::pair<int, int>, std::int64_t> by_birth;  // by position and birth layer
  std::int64_t n = 0;
};

}  // namespace

class FindingsView::Collector {
 public:
  Collector(const ScanFile& file, const ReportOptions& options)
      : file_(file), thresholds_(options.thresholds), rule_(rule_of(file, options)) {
    found_.rule = rule_;
  }

  void add(const JudgedDocument& judged) {
    const Detection& detection = judged.shown();
    FoundText text{name_of_text(judged), judged.document.figures.n_tokens, judged.counts};
    found_.n_tokens += text.n_tokens;
    found_.counts.add(text.counts);
    if (rule_ == Rule::kEvidence) taken_.add(judged.document.figures, detection);
    if (detection.primary) {
      const Primary& primary = *detection.primary;
      if (!primaries_.first) primaries_.first = {primary, judged.token(primary.position)};
      ++primaries_.by_birth[{primary.position, primary.birth_layer}];
      ++primaries_.n;
    } else {
      warn(text.name, "no primary sink: " + displayable(detection.no_primary_reason) + ".");
    }
    if (const int n = judged.document.figures.n_watch_overflow; n > 0 && rule_ == Rule::kEvidence) {
      warn(text.name, counted(n, "token") +
                          " with state evidence came after the list of watched tokens was full; their logit gaps are "
                          "not measured.");
    }
    for (const SinkGroup& group : detection.groups) {
      if (group.verdict != Verdict::kSink) continue;
      if (!largest_group_ || group.mass_mean > largest_group_->group.mass_mean) {
        largest_group_ = FoundGroup{found_.texts.size(), group, judged.token(group.members.front())};
      }
    }
    for (const Run& run : detection.runs) {
      if (run.verdict != Verdict::kSink) continue;
      FoundSink sink{found_.texts.size(), run, judged.token(run.position)};
      ++tokens_[sink.token];
      found_.strongest.push_back(std::move(sink));
    }
    keep_strongest();
    found_.texts.push_back(std::move(text));
  }

  Findings finish(const LevelReport& levels) {
    found_.taken = taken_.finish();
    found_.headline = headline(found_);
    say(primary_sentence());
    say(sinks_sentence(levels.all));
    say(attention_sentence(found_));
    say(groups_sentence());
    say(strongest_sentence());
    say(tokens_sentence());
    say(levels_sentence(levels));
    say(other_runs_sentence());
    add_general_warnings();
    return std::move(found_);
  }

 private:
  static std::string name_of_text(const JudgedDocument& judged) {
    const std::string number = fmt::format("document {}", judged.document.ordinal);
    const Origin& origin = judged.first_origin();
    const std::string name = origin.id.empty() ? number : displayable(origin.id);
    return origin.chunk ? fmt::format("{} \u00b7 chunk {}", name, *origin.chunk) : name;
  }

  void keep_strongest() {
    std::ranges::stable_sort(found_.strongest, [&](const FoundSink& a, const FoundSink& b) {
      // Attention is not known of all that the paper's rule flags, and no part of it.
      if (rule_ == Rule::kPaper) return a.run.lifetime > b.run.lifetime;
      return prominence_of(a.run) > prominence_of(b.run);
    });
    if (found_.strongest.size() > kStrongest) found_.strongest.resize(kStrongest);
  }

  void warn(const std::string& text, const std::string& what) {
    ++n_warnings_;
    if (found_.warnings.size() < kMostWarnings) found_.warnings.push_back(text + ": " + what);
  }

  void say(const std::optional<std::string>& sentence) {
    if (sentence && !sentence->empty()) found_.sentences.push_back(*sentence);
  }

  std::string primary_sentence() const {
    if (!primaries_.first) {
      return "No text shows a primary sink: a first token that draws attention from far and keeps its direction.";
    }
    const auto& [first, token] = *primaries_.first;
    if (rule_ == Rule::kPaper) {
      return fmt::format("By the paper's rule the primary {} token {} \u201c{}\u201d, with a span of {}.",
                         found_.texts.size() == 1 ? "is" : "of the first text is", first.position, token_name(token),
                         layer_range(first.birth_layer, first.birth_end));
    }
    const std::string name = token_name(token);
    std::string draws = fmt::format(
        " It draws {} of attention on average (up to {} in one layer) and {} times an equal share of the attention "
        "that "
        "comes from far.",
        in_percent(first.score_mean), in_percent(first.score_max), in_digits(first.far_boost_median));
    if (!first.early_plateau.empty()) {
      draws += fmt::format(" Before its direction is born it stands out in {} too: an early plateau.",
                           layer_ranges(first.early_plateau));
    }
    if (found_.texts.size() == 1) {
      return fmt::format("The primary sink is token {} \u201c{}\u201d, born at layer {} and active in {}.",
                         first.position, name, first.birth_layer, layer_ranges(first.active_layers)) +
             draws;
    }
    const std::int64_t same = primaries_.by_birth.at({first.position, first.birth_layer});
    return fmt::format(
               "{} of {} texts have a primary sink; in {} of them it stands at position {} and is born at layer {}. In "
               "the "
               "first text it is \u201c{}\u201d, active in {}.",
               grouped(primaries_.n), grouped(static_cast<std::int64_t>(found_.texts.size())), grouped(same),
               first.position, first.birth_layer, name, layer_ranges(first.active_layers)) +
           draws;
  }

  std::int64_t n_sinks() const { return found_.counts.sinks(); }

  // Kinds of sinks beside the primary, those that there are.
  std::string kinds_in_words() const {
    std::vector<std::string> parts;
    for (const SinkKind kind : {SinkKind::kSecondary, SinkKind::kPrimaryLike, SinkKind::kUnaligned}) {
      const std::int64_t n = found_.counts.of(kind);
      if (n > 0) parts.push_back(fmt::format("{} {}", grouped(n), kind_name(kind, rule_)));
    }
    const std::string groups = found_.counts.counted_groups > 0
                                   ? fmt::format(" ({} as one sink)", counted(found_.counts.counted_groups, "group"))
                                   : "";
    return fmt::format("{}{}", fmt::join(parts, ", "), groups);
  }

  // How many tokens could be judged, and what was found among them.
  std::string sinks_sentence(const Rate& all) const {
    if (rule_ == Rule::kPaper) {
      return fmt::format("{} of {} are flagged: {}. That is {} in 1000 tokens, all of which are eligible.",
                         grouped(n_sinks()), counted(found_.n_tokens, "token"), kinds_in_words(),
                         in_digits(all.per_1000));
    }
    const std::string judged =
        fmt::format("{} of {} could be judged: those behind the primary with enough far queries.",
                    grouped(all.eligible_tokens), counted(found_.n_tokens, "token"));
    if (n_sinks() == 0) {
      if (all.eligible_tokens == 0)
        return fmt::format("None of {} could be judged.", counted(found_.n_tokens, "token"));
      return fmt::format("{} Beside the primary, none of them is a sink{}.", judged,
                         found_.counts.groups > 0 ? " by itself" : "");
    }
    const std::string words =
        fmt::format("{} {} found: {}.", counted(n_sinks(), "sink"), n_sinks() == 1 ? "was" : "were", kinds_in_words());
    if (primaries_.n == 0) return fmt::format("{} Without a primary no token is eligible, so there is no rate.", words);
    return fmt::format("{} Beside the primary, {}{}", judged, words, rate_sentence(all));
  }

  // The rate of the sinks that were found, and how many of them it counts.
  static std::string rate_sentence(const Rate& all) {
    if (!all.per_1000) return "";
    const std::string rate = fmt::format("{} in 1000 eligible tokens", in_digits(all.per_1000));
    if (all.outside == 0) return fmt::format(" That is {}.", rate);
    return fmt::format(" {} of them {} among the eligible tokens: that is {}. {} outside, before the primary or in a text "
                       "without one, and {} no rate.",
                       grouped(all.count), all.count == 1 ? "stands" : "stand", rate,
                       all.outside == 1 ? "1 stands" : grouped(all.outside) + " stand", all.outside == 1 ? "enters" : "enter");
  }

  // What tokens of one state draw together.
  std::optional<std::string> groups_sentence() const {
    if (!largest_group_) return {};
    const auto& [text, group, token] = *largest_group_;
    return fmt::format(
        "{} of one state, {} in all, {} a sink together. A group counts as one sink, unless it is the primary\u2019s or some of "
        "its tokens are sinks by themselves and are counted. The one that draws most{} begins with \u201c{}\u201d at position {}: {}.",
        counted(found_.counts.groups, "group"), counted(found_.counts.group_tokens, "token"),
        found_.counts.groups == 1 ? "is" : "are each", found_.texts.size() == 1 ? "" : " of " + found_.texts[text].name,
        token_name(token), grouped(group.members.front()), group_in_words(group));
  }

  std::optional<std::string> strongest_sentence() const {
    if (found_.strongest.empty() || rule_ == Rule::kPaper) return {};
    const FoundSink& sink = found_.strongest.front();
    const std::string where = found_.texts.size() == 1 ? "" : " of " + found_.texts[sink.text].name;
    return fmt::format(
        "The strongest is \u201c{}\u201d at position {}{}, {}, in {}: {} times the norm of an ordinary token, {} times "
        "its "
        "share of far attention.",
        token_name(sink.token), grouped(sink.run.position), where, kind_name(sink.run.kind),
        layer_range(sink.run.l_start, sink.run.l_end), in_digits(sink.run.norm_ratio_median),
        in_digits(sink.run.far_boost_median));
  }

  std::optional<std::string> tokens_sentence() const {
    std::vector<std::pair<std::int64_t, std::string>> common;
    for (const auto& [token, n] : tokens_) {
      if (n > 1) common.emplace_back(-n, token);
    }
    if (common.empty()) return {};
    std::ranges::sort(common);
    if (common.size() > kCommonTokens) common.resize(kCommonTokens);
    std::vector<std::string> parts;
    for (const auto& [n, token] : common) parts.push_back(fmt::format("\u201c{}\u201d ({})", token_name(token), -n));
    return fmt::format("Tokens that {} more than once: {}.", rule_ == Rule::kPaper ? "were flagged" : "became sinks",
                       fmt::join(parts, ", "));
  }

  std::optional<std::string> levels_sentence(const LevelReport& report) const {
    if (report.all.total() == 0) return {};
    if (report.levels.empty()) return "They are too few, or too scattered, to form sink levels.";
    std::vector<std::string> parts;
    for (const Level& level : report.levels) {
      parts.push_back(fmt::format("{} ({})", level_name(level), grouped(level.rate.total())));
    }
    return fmt::format("They form {} by first and last layer: {}.",
                       counted(static_cast<std::int64_t>(parts.size()), "level"), fmt::join(parts, ", "));
  }

  std::optional<std::string> other_runs_sentence() const {
    if (rule_ == Rule::kPaper) return {};
    const std::string runs = other_runs_in_words(found_.counts, thresholds_);
    if (runs.empty()) return {};
    return fmt::format("Further runs of layers point the primary's way and are no sinks: {}.", runs);
  }

  void add_general_warnings() {
    if (n_warnings_ > found_.warnings.size()) {
      found_.warnings.push_back(fmt::format("\u2026 and {} more of such texts.", n_warnings_ - found_.warnings.size()));
    }
    std::map<std::string, std::vector<int>> lacking;
    for (const Lacking& one : file_.model().lacking) {
      lacking[displayable(one.what) + ": " + displayable(one.why)].push_back(one.layer);
    }
    for (const auto& [what, layers] : lacking) {
      found_.warnings.push_back(fmt::format("Not measured in {}: {}.", layer_ranges(ranges_of(layers)), what));
    }
    const auto skipped = static_cast<std::int64_t>(file_.skipped().size());
    if (skipped > 0) {
      found_.warnings.push_back(counted(skipped, "line") + " of the input could not be read and were passed over.");
    }
  }

  struct FoundGroup {
    std::size_t text = 0;
    SinkGroup group;
    std::string token;  // of its first member
  };

  const ScanFile& file_;
  Thresholds thresholds_;
  Rule rule_;
  Findings found_;
  std::optional<FoundGroup> largest_group_;
  FoundPrimaries primaries_;
  AttentionTakenSum taken_;
  std::map<std::string, std::int64_t> tokens_;  // of sinks, by how often
  std::size_t n_warnings_ = 0;                  // of single texts
};

namespace {

// What was found and what rates are made of are counted apart, from the same detections.
void check_agreement(const Counts& counts, const Rate& all) {
  const bool agree = counts.sinks() == all.total() && counts.eligible_sinks() == all.count &&
                     counts.eligible_tokens == all.eligible_tokens;
  if (agree) return;
  throw Error(ErrorCode::kInternal,
              fmt::format("{} sinks were found, {} of them among {} eligible tokens, but rates count {}, {} among {}; please "
                          "report it",
                          counts.sinks(), counts.eligible_sinks(), counts.eligible_tokens, all.total(), all.count,
                          all.eligible_tokens));
}

}  // namespace

FindingsView::FindingsView(const ScanFile& file, const ReportOptions& options)
    : collector_(std::make_unique<Collector>(file, options)) {}
FindingsView::~FindingsView() = default;
void FindingsView::see(const JudgedDocument& judged) { collector_->add(judged); }
Findings FindingsView::findings(const LevelReport& levels) { return collector_->finish(levels); }

Overview overview_of(const ScanFile& file, const ReportOptions& options, const LevelOptions& level_options,
                     std::span<JudgedView* const> views) {
  CorpusView corpus(file, options);
  FindingsView findings(file, options);
  std::vector<JudgedView*> all(views.begin(), views.end());
  all.push_back(&corpus);
  all.push_back(&findings);
  Overview overview;
  overview.totals = judge(file, options, all);
  overview.corpus = corpus.take();
  overview.levels = find_levels(overview.corpus, level_options);
  check_agreement(overview.totals.counts, overview.levels.all);
  overview.found = findings.findings(overview.levels);
  return overview;
}

SinkCorpus corpus_of(const ScanFile& file, const ReportOptions& options) {
  if (rule_of(file, options) == Rule::kPaper) {
    CorpusView view(file, options);
    judge(file, options, view);
    return view.take();
  }
  SinkCorpus corpus;
  corpus.n_layers = file.model().facts.n_layers;
  file.for_each_corpus_document(options.thresholds,
                                [&](CorpusDocument&& document) { corpus.documents.push_back(std::move(document)); });
  return corpus;
}

}  // namespace sinkscope
