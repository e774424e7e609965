#include "store/layer_figures.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace sinkscope {

void require_figures(bool holds, const char* what) {
  if (!holds) throw Error(ErrorCode::kInternal, std::string("figures of a sequence contradict themselves: ") + what);
}

void write_layers(ByteWriter& writer, const LayerFigures& figures, std::size_t n_layers) {
  require_figures(figures.size() == n_layers, "an array does not have n_layers entries");
  for (std::size_t first = 0; first < n_layers; first += 8) {
    unsigned bits = 0;
    for (std::size_t l = first; l < std::min(first + 8, n_layers); ++l) {
      if (figures[l].has_value()) bits |= 1U << (l - first);
    }
    writer.write(static_cast<std::uint8_t>(bits));
  }
  for (const auto& figure : figures) {
    if (!figure.has_value()) continue;
    require_figures(std::isfinite(*figure), "a figure is not a finite number");
    writer.write(*figure);
  }
}

void read_layers(ByteReader& reader, std::size_t n_layers, LayerFigures& figures) {
  const auto bits = reader.take((n_layers + 7) / 8);
  if (n_layers % 8 != 0 && (std::to_integer<unsigned>(bits.back()) >> (n_layers % 8)) != 0) {
    reader.fail("a layer that does not exist has a figure");
  }
  std::size_t n_measured = 0;
  for (const std::byte byte : bits)
    n_measured += static_cast<std::size_t>(std::popcount(std::to_integer<unsigned>(byte)));
  StoredFloats floats(reader, n_measured);
  figures.resize(n_layers);
  for (std::size_t l = 0; l < n_layers; ++l) {
    if ((std::to_integer<unsigned>(bits[l / 8]) >> (l % 8) & 1U) != 0) figures[l] = floats.next();
  }
}

}  // namespace sinkscope
