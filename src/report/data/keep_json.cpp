#include "report/data/keep_json.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/field_json.h"
#include "report/data/model_json.h"
#include "report/options.h"
#include "sinks/attention_shares.h"

namespace sinkscope {
namespace {

using enum JsonLayout;

constexpr const char* kScoreByHead = "sink_score_by_head";

// Scores of a document by block and head, or nothing where they were not kept.
class ScoresByHead {
 public:
  explicit ScoresByHead(const JudgedDocument& judged) : facts_(judged.file.model().facts) {
    const std::int64_t ordinal = judged.document.ordinal;
    const std::vector<ProfileShape> kept = judged.file.profile_shapes(ordinal);
    if (std::ranges::find(kept, kScoreByHead, &ProfileShape::name) != kept.end()) array_ = judged.file.profile(ordinal, kScoreByHead);
  }

  bool kept() const { return array_.has_value(); }

  // Mean score over the heads that share a key-value head, [n_kv_heads]; empty where a head was not measured.
  std::vector<double> by_kv_head(int block, int position) const {
    const int n_heads = facts_.n_heads.at(static_cast<std::size_t>(block));
    const int n_kv_heads = facts_.n_kv_heads.at(static_cast<std::size_t>(block));
    if (n_kv_heads <= 0 || n_heads % n_kv_heads != 0) return {};
    const std::size_t rows = array_->shape.at(1), columns = array_->shape.at(2);
    const int group = n_heads / n_kv_heads;
    std::vector<double> means(static_cast<std::size_t>(n_kv_heads));
    for (int head = 0; head < n_heads; ++head) {
      const std::size_t row = static_cast<std::size_t>(block) * rows + static_cast<std::size_t>(head);
      const float score = array_->values.at(row * columns + static_cast<std::size_t>(position));
      if (std::isnan(score)) return {};
      means[static_cast<std::size_t>(head / group)] += score / static_cast<double>(group);
    }
    return means;
  }

 private:
  const ModelFacts& facts_;
  std::optional<ProfileArray> array_;  // [n_layers, n_heads, n_tokens]
};

// What is said of one token: its kinds, and each block that reads it once.
struct KeptToken {
  std::set<SinkKind> kinds;
  std::set<int> blocks;
};

void write_token(JsonWriter& json, const JudgedDocument& judged, const ScoresByHead& scores, int position, const KeptToken& kept) {
  json.open_object(kLines).member("position", position);
  json.member("token_id", judged.document.tokens.at(static_cast<std::size_t>(position)));
  json.text_member("text", judged.token(position));
  json.key("kinds").open_array(kInline);
  for (const SinkKind kind : kept.kinds) json.value(name_of(kind));
  json.close().key("blocks").open_array(kLines);
  const TokenProfile& figures = *profile_of(judged.document.figures, position);
  for (const int block : kept.blocks) {
    json.open_object(kInline).member("block", block).member("attention_share", figures.attention_share[static_cast<std::size_t>(block)]);
    json.key("kv_head_scores");
    const std::vector<double> means = scores.kept() ? scores.by_kv_head(block, position) : std::vector<double>();
    if (means.empty()) {
      json.null();
    } else {
      json.open_array(kInline);
      for (const double mean : means) json.value(static_cast<float>(mean));
      json.close();
    }
    json.close();
  }
  json.close().close();
}

class KeepView : public JudgedView {
 public:
  KeepView(const ScanFile& file, std::ostream& out) : file_(file), out_(out), json_(out) {}

  void begin() override {
    json_.open_object(kLines).member("schema", "sinkscope.keep/1");
    write_model(json_, file_.model());
    json_.key("sequences").open_array(kLines);
  }

  void see(const JudgedDocument& judged) override {
    const Origin& first = judged.first_origin();
    json_.open_object(kLines).text_member("id", first.id).member("chunk", first.chunk);
    json_.member("document", judged.document.key).member("n_tokens", judged.document.figures.n_tokens);
    std::map<int, KeptToken> kept;
    for (const ReadSpan& span : read_spans(judged.document.figures.n_layers, *judged.evidence)) {
      KeptToken& token = kept[span.position];
      token.kinds.insert(span.kind);
      for (int block = span.first; block <= span.last; ++block) token.blocks.insert(block);
    }
    const ScoresByHead scores(judged);
    json_.key("tokens").open_array(kLines);
    for (const auto& [position, token] : kept) write_token(json_, judged, scores, position, token);
    json_.close().close();
  }

  void finish(const Totals&) override {
    json_.close().close();
    if (!out_.flush()) throw Error(ErrorCode::kOutput, "JSON: writing failed; check the free space");
  }

 private:
  const ScanFile& file_;
  std::ostream& out_;
  JsonWriter json_;
};

}  // namespace

void write_keep_json(const ScanFile& file, const ReportOptions& options, std::ostream& out) {
  if (rule_of(file, options) == Rule::kPaper) {
    throw Error(ErrorCode::kUsage, "--format keep says how much attention tokens draw, which the paper\u2019s rule does not measure: give --rule evidence");
  }
  KeepView view(file, out);
  judge(file, options, view);
}

}  // namespace sinkscope
