#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sinkscope {

// What SQLite asks of the system, and may be refused.
enum class DiskCall { kOpen, kRead, kWrite, kTruncate, kSync, kDelete, kAllocate };

// A refusal: of which calls, with which of SQLite's codes. A write that is refused has written its first half.
struct DiskFault {
  const char* name;
  DiskCall call;
  int code;
  bool stays;  // all such calls from then on
};

// The file system that SQLite has while one lives: the system's own, but for the faults that it is told of. SQLite's
// memory comes through it too. No connection may be open when it is made or goes.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // From now on the n-th call of that kind is refused, n from 1.
  void refuse(const DiskFault& fault, int n);
  // Whether it came to that. Then no call is refused any more.
  bool heal();

  // Power is lost at the n-th write, truncation, sync or deletion from now on: the process ends there with kPowerLost,
  // and files are what the disk has of them: all that was synced. Of what came later each write is there, or its first half, or nothing of it.
  //
  // n     0: not before lose_power()
  // seed  decides what is there; 0: nothing
  void lose_power_at(int n, unsigned seed);
  [[noreturn]] void lose_power();
  static constexpr int kPowerLost = 77;

 private:
  friend struct FaultyCalls;
  struct Change {
    std::int64_t offset = 0;
    std::string bytes;
    bool truncates = false;  // to offset
  };
  // What is known of a file that was written.
  struct Tracked {
    int descriptor = -1;
    std::string durable;
    std::vector<Change> unsynced;
    bool deleted = false;
  };
  static void apply(const Change& change, std::string& bytes);

  // returns  SQLite's code with which the call is to fail, or SQLITE_OK
  int before(DiskCall call);
  void track(const std::string& path);
  Tracked* tracked(const std::string& path);

  DiskFault fault_{};
  int until_refused_ = 0;  // 0: none is
  bool has_refused_ = false;
  int until_power_is_lost_ = 0;
  std::mt19937 random_;
  bool keeps_some_ = false;
  bool tracks_ = false;
  std::map<std::string, Tracked> tracked_;
  sqlite3_mem_methods memory_{};
};

}  // namespace sinkscope
