#include "tests/store/faulty_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sinkscope {
namespace {

FaultyDisk* present = nullptr;
sqlite3_vfs* real_disk = nullptr;

// SQLite's own kind of object: it makes room for it and calls by the table.
struct ShownFile {
  sqlite3_file base;
  const char* path;  // SQLite's, which lives as long
  sqlite3_file* real;
};

sqlite3_file* real_of(sqlite3_file* file) { return reinterpret_cast<ShownFile*>(file)->real; }
const char* path_of(sqlite3_file* file) { return reinterpret_cast<ShownFile*>(file)->path; }

}  // namespace

// The tables of functions that SQLite calls.
struct FaultyCalls {
  static int close(sqlite3_file* file) { return real_of(file)->pMethods->xClose(real_of(file)); }
  static int read(sqlite3_file* file, void* bytes, int n, sqlite3_int64 offset) {
    if (const int code = present->before(DiskCall::kRead)) return code;
    return real_of(file)->pMethods->xRead(real_of(file), bytes, n, offset);
  }
  static int write(sqlite3_file* file, const void* bytes, int n, sqlite3_int64 offset) {
    const int code = present->before(DiskCall::kWrite);
    const int n_written = code == SQLITE_OK ? n : n / 2;
    const int real = real_of(file)->pMethods->xWrite(real_of(file), bytes, n_written, offset);
    if (auto* tracked = present->tracked(path_of(file))) {
      tracked->unsynced.push_back({offset, {static_cast<const char*>(bytes), static_cast<std::size_t>(n_written)}});
    }
    return code == SQLITE_OK ? real : code;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (const int code = present->before(DiskCall::kTruncate)) return code;
    if (auto* tracked = present->tracked(path_of(file))) tracked->unsynced.push_back({size, {}, true});
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
  }
  static int sync(sqlite3_file* file, int /*flags*/) {
    if (const int code = present->before(DiskCall::kSync)) return code;
    if (auto* tracked = present->tracked(path_of(file))) {
      for (const auto& change : tracked->unsynced) FaultyDisk::apply(change, tracked->durable);
      tracked->unsynced.clear();
    }
    return SQLITE_OK;  // the process does not lose what the system has
  }
  static int size(sqlite3_file* file, sqlite3_int64* n) { return real_of(file)->pMethods->xFileSize(real_of(file), n); }
  static int lock(sqlite3_file* file, int kind) { return real_of(file)->pMethods->xLock(real_of(file), kind); }
  static int unlock(sqlite3_file* file, int kind) { return real_of(file)->pMethods->xUnlock(real_of(file), kind); }
  static int is_locked(sqlite3_file* file, int* out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
  }
  static int control(sqlite3_file* file, int what, void* with) {
    return real_of(file)->pMethods->xFileControl(real_of(file), what, with);
  }
  static int sector_size(sqlite3_file* file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
  // Nothing is promised of how writes reach the disk.
  static int characteristics(sqlite3_file*) { return 0; }
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
  }
  static int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
  }
  static void shm_barrier(sqlite3_file* file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
  static int shm_unmap(sqlite3_file* file, int remove) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
  }

  static int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    static const sqlite3_io_methods kMethods = {2,         close,     read,        write,   truncate,
                                                sync,      size,      lock,        unlock,  is_locked,
                                                control,   sector_size, characteristics, shm_map, shm_lock,
                                                shm_barrier, shm_unmap, nullptr,   nullptr};
    auto* shown = reinterpret_cast<ShownFile*>(file);
    shown->base.pMethods = nullptr;
    shown->path = path;
    shown->real = reinterpret_cast<sqlite3_file*>(shown + 1);
    if (const int code = present->before(DiskCall::kOpen)) return code;
    const int code = real_disk->xOpen(real_disk, path, shown->real, flags, out_flags);
    if (code != SQLITE_OK) return code;
    shown->base.pMethods = &kMethods;
    if (path != nullptr && (flags & SQLITE_OPEN_READWRITE) != 0) present->track(path);
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs*, const char* path, int sync_folder) {
    if (const int code = present->before(DiskCall::kDelete)) return code;
    const int code = real_disk->xDelete(real_disk, path, sync_folder);
    if (code == SQLITE_OK) {
      if (auto* tracked = present->tracked(path)) tracked->deleted = true;
      if (sync_folder != 0) present->tracked_.erase(path);
    }
    return code;
  }
  static int last_error(sqlite3_vfs*, int, char*) { return present->has_refused_ ? EIO : errno; }

  static void* allocate(int n) {
    return present->before(DiskCall::kAllocate) == SQLITE_OK ? present->memory_.xMalloc(n) : nullptr;
  }
  static void* reallocate(void* old, int n) {
    return present->before(DiskCall::kAllocate) == SQLITE_OK ? present->memory_.xRealloc(old, n) : nullptr;
  }
};

FaultyDisk::FaultyDisk() {
  sqlite3_shutdown();
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory_);
  sqlite3_mem_methods counted = memory_;
  counted.xMalloc = FaultyCalls::allocate;
  counted.xRealloc = FaultyCalls::reallocate;
  present = this;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &counted);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);  // every allocation comes here
  sqlite3_initialize();
  real_disk = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs shim;
  shim = *real_disk;
  shim.zName = "faulty";
  shim.szOsFile = static_cast<int>(sizeof(ShownFile)) + real_disk->szOsFile;
  shim.xOpen = FaultyCalls::open;
  shim.xDelete = FaultyCalls::remove;
  shim.xGetLastError = FaultyCalls::last_error;
  sqlite3_vfs_register(&shim, 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_shutdown();
  sqlite3_config(SQLITE_CONFIG_MALLOC, &memory_);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 1200, 40);
  for (const auto& [path, tracked] : tracked_) ::close(tracked.descriptor);
  present = nullptr;
}

void FaultyDisk::refuse(const DiskFault& fault, int n) {
  fault_ = fault;
  until_refused_ = n;
  has_refused_ = false;
}

bool FaultyDisk::heal() {
  until_refused_ = 0;
  return std::exchange(has_refused_, false);
}

int FaultyDisk::before(DiskCall call) {
  const bool changes = call == DiskCall::kWrite || call == DiskCall::kTruncate || call == DiskCall::kSync ||
                       call == DiskCall::kDelete;
  if (changes && until_power_is_lost_ > 0 && --until_power_is_lost_ == 0) lose_power();
  if (call != fault_.call || until_refused_ == 0) return SQLITE_OK;
  if (until_refused_ > 1) {
    --until_refused_;
    return SQLITE_OK;
  }
  if (has_refused_ && !fault_.stays) return SQLITE_OK;
  has_refused_ = true;
  return fault_.code;
}

void FaultyDisk::lose_power_at(int n, unsigned seed) {
  until_power_is_lost_ = n;
  random_.seed(seed);
  keeps_some_ = seed != 0;
  tracks_ = true;
}

void FaultyDisk::apply(const Change& change, std::string& bytes) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.truncates) {
    bytes.resize(offset);
    return;
  }
  bytes.resize(std::max(bytes.size(), offset + change.bytes.size()));
  bytes.replace(offset, change.bytes.size(), change.bytes);
}

void FaultyDisk::track(const std::string& path) {
  if (!tracks_) return;
  const auto known = tracked_.find(path);
  if (known != tracked_.end() && !known->second.deleted) return;
  if (known != tracked_.end()) ::close(known->second.descriptor);
  Tracked tracked;
  tracked.descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  // What is there before is on the disk.
  std::string& bytes = tracked.durable;
  bytes.resize(static_cast<std::size_t>(lseek(tracked.descriptor, 0, SEEK_END)));
  if (::pread(tracked.descriptor, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  tracked_[path] = std::move(tracked);
}

FaultyDisk::Tracked* FaultyDisk::tracked(const std::string& path) {
  const auto found = tracked_.find(path);
  return found == tracked_.end() ? nullptr : &found->second;
}

void FaultyDisk::lose_power() {
  const auto keeps = [&] { return keeps_some_ && random_() % 2 == 0; };
  for (auto& [path, tracked] : tracked_) {
    for (Change& change : tracked.unsynced) {
      if (!keeps()) continue;
      if (!keeps()) change.bytes.resize(change.bytes.size() / 2);
      apply(change, tracked.durable);
    }
    const std::string& bytes = tracked.durable;
    int descriptor = tracked.descriptor;
    if (tracked.deleted) {
      // What was deleted later, as the file that it belongs to, is not gone where it is still there.
      const std::string owner = path.substr(0, path.rfind('-'));
      if (keeps() || ::access(owner.c_str(), F_OK) != 0) continue;
      descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
    ::unlink((path + "-shm").c_str());  // it is memory
  }
  _exit(kPowerLost);
}

}  // namespace sinkscope
