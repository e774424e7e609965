#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace sinkscope::testing_r1 {

inline constexpr int kSequences = 300;
inline constexpr int kLayers = 48;
inline constexpr int kTokens = 2856022;

// A row of tests/data/r1-distill-qwen-14b/sinks.csv.
struct Row {
  int sequence = 0, position = 0, token = 0, first_layer = 0, last_layer = 0, layers_flagged = 0;
  std::string label;
};

inline std::vector<Row> rows() {
  std::ifstream file(SINKSCOPE_TEST_DATA "/r1-distill-qwen-14b/sinks.csv");
  if (!file) throw std::runtime_error("tests/data/r1-distill-qwen-14b/sinks.csv is missing");
  std::string line;
  std::getline(file, line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    Row row;
    char comma = 0;
    fields >> row.sequence >> comma >> row.position >> comma >> row.token >> comma >> row.first_layer >> comma >>
        row.last_layer >> comma >> row.layers_flagged >> comma >> row.label;
    rows.push_back(row);
  }
  return rows;
}

// Lengths that hold every sink and sum to what is known: single lengths are not recorded.
inline std::vector<int> lengths(const std::vector<Row>& rows) {
  std::vector<int> lengths(kSequences, 3);
  for (const Row& row : rows) {
    int& length = lengths[static_cast<std::size_t>(row.sequence)];
    length = std::max(length, row.position + 1);
  }
  int missing = kTokens;
  for (const int length : lengths) missing -= length;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const int share = missing / static_cast<int>(lengths.size() - i);
    lengths[i] += share;
    missing -= share;
  }
  return lengths;
}

}  // namespace sinkscope::testing_r1
