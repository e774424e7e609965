#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>

#include "sinks/fields.h"
#include "store/bytes.h"

namespace sinkscope {

// One figure by layer as bytes: a bitmap of the layers that were measured, lowest bit first, then a float32 for each.
//
// throws  Error{kInternal} unless there are n_layers of them, all finite
void write_layers(ByteWriter& writer, const LayerFigures& figures, std::size_t n_layers);
// throws  Error{kInput} for bytes that write_layers cannot have written
void read_layers(ByteReader& reader, std::size_t n_layers, LayerFigures& figures);

// All figures by layer of a record, in the order of the list.
template <typename Record, typename Fields>
void write_layer_fields(ByteWriter& writer, const Record& record, const Fields& fields, std::size_t n_layers) {
  for_each_field(fields, [&](const auto& field) { write_layers(writer, record.*field.member, n_layers); });
}
template <typename Record, typename Fields>
void read_layer_fields(ByteReader& reader, std::size_t n_layers, const Fields& fields, Record& record) {
  for_each_field(fields, [&](const auto& field) { read_layers(reader, n_layers, record.*field.member); });
}

// throws  Error{kInternal} saying what contradicts itself
void require_figures(bool holds, const char* what);

// Numbers that lie one behind the other, bounds checked once.
class StoredFloats {
 public:
  StoredFloats(ByteReader& reader, std::size_t count)
      : reader_(reader), at_(reader.take(count * sizeof(float)).data()) {}

  // throws  Error{kInput} if it is not finite
  float next() {
    float value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    value = little_endian(value);
    if (!std::isfinite(value)) reader_.fail("a figure is not a finite number");
    return value;
  }

 private:
  ByteReader& reader_;
  const std::byte* at_;
};

}  // namespace sinkscope
