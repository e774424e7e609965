#include "api/arrow_stream.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/names.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMaxTextBytes = std::numeric_limits<std::int32_t>::max();  // offsets are int32

// A schema or an array with its children, and what their pointers point at. The consumer may move a child out and
// release it by itself, so each child owns what it needs.
struct SchemaNode {
  std::string format, name, metadata;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

struct ArrayNode {
  std::shared_ptr<const DataTable> table;
  std::vector<std::uint8_t> validity, bits;
  std::vector<std::int32_t> offsets;
  std::string text;
  std::array<const void*, 3> buffers = {};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
};

struct Stream {
  std::shared_ptr<const DataTable> table;
  bool done = false;
  std::string error;
};

template <typename Node, typename Item>
void release(Item* item) {
  auto* node = static_cast<Node*>(item->private_data);
  for (Item& child : node->children) {
    if (child.release != nullptr) child.release(&child);
  }
  delete node;
  item->release = nullptr;
}

void append_int32(std::string& bytes, std::size_t value) {
  const auto number = static_cast<std::int32_t>(value);
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Key-value pairs as the specification has them: a count, then each with its length before it.
std::string metadata_of(const DataColumn& column) {
  std::string bytes;
  append_int32(bytes, 2);
  for (const auto& [key, value] : {std::pair<std::string_view, std::string_view>{"unit", column.unit},
                                   std::pair<std::string_view, std::string_view>{"help", column.help}}) {
    append_int32(bytes, key.size());
    bytes += key;
    append_int32(bytes, value.size());
    bytes += value;
  }
  return bytes;
}

const char* format_of(const DataColumn& column) {
  constexpr std::array kFormats = {"l", "f", "b", "u"};  // in the order of DataColumn::values
  return kFormats[column.values.index()];
}

void fill(ArrowSchema& schema, std::unique_ptr<SchemaNode> node) {
  schema = {};
  for (ArrowSchema& child : node->children) node->child_pointers.push_back(&child);
  schema.format = node->format.c_str();
  schema.name = node->name.c_str();
  schema.metadata = node->metadata.empty() ? nullptr : node->metadata.c_str();
  schema.flags = ARROW_FLAG_NULLABLE;
  schema.n_children = static_cast<std::int64_t>(node->children.size());
  schema.children = node->child_pointers.data();
  schema.release = release<SchemaNode, ArrowSchema>;
  schema.private_data = node.release();
}

void make_schema(const DataTable& table, ArrowSchema& schema) {
  auto rows = std::make_unique<SchemaNode>();
  rows->format = "+s";
  rows->children.resize(table.columns().size());
  for (std::size_t i = 0; i < rows->children.size(); ++i) {
    const DataColumn& column = table.columns()[i];
    auto node = std::make_unique<SchemaNode>();
    node->format = format_of(column);
    node->name = column.name;
    node->metadata = metadata_of(column);
    fill(rows->children[i], std::move(node));
  }
  fill(schema, std::move(rows));
  schema.flags = 0;  // a batch's rows are no nulls
}

std::vector<std::uint8_t> packed_bits(const std::vector<std::uint8_t>& flags) {
  std::vector<std::uint8_t> bits((flags.size() + 7) / 8);
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (1U << (i % 8)));
  }
  return bits;
}

void fill(ArrowArray& array, std::unique_ptr<ArrayNode> node, std::size_t n_rows, std::int64_t n_nulls, int n_buffers) {
  array = {};
  for (ArrowArray& child : node->children) node->child_pointers.push_back(&child);
  array.length = static_cast<std::int64_t>(n_rows);
  array.null_count = n_nulls;
  array.n_buffers = n_buffers;
  array.buffers = node->buffers.data();
  array.n_children = static_cast<std::int64_t>(node->children.size());
  array.children = node->child_pointers.data();
  array.release = release<ArrayNode, ArrowArray>;
  array.private_data = node.release();
}

void make_column(std::shared_ptr<const DataTable> table, const DataColumn& column, ArrowArray& array) {
  auto node = std::make_unique<ArrayNode>();
  node->table = std::move(table);
  std::int64_t n_nulls = 0;
  for (const std::uint8_t is_measured : column.is_measured) n_nulls += is_measured == 0 ? 1 : 0;
  if (n_nulls > 0) {
    node->validity = packed_bits(column.is_measured);
    node->buffers[0] = node->validity.data();
  }
  int n_buffers = 2;
  if (const auto* integers = std::get_if<DataColumn::Integers>(&column.values)) {
    node->buffers[1] = integers->data();
  } else if (const auto* numbers = std::get_if<DataColumn::Numbers>(&column.values)) {
    node->buffers[1] = numbers->data();
  } else if (const auto* flags = std::get_if<DataColumn::Flags>(&column.values)) {
    node->bits = packed_bits(*flags);
    node->buffers[1] = node->bits.data();
  } else {
    n_buffers = 3;
    node->offsets.push_back(0);
    for (const std::string& text : std::get<DataColumn::Texts>(column.values)) {
      node->text += utf8_text(text);
      if (node->text.size() > kMaxTextBytes) throw std::length_error("column " + column.name + ": over 2 GiB of text");
      node->offsets.push_back(static_cast<std::int32_t>(node->text.size()));
    }
    node->buffers[1] = node->offsets.data();
    node->buffers[2] = node->text.data();
  }
  fill(array, std::move(node), column.is_measured.size(), n_nulls, n_buffers);
}

void make_batch(const std::shared_ptr<const DataTable>& table, ArrowArray& array) {
  auto rows = std::make_unique<ArrayNode>();
  rows->children.resize(table->columns().size());
  for (std::size_t i = 0; i < rows->children.size(); ++i) make_column(table, table->columns()[i], rows->children[i]);
  fill(array, std::move(rows), table->n_rows(), 0, 1);
}

// Nothing may be thrown through the interface: what went wrong is kept for get_last_error.
template <typename Make>
int guarded(ArrowArrayStream* stream, const Make& make) {
  auto& state = *static_cast<Stream*>(stream->private_data);
  try {
    make(state);
    return 0;
  } catch (const std::exception& error) {
    state.error = error.what();
    return ENOMEM;
  }
}

int get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  return guarded(stream, [&](const Stream& state) { make_schema(*state.table, *out); });
}

int get_next(ArrowArrayStream* stream, ArrowArray* out) {
  return guarded(stream, [&](Stream& state) {
    *out = {};  // released: the end of the stream
    if (state.done) return;
    make_batch(state.table, *out);
    state.done = true;
  });
}

const char* get_last_error(ArrowArrayStream* stream) {
  const auto& state = *static_cast<const Stream*>(stream->private_data);
  return state.error.empty() ? nullptr : state.error.c_str();
}

void release_stream(ArrowArrayStream* stream) {
  delete static_cast<Stream*>(stream->private_data);
  stream->release = nullptr;
}

}  // namespace

void export_arrow(std::shared_ptr<const DataTable> table, ArrowArrayStream* stream) {
  auto state = std::make_unique<Stream>();
  state->table = std::move(table);
  *stream = {get_schema, get_next, get_last_error, release_stream, state.release()};
}

}  // namespace sinkscope
