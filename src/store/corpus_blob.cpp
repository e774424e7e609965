#include "store/corpus_blob.h"

#include <cmath>

#include "sinks/fields.h"
#include "store/bytes.h"

namespace sinkscope {
namespace {

constexpr std::uint32_t kCorpusMagic = 0x50524F43;  // "CORP"
constexpr std::uint32_t kRuleVersion = 6;  // of the evidence rule: another rule makes other sinks of equal figures

// Tells bytes that another rule, or other defaults, made.
std::uint32_t rule_fingerprint() {
  const Thresholds defaults;
  ByteWriter writer;
  for_each_field(kThresholdFields, [&](const auto& field) { writer.write(defaults.*field.member); });
  return crc32(writer.bytes()) ^ kRuleVersion;
}

void write_figure(ByteWriter& writer, const std::optional<float>& figure) {
  writer.write(static_cast<std::uint8_t>(figure.has_value()));
  if (figure) writer.write(*figure);
}

std::optional<float> read_figure(ByteReader& reader) {
  const auto measured = reader.read<std::uint8_t>();
  if (measured > 1) reader.fail("a figure is neither measured nor not");
  if (measured == 0) return std::nullopt;
  const auto figure = reader.read<float>();
  if (!std::isfinite(figure)) reader.fail("a figure is not a finite number");
  return figure;
}

CorpusSink read_sink(ByteReader& reader, const CorpusDocument& document) {
  CorpusSink sink;
  sink.position = reader.read<std::int32_t>();
  sink.n_tokens = reader.read<std::int32_t>();
  sink.token = reader.read<TokenId>();
  const auto kind = reader.read<std::uint8_t>();
  const auto censored = reader.read<std::uint8_t>();
  sink.l_start = reader.read<std::uint16_t>();
  sink.l_end = reader.read<std::uint16_t>();
  if (sink.position < 0 || sink.position >= document.n_tokens) reader.fail("a sink lies outside the document");
  if (sink.n_tokens < 1 || sink.n_tokens > document.n_tokens) reader.fail("a sink has more tokens than the document");
  if (kind > static_cast<std::uint8_t>(SinkKind::kUnaligned)) reader.fail("a sink is of no known kind");
  if (sink.l_end < sink.l_start) reader.fail("a sink ends before it starts");
  if (censored > 1) reader.fail("a sink is neither censored nor not");
  sink.kind = static_cast<SinkKind>(kind);
  sink.censored = censored == 1;
  sink.norm_ratio = read_figure(reader);
  sink.logit_gap = read_figure(reader);
  sink.far_boost = read_figure(reader);
  return sink;
}

const std::vector<SinkKind>& all_kinds() {
  static const std::vector<SinkKind> kinds = {SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned};
  return kinds;
}

}  // namespace

std::vector<std::byte> encode_corpus_document(const CorpusDocument& document) {
  ByteWriter writer;
  writer.write(kCorpusMagic);
  writer.write(rule_fingerprint());
  writer.write(static_cast<std::int32_t>(document.n_tokens));
  writer.write(static_cast<std::int32_t>(document.prompt_tokens));
  writer.write(static_cast<std::int32_t>(document.eligible_begin));
  writer.write(static_cast<std::int32_t>(document.eligible_end));
  writer.write(static_cast<std::uint8_t>(document.has_primary));
  writer.write(static_cast<std::int32_t>(document.horizon));
  writer.write(static_cast<std::int32_t>(document.sinks.size()));
  for (const CorpusSink& sink : document.sinks) {
    writer.write(static_cast<std::int32_t>(sink.position));
    writer.write(static_cast<std::int32_t>(sink.n_tokens));
    writer.write(sink.token);
    writer.write(static_cast<std::uint8_t>(sink.kind));
    writer.write(static_cast<std::uint8_t>(sink.censored));
    writer.write(static_cast<std::uint16_t>(sink.l_start));
    writer.write(static_cast<std::uint16_t>(sink.l_end));
    write_figure(writer, sink.norm_ratio);
    write_figure(writer, sink.logit_gap);
    write_figure(writer, sink.far_boost);
  }
  writer.write(crc32(writer.bytes()));
  return writer.take();
}

std::optional<CorpusDocument> decode_corpus_document(std::span<const std::byte> bytes, const std::string& what) {
  ByteReader whole(bytes, what);
  if (bytes.size() < sizeof(std::uint32_t)) whole.fail("it is cut off");
  const auto content = bytes.first(bytes.size() - sizeof(std::uint32_t));
  ByteReader end(bytes.last(sizeof(std::uint32_t)), what);
  if (end.read<std::uint32_t>() != crc32(content)) whole.fail("its checksum does not match");
  ByteReader reader(content, what);
  if (reader.read<std::uint32_t>() != kCorpusMagic) reader.fail("it does not begin with CORP");
  if (reader.read<std::uint32_t>() != rule_fingerprint()) return std::nullopt;
  CorpusDocument document;
  document.n_tokens = reader.read<std::int32_t>();
  document.prompt_tokens = reader.read<std::int32_t>();
  document.eligible_begin = reader.read<std::int32_t>();
  document.eligible_end = reader.read<std::int32_t>();
  document.has_primary = reader.read<std::uint8_t>() == 1;
  document.horizon = reader.read<std::int32_t>();
  const auto n_sinks = reader.read<std::int32_t>();
  const auto in_document = [&](int tokens) { return 0 <= tokens && tokens <= document.n_tokens; };
  if (!in_document(document.prompt_tokens) || !in_document(document.eligible_begin) || document.eligible_end < 0 ||
      n_sinks < 0) {
    reader.fail("its lengths contradict each other");
  }
  for (int i = 0; i < n_sinks; ++i) document.sinks.push_back(read_sink(reader, document));
  if (reader.remaining() != 0) reader.fail("it has bytes too many");
  return document;
}

CorpusDocument corpus_document_of(const SequenceFigures& figures, const std::vector<TokenId>& tokens,
                                  const Thresholds& thresholds) {
  return corpus_document(figures, detect_by_evidence(figures, thresholds), thresholds, tokens, all_kinds());
}

CorpusDocument corpus_document_of(const ScannedDocument& document) {
  const Thresholds defaults;
  if (!document.judgement || document.judgement->thresholds != defaults) {
    return corpus_document_of(document.figures, document.tokens, defaults);
  }
  return corpus_document(document.figures, document.judgement->detection, defaults, document.tokens, all_kinds());
}

}  // namespace sinkscope
