#include "base/thread_limits.h"

#include <omp.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool has_item(std::string_view list, std::string_view item) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (list.substr(begin, end - begin) == item) return true;
    begin = end + 1;
  }
  return false;
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// A mounted hierarchy of control groups.
struct Hierarchy {
  bool unified = false;  // version 2
  fs::path root;         // the group that is mounted
  fs::path mounted_at;
};

// Lines of /proc/self/mountinfo: "36 35 98:0 /root /mount options... - type source options", man 5 proc.
std::vector<Hierarchy> hierarchies(const fs::path& proc) {
  std::vector<Hierarchy> found;
  std::ifstream in(proc / "self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = words_of(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const bool unified = dash[1] == "cgroup2";
    if (unified || (dash[1] == "cgroup" && has_item(dash[3], "cpu"))) found.push_back({unified, words[3], words[4]});
  }
  return found;
}

// The group of this process in a hierarchy, from lines of /proc/self/cgroup: "4:cpu,cpuacct:/path", "0::/path".
fs::path group_in(const Hierarchy& hierarchy, const fs::path& proc) {
  std::ifstream in(proc / "self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool mine = hierarchy.unified ? line.starts_with("0::") : has_item(controllers, "cpu");
    if (mine) return line.substr(second + 1);
  }
  return {};
}

// Processors' worth of time that one group may use.
std::optional<double> quota_of(const fs::path& folder, bool unified) {
  std::optional<std::int64_t> quota, period;
  if (unified) {
    const std::vector<std::string> words = words_of(first_line(folder / "cpu.max"));
    if (words.size() < 2) return {};
    quota = whole(words[0]);  // nothing for "max"
    period = whole(words[1]);
  } else {
    quota = whole(first_line(folder / "cpu.cfs_quota_us"));  // -1: no limit
    period = whole(first_line(folder / "cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return {};
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// The least of the group's own quota and those of the groups around it, as far as they are mounted.
std::optional<double> least_quota(const fs::path& proc) {
  std::optional<double> least;
  for (const Hierarchy& hierarchy : hierarchies(proc)) {
    // In a container the group may be named from outside; then what is mounted is the container's.
    fs::path inside = group_in(hierarchy, proc).lexically_relative(hierarchy.root);
    if (inside.empty() || *inside.begin() == "..") inside = ".";
    for (fs::path group = (hierarchy.mounted_at / inside).lexically_normal();; group = group.parent_path()) {
      if (const auto quota = quota_of(group, hierarchy.unified)) least = std::min(least.value_or(*quota), *quota);
      if (group == hierarchy.mounted_at || group == group.parent_path()) break;
    }
  }
  return least;
}

}  // namespace

int threads_within(const ThreadLimits& limits) {
  constexpr std::int64_t kMost = 4096;
  if (const auto wished = whole(limits.omp_num_threads); wished && *wished > 0) {
    return static_cast<int>(std::min(*wished, kMost));
  }
  int n_threads = std::max(1, limits.n_processors);
  if (const auto quota = least_quota(limits.proc); quota && *quota < n_threads) {
    const int whole_part = static_cast<int>(*quota);
    n_threads = std::max(1, whole_part + (*quota > whole_part ? 1 : 0));
  }
  return n_threads;
}

int default_threads() {
  ThreadLimits limits;
  limits.n_processors = omp_get_num_procs();  // it remembers the affinity from before OpenMP bound this thread
  if (const char* wished = std::getenv("OMP_NUM_THREADS")) limits.omp_num_threads = wished;
  return threads_within(limits);
}

}  // namespace sinkscope
