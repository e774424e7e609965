#include "base/thread_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace sinkscope {
namespace {

namespace fs = std::filesystem;

// A /proc and control groups of a test's own.
class ThreadLimitsTest : public testing::Test {
 protected:
  ThreadLimitsTest() {
    folder_ = fs::path(testing::TempDir()) / ("thread_limits_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    limits_.n_processors = 16;
    limits_.proc = folder_ / "proc";
    write("proc/self/cgroup", "");
    write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
  }
  ~ThreadLimitsTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  // A mounted hierarchy of version 2 whose root is the group `root`.
  void mount_unified(const std::string& root) {
    write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:26 " + root + " " +
                                     (folder_ / "cgroup").string() + " rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  }
  void mount_version_1(const std::string& root) {
    write("proc/self/mountinfo", "33 31 0:31 " + root + " " + (folder_ / "cpu").string() +
                                     " rw - cgroup cgroup rw,cpu,cpuacct\n34 31 0:32 / " +
                                     (folder_ / "memory").string() + " rw - cgroup cgroup rw,memory\n");
  }

  fs::path folder_;
  ThreadLimits limits_;
};

TEST_F(ThreadLimitsTest, WithoutControlGroupsAThreadAProcessor) {
  EXPECT_EQ(threads_within(limits_), 16);
  limits_.proc = folder_ / "nowhere";
  EXPECT_EQ(threads_within(limits_), 16);
  limits_.n_processors = 0;
  EXPECT_EQ(threads_within(limits_), 1);
}

TEST_F(ThreadLimitsTest, OmpNumThreadsDecides) {
  limits_.omp_num_threads = "3";
  EXPECT_EQ(threads_within(limits_), 3);
  limits_.omp_num_threads = "5,2";
  EXPECT_EQ(threads_within(limits_), 5) << "the first is that of the outermost region";
  for (const char* none : {"", "0", "-2", "many"}) {
    limits_.omp_num_threads = none;
    EXPECT_EQ(threads_within(limits_), 16) << none;
  }
}

TEST_F(ThreadLimitsTest, QuotaOfVersion2IsRoundedUp) {
  mount_unified("/");
  write("proc/self/cgroup", "0::/jobs/mine\n");
  write("cgroup/jobs/mine/cpu.max", "max 100000\n");
  EXPECT_EQ(threads_within(limits_), 16);
  write("cgroup/jobs/mine/cpu.max", "250000 100000\n");
  EXPECT_EQ(threads_within(limits_), 3);
  write("cgroup/jobs/mine/cpu.max", "200000 100000\n");
  EXPECT_EQ(threads_within(limits_), 2);
  write("cgroup/jobs/mine/cpu.max", "10000 100000\n");
  EXPECT_EQ(threads_within(limits_), 1);
  write("cgroup/jobs/mine/cpu.max", "9900000 100000\n");
  EXPECT_EQ(threads_within(limits_), 16) << "there are no more processors";
  write("cgroup/jobs/mine/cpu.max", "nonsense\n");
  EXPECT_EQ(threads_within(limits_), 16);
}

TEST_F(ThreadLimitsTest, TheTightestOfNestedGroupsCounts) {
  mount_unified("/");
  write("proc/self/cgroup", "0::/jobs/mine\n");
  write("cgroup/jobs/mine/cpu.max", "600000 100000\n");
  write("cgroup/jobs/cpu.max", "400000 100000\n");
  EXPECT_EQ(threads_within(limits_), 4);
  limits_.n_processors = 2;
  EXPECT_EQ(threads_within(limits_), 2);
}

TEST_F(ThreadLimitsTest, AContainersGroupMayBeNamedFromOutside) {
  mount_unified("/docker/abc");
  write("proc/self/cgroup", "0::/docker/abc\n");
  write("cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(threads_within(limits_), 2);
  mount_unified("/");  // of a namespace: what lies outside it is seen as ..
  write("proc/self/cgroup", "0::/../other\n");
  EXPECT_EQ(threads_within(limits_), 2);
}

TEST_F(ThreadLimitsTest, QuotaOfVersion1) {
  mount_version_1("/");
  write("proc/self/cgroup", "5:memory:/elsewhere\n4:cpuacct,cpu:/box\n0::/\n");
  write("cpu/box/cpu.cfs_quota_us", "-1\n");
  write("cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(threads_within(limits_), 16);
  write("cpu/box/cpu.cfs_quota_us", "350000\n");
  EXPECT_EQ(threads_within(limits_), 4);
  write("memory/elsewhere/cpu.cfs_quota_us", "100000\n");
  write("memory/elsewhere/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(threads_within(limits_), 4) << "another controller's hierarchy";
}

TEST(DefaultThreads, IsThatOfThisProcess) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_EQ(threads_or_default(7), 7);
  EXPECT_EQ(threads_or_default(0), default_threads());
}

}  // namespace
}  // namespace sinkscope
