#pragma once

#include <optional>
#include <string>
#include <vector>

#include "impact/detector_store.h"

namespace sinkscope {

class ScanFile;
struct SqliteConnection;

// Detectors in a results file, in the table `detectors`, which is made when the first is kept. The file must outlive it, and be
// open for writing for put(). Other than effects they are of a set of documents: a merged file, which has others, has none.
class DetectorRows final : public DetectorStore {
 public:
  explicit DetectorRows(const ScanFile& file);

  std::optional<KeptDetector> find(const std::string& specification) const override;
  void put(const std::string& specification, const KeptDetector& detector) override;
  std::vector<std::string> specifications() const;  // in the order in which they came

 private:
  SqliteConnection& connection_;
};

// One line for each stored detector that is damaged.
std::vector<std::string> verify_detectors(SqliteConnection& connection);

}  // namespace sinkscope
