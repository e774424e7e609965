#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace sinkscope::gpu {

inline constexpr int kTileQueries = 64;

// What a query sees: keys [first, last), of which [first, far_last) are far. As kernels read it.
struct DeviceRow {
  std::int32_t first, last, far_last, padding;
};

// The smallest and the largest of these among kTileQueries queries.
struct DeviceTile {
  std::int32_t first_min, first_max, last_min, last_max, far_min, far_max, padding[2];
};

// Queries beyond the last see nothing: a tile that has some is never seen whole.
inline std::vector<DeviceTile> tiles_of(std::span<const DeviceRow> rows) {
  std::vector<DeviceTile> tiles;
  for (std::size_t begin = 0; begin < rows.size(); begin += kTileQueries) {
    const std::size_t end = std::min(rows.size(), begin + kTileQueries);
    const DeviceRow& row = rows[begin];
    DeviceTile tile{row.first, row.first, row.last, row.last, row.far_last, row.far_last, {}};
    for (std::size_t q = begin; q < end; ++q) {
      tile.first_min = std::min(tile.first_min, rows[q].first),
      tile.first_max = std::max(tile.first_max, rows[q].first);
      tile.last_min = std::min(tile.last_min, rows[q].last), tile.last_max = std::max(tile.last_max, rows[q].last);
      tile.far_min = std::min(tile.far_min, rows[q].far_last), tile.far_max = std::max(tile.far_max, rows[q].far_last);
    }
    if (end - begin < kTileQueries) tile.last_min = 0;
    tiles.push_back(tile);
  }
  return tiles;
}

}  // namespace sinkscope::gpu
