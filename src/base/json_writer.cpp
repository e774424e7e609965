#include "base/json_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "base/encodings.h"
#include "base/utf8.h"

namespace sinkscope {

std::string json_string(std::string_view bytes) {
  std::string json = "\"";
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    const char32_t code = piece.code.value_or(0xFFFD);
    if (!piece.code) {
      json += "\uFFFD";
    } else if (code == U'"' || code == U'\\') {
      json += '\\';
      json += piece.bytes;
    } else if (code == U'\n') {
      json += "\\n";
    } else if (code == U'\t') {
      json += "\\t";
    } else if (code == U'\r') {
      json += "\\r";
    } else if (code < 0x20 || code == 0x7F) {
      json += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
    } else {
      json += piece.bytes;
    }
  }
  return json + '"';
}

JsonWriter& JsonWriter::open(char opening, JsonLayout layout) {
  begin_value();
  out_ << opening;
  levels_.push_back({opening == '{' ? '}' : ']', layout});
  return *this;
}

JsonWriter& JsonWriter::close() {
  const Level level = levels_.back();
  levels_.pop_back();
  if (level.layout == JsonLayout::kLines && !level.empty) new_line();
  out_ << level.closing;
  if (levels_.empty()) out_ << '\n';
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  begin_value();
  out_ << json_string(name) << ": ";
  after_key_ = true;
  return *this;
}

void JsonWriter::begin_value() {
  if (after_key_ || levels_.empty()) {
    after_key_ = false;
    return;
  }
  Level& level = levels_.back();
  if (!level.empty) out_ << (level.layout == JsonLayout::kInline ? ", " : ",");
  if (level.layout == JsonLayout::kLines) new_line();
  level.empty = false;
}

void JsonWriter::new_line() { out_ << '\n' << std::string(levels_.size() * 2, ' '); }

JsonWriter& JsonWriter::value(std::string_view text) { return raw(json_string(text)); }

JsonWriter& JsonWriter::value(bool value) { return raw(value ? "true" : "false"); }

JsonWriter& JsonWriter::value(std::int64_t value) { return raw(std::to_string(value)); }

JsonWriter& JsonWriter::value(float value) { return std::isfinite(value) ? raw(fmt::format("{}", value)) : null(); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  begin_value();
  out_ << json;
  return *this;
}

JsonWriter& JsonWriter::text_member(const std::string& name, std::string_view bytes) {
  member(name, bytes);
  if (!is_utf8(bytes)) member(name + "_bytes", hex_string(bytes));
  return *this;
}

}  // namespace sinkscope
