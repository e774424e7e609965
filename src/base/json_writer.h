#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// How the members of an object or array are laid out.
enum class JsonLayout { kLines, kInline };

// Text that may hold broken UTF-8 as a JSON string literal with its quotes: what is no UTF-8 becomes U+FFFD, byte by
// byte. Control characters are escaped, all else stands as it is.
std::string json_string(std::string_view bytes);

// Writes JSON as it goes: keys in the order of the calls, numbers with the fewest digits that read back as the same
// float32, the same bytes for the same calls.
class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}

  JsonWriter& open_object(JsonLayout layout) { return open('{', layout); }
  JsonWriter& open_array(JsonLayout layout) { return open('[', layout); }
  JsonWriter& close();
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool value);
  JsonWriter& value(int value) { return this->value(static_cast<std::int64_t>(value)); }
  JsonWriter& value(std::int64_t value);
  JsonWriter& value(float value);  // null where it is not finite
  JsonWriter& null() { return raw("null"); }
  template <typename T>
  JsonWriter& value(const std::optional<T>& optional) {
    return optional.has_value() ? value(*optional) : null();
  }
  // JSON text that somebody else made.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& member(std::string_view name, const T& what) {
    return key(name).value(what);
  }
  // Bytes that may be no UTF-8: beside `name` stands `name_bytes` with all of them in hexadecimal, if they are none.
  JsonWriter& text_member(const std::string& name, std::string_view bytes);

 private:
  struct Level {
    char closing;
    JsonLayout layout;
    bool empty = true;
  };
  JsonWriter& open(char opening, JsonLayout layout);
  void begin_value();
  void new_line();

  std::ostream& out_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace sinkscope
