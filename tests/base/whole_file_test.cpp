#include "base/whole_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ostream>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

std::size_t n_files(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()));
}

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(ReadWholeFile, HasAllBytesOrSaysWhyNot) {
  const TemporaryFolder folder;
  const std::string bytes(100000, '\0'), path = folder.file("x", bytes);
  EXPECT_EQ(read_whole_file(path, bytes.size()).bytes, bytes);
  EXPECT_EQ(read_whole_file(path, bytes.size()).problem, "");
  EXPECT_EQ(read_whole_file(path, bytes.size() - 1).problem, "more than 99999 bytes");
  EXPECT_EQ(read_whole_file(path, bytes.size() - 1).bytes, "");
  EXPECT_EQ(read_whole_file(folder.file("none"), 10).problem, "No such file or directory");
  EXPECT_EQ(read_whole_file(folder.path().string(), 10).problem, "Is a directory");
  EXPECT_EQ(read_whole_file(folder.file("empty", ""), 0).problem, "");
}

TEST(TemporaryName, IsAnotherOneEachTimeInTheSameFolder) {
  std::set<std::string> names;
  for (int i = 0; i < 10; ++i) names.insert(temporary_name("folder/some.db"));
  EXPECT_EQ(names.size(), 10U);
  for (const std::string& name : names) {
    EXPECT_TRUE(name.starts_with("folder/some.db.")) << name;
    EXPECT_TRUE(name.ends_with(".part")) << name;
  }
  EXPECT_LE(temporary_name(std::string(255, 'x')).size(), 255U);
}

TEST(AtomicFile, TakesItsPlaceWhenItIsWhole) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x", "before");
  AtomicFile file(path, "the file");
  file.write(as_bytes("af"));
  file.write(as_bytes("ter"));
  EXPECT_EQ(file.position(), 5U);
  EXPECT_EQ(bytes_of_file(path), "before");
  file.commit();
  EXPECT_EQ(bytes_of_file(path), "after");
  EXPECT_EQ(n_files(folder), 1U);
}

TEST(AtomicFile, VanishesUnlessItIsCommitted) {
  const TemporaryFolder folder;
  {
    AtomicFile(folder.file("x"), "the file").write(as_bytes("half of it"));
  }
  EXPECT_EQ(n_files(folder), 0U);
}

TEST(AtomicFile, IsAsPublicAsAnyOtherFile) {
  const TemporaryFolder folder;
  AtomicFile(folder.file("x"), "x").commit();
  EXPECT_EQ(std::filesystem::status(folder.file("x")).permissions(),
            std::filesystem::status(folder.file("y", "")).permissions());
}

TEST(AtomicFile, TwoOfOneNameDoNotMeet) {
  const TemporaryFolder folder;
  AtomicFile one(folder.file("x"), "one"), two(folder.file("x"), "two");
  one.write(as_bytes("one"));
  two.write(as_bytes("two"));
  two.commit();
  one.commit();
  EXPECT_EQ(bytes_of_file(folder.file("x")), "one");
}

TEST(AtomicFile, SaysWhatCannotBeWrittenAndWhy) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::kOutput, "model 'x': cannot be written; No such file or directory",
               [&] { AtomicFile(folder.file("none/x"), "model 'x'"); });
  std::filesystem::create_directories(folder.file("taken/inside"));
  expect_error(ErrorCode::kOutput, "taken: expected a regular file, or none, got a pipe, a device or a folder",
               [&] { AtomicFile(folder.file("taken"), "taken").commit(); });
  EXPECT_EQ(n_files(folder), 1U);
}

TEST(AtomicFile, WritesWhatALinkLeadsTo) {
  const TemporaryFolder folder, far;
  const std::string target = far.file("target"), link = folder.file("link"), second = folder.file("second");
  std::filesystem::create_symlink(target, link);
  std::filesystem::create_symlink("link", second);
  EXPECT_EQ(followed(second), target);
  for (const char* content : {"new", "again"}) {
    AtomicFile file(second, "x");
    file.write(as_bytes(content));
    file.commit();
    EXPECT_EQ(bytes_of_file(target), content);
  }
  EXPECT_TRUE(std::filesystem::is_symlink(link) && std::filesystem::is_symlink(second));
  EXPECT_EQ(n_files(folder), 2U);
  EXPECT_EQ(n_files(far), 1U);
  std::filesystem::create_symlink("round", folder.file("round"));
  expect_error(ErrorCode::kOutput, "symbolic links", [&] { AtomicFile(folder.file("round"), "x"); });
}

TEST(AtomicFile, NeverTakesThePlaceOfAPipe) {
  const TemporaryFolder folder;
  const std::string pipe = folder.file("pipe"), link = folder.file("link");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("pipe", link);
  for (const std::string& path : {pipe, link}) {
    EXPECT_TRUE(is_no_regular_file(path));
    expect_error(ErrorCode::kOutput, "model 'x': expected a regular file, or none, got a pipe",
                 [&] { AtomicFile(path, "model 'x'"); });
  }
  EXPECT_TRUE(std::filesystem::is_fifo(pipe) && std::filesystem::is_symlink(link));
  EXPECT_FALSE(is_no_regular_file(folder.file("none")));
  EXPECT_FALSE(is_no_regular_file(folder.file("some", "x")));
}

TEST(WriteWholeFile, WritesAPipeAsItIs) {
  const TemporaryFolder folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  FileBytes read;
  std::thread reader([&] { read = read_whole_file(pipe, 100); });
  write_whole_file(pipe, "x", [](std::ostream& out) { out << "through"; });
  reader.join();
  EXPECT_EQ(read.bytes, "through");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_EQ(n_files(folder), 1U);
}

TEST(WriteWholeFile, LeavesWhatWasThereIfWritingThrows) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x", "before");
  EXPECT_THROW(write_whole_file(path, "x",
                                [](std::ostream& out) {
                                  out << "half";
                                  throw std::runtime_error("no more");
                                }),
               std::runtime_error);
  EXPECT_EQ(bytes_of_file(path), "before");
  EXPECT_EQ(n_files(folder), 1U);
  const std::string large(200000, 'x');
  write_whole_file(path, "x", [&](std::ostream& out) { out << "after" << large; });
  EXPECT_EQ(bytes_of_file(path), "after" + large);
}

TEST(WriteStream, NamesTheSystemsReason) {
  const int full = open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "no /dev/full here";
  const std::string large(200000, 'x');
  const auto fill = [&](std::ostream& out) { out << large; };
  expect_error(ErrorCode::kOutput, "x: cannot be written; No space left on device",
               [&] { write_stream(full, "x", fill); });
  // A writer that notices by itself does not hide it.
  expect_error(ErrorCode::kOutput, "No space left on device", [&] {
    write_stream(full, "x", [&](std::ostream& out) {
      fill(out);
      if (!out.flush()) throw Error(ErrorCode::kOutput, "writing failed");
    });
  });
  close(full);
}

}  // namespace
}  // namespace sinkscope
