// What may befall a results file: locks, full disks, foreign and damaged bytes, a process that dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <random>

#include "base/error.h"
#include "store/scan_file.h"
#include "store/sqlite.h"
#include "tests/store/samples.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_bytes.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

ScanFile open_sample(const std::string& path) {
  return ScanFile::open_or_create(path, model_record(), {}, program_run());
}

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
  sqlite3_close(database);
}

// Runs body in a process of its own; returns its wait status.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class Trouble : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::string path_ = folder_.file("a.scan.db");
};

TEST_F(Trouble, ForeignFilesAreLeftAsTheyAre) {
  std::mt19937 random(1);
  std::string noise(100000, ' ');
  for (char& c : noise) c = static_cast<char>(random());
  for (const std::string& bytes : {std::string("x"), std::string("a text of somebody's\n"), std::string(600, 'y'),
                                   noise, "SQLite format 3" + std::string(1, '\0') + noise}) {
    write_bytes(path_, bytes);
    expect_error(ErrorCode::kOutput, "expected a results file", [&] { open_sample(path_); });
    expect_error(ErrorCode::kInput, "expected a results file", [&] { ScanFile::open(path_); });
    EXPECT_TRUE(bytes_of_file(path_) == bytes);
  }
}

TEST_F(Trouble, AnotherProgramsDatabaseIsLeftAsItIs) {
  run_sql(path_, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  const auto before = bytes_of_file(path_);
  expect_error(ErrorCode::kOutput, "another program's SQLite file", [&] { open_sample(path_); });
  expect_error(ErrorCode::kInput, "another program's", [&] { ScanFile::open(path_); });
  EXPECT_TRUE(bytes_of_file(path_) == before);
}

TEST_F(Trouble, AnEmptyFileIsFilled) {
  write_bytes(path_, "");
  expect_error(ErrorCode::kInput, "an empty one", [&] { ScanFile::open(path_); });
  open_sample(path_).add(document_record(0));
  EXPECT_EQ(ScanFile::open(path_).n_documents(), 1);
}

TEST_F(Trouble, NewerFilesAreRefusedWithWhatToDo) {
  {
    open_sample(path_).add(document_record(0));
  }
  run_sql(path_, "PRAGMA user_version = 8");
  expect_error(ErrorCode::kOutput, "written by a newer sinkscope (layout 8, expected 7)", [&] { open_sample(path_); });
  expect_error(ErrorCode::kInput, "use the newer program", [&] { ScanFile::open(path_); });
}

// What is not in our schema would be run or filled while a file is read.
TEST_F(Trouble, TablesThatAreNotOursAreRefused) {
  for (const std::string sql :
       {"CREATE TABLE additions (x)", "ALTER TABLE model ADD COLUMN more TEXT", "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END", "CREATE INDEX i ON notes (text)",
        "ALTER TABLE notes ADD COLUMN more TEXT AS (text || text) VIRTUAL", "DROP TABLE notes",
        "DROP INDEX origins_once",
        "DROP TABLE notes; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"}) {
    std::filesystem::remove(path_);
    {
      open_sample(path_).add(document_record(0));
    }
    run_sql(path_, sql);
    expect_error(ErrorCode::kInput, "is damaged; it", [&] { ScanFile::open(path_); });
    expect_error(ErrorCode::kInput, "is damaged; it", [&] { open_sample(path_); });
  }
}

TEST_F(Trouble, ConnectionsTrustNothingOfAFile) {
  {
    open_sample(path_).add(document_record(0));
  }
  for (const int flags : {SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE}) {
    Database database(path_, flags, "a file");
    const auto setting = [&](int option) {
      int value = -1;
      EXPECT_EQ(sqlite3_db_config(database.handle(), option, -1, &value), SQLITE_OK);
      return value;
    };
    EXPECT_EQ(setting(SQLITE_DBCONFIG_DEFENSIVE), 1);
    EXPECT_EQ(setting(SQLITE_DBCONFIG_TRUSTED_SCHEMA), 0);
    EXPECT_EQ(setting(SQLITE_DBCONFIG_ENABLE_TRIGGER), 0);
    EXPECT_EQ(setting(SQLITE_DBCONFIG_ENABLE_VIEW), 0);
    EXPECT_EQ(database.number("PRAGMA cell_size_check"), 1);
    const auto limit = [&](int which) { return sqlite3_limit(database.handle(), which, -1); };
    EXPECT_EQ(limit(SQLITE_LIMIT_ATTACHED), 0);
    EXPECT_EQ(limit(SQLITE_LIMIT_TRIGGER_DEPTH), 1);
    EXPECT_LE(limit(SQLITE_LIMIT_SQL_LENGTH), 100'000);
    // Of a small file that is only read no value is long.
    EXPECT_EQ(limit(SQLITE_LIMIT_LENGTH), flags == SQLITE_OPEN_READONLY ? 64 << 20 : 1'000'000'000);
  }
}

TEST_F(Trouble, OlderFilesAreRefusedWithWhatToDo) {
  {
    open_sample(path_).add(document_record(0));
  }
  run_sql(path_, "PRAGMA user_version = 0");
  expect_error(ErrorCode::kOutput, "scan again into a new file", [&] { open_sample(path_); });
  expect_error(ErrorCode::kInput, "scan again into a new file", [&] { ScanFile::open(path_); });
}

TEST_F(Trouble, OneWriterAndManyReaders) {
  auto writer = open_sample(path_);
  writer.add(document_record(0));
  expect_error(ErrorCode::kOutput, "another sinkscope is writing", [&] { open_sample(path_); });
  const auto reader = ScanFile::open(path_);
  EXPECT_EQ(reader.n_documents(), 1);
  writer.add(document_record(1));
  EXPECT_EQ(reader.n_documents(), 2);
  EXPECT_EQ(WEXITSTATUS(in_child([&] { return ScanFile::open(path_).n_documents() == 2 ? 0 : 1; })), 0);
}

TEST_F(Trouble, AnotherProgramsTransactionIsWaitedForAndNamed) {
  auto writer = open_sample(path_);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  expect_error(ErrorCode::kOutput, "locked", [&] { writer.add(document_record(0)); });
  sqlite3_close(other);
  writer.add(document_record(0));
  EXPECT_EQ(writer.n_documents(), 1);
}

TEST_F(Trouble, PathsThatCannotBeWritten) {
  expect_error(ErrorCode::kOutput, "No such file", [&] { open_sample(folder_.file("no/such/folder.db")); });
  expect_error(ErrorCode::kOutput, "cannot be written", [&] { open_sample(folder_.path()); });
  expect_error(ErrorCode::kOutput, "regular file", [&] { open_sample("/dev/null"); });
  expect_error(ErrorCode::kInput, "found none", [&] { ScanFile::open(folder_.file("none.db")); });
  const auto pipe = folder_.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  error_message(ErrorCode::kOutput, [&] { open_sample(pipe); });
}

TEST_F(Trouble, NamesThatSqliteReadsOtherwise) {
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  for (const std::string name : {":memory:", "file:x?mode=memory", "a b%41#?.db"}) {
    {
      open_sample(name).add(document_record(0));
    }
    EXPECT_TRUE(std::filesystem::exists(folder_.file(name))) << name;
    EXPECT_EQ(ScanFile::open(name).n_documents(), 1) << name;
  }
  std::filesystem::current_path(here);
}

// Run as nobody, since root may write anywhere.
TEST_F(Trouble, ReadOnlyPlaces) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  constexpr uid_t kNobody = 65534;
  {
    open_sample(path_).add(document_record(0));
  }
  chmod(folder_.path().c_str(), 0755);
  chmod(path_.c_str(), 0644);
  const auto as_nobody = [&](const std::function<int()>& body) {
    return WEXITSTATUS(in_child([&] { return setuid(kNobody) == 0 ? body() : 98; }));
  };
  EXPECT_EQ(as_nobody([&] { return ScanFile::open(path_).n_documents() == 1 ? 0 : 1; }), 0);
  const auto fails = [&](const std::string& path) {
    return as_nobody([&] {
      try {
        open_sample(path);
      } catch (const Error& error) {
        return error.code() == ErrorCode::kOutput ? 0 : 2;
      }
      return 1;
    });
  };
  EXPECT_EQ(fails(path_), 0);
  EXPECT_EQ(fails(folder_.file("new.scan.db")), 0);

  // A file in write-ahead mode, as a writer leaves it that had readers until the end.
  run_sql(path_, "PRAGMA journal_mode = WAL");
  EXPECT_EQ(as_nobody([&] { return ScanFile::open(path_).n_documents() == 1 ? 0 : 1; }), 0);
}

// Gives every connection that is opened while it lives a bound on the file's size: SQLite then acts as on a full disk.
class FullDisk {
 public:
  FullDisk() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&limit)); }
  ~FullDisk() { sqlite3_reset_auto_extension(); }

 private:
  static int limit(sqlite3* database, const char**, const void*) {
    return sqlite3_exec(database, "PRAGMA max_page_count = 60", nullptr, nullptr, nullptr);
  }
};

TEST_F(Trouble, AFullDiskKeepsWhatIsThere) {
  int n_stored = 0;
  {
    FullDisk disk;
    auto file = open_sample(path_);
    const auto fill = [&] {
      for (;; ++n_stored) file.add(document_record(n_stored));
    };
    expect_error(ErrorCode::kOutput, "the disk is full", fill);
    EXPECT_EQ(file.n_documents(), n_stored);
    EXPECT_THAT(file.verify(), IsEmpty());
  }
  EXPECT_GT(n_stored, 2);
  auto file = open_sample(path_);  // with room again, it goes on
  file.add(document_record(n_stored));
  EXPECT_EQ(file.n_documents(), n_stored + 1);
  EXPECT_THAT(file.verify(), IsEmpty());
}

TEST_F(Trouble, AFullDiskFromTheStartLeavesNothingHalf) {
  write_bytes(path_, "");
  FullDisk disk;
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(+[](sqlite3* database, const char**, const void*) {
    return sqlite3_exec(database, "PRAGMA max_page_count = 4", nullptr, nullptr, nullptr);
  }));
  expect_error(ErrorCode::kOutput, "the disk is full", [&] { open_sample(path_); });
  sqlite3_reset_auto_extension();
  open_sample(path_).add(document_record(0));
  EXPECT_THAT(ScanFile::open(path_).verify(), IsEmpty());
}

TEST_F(Trouble, AKilledWriterLeavesAFileThatGoesOn) {
  constexpr int kDocuments = 60;
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    const auto path = folder_.file(std::to_string(round) + ".scan.db");
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto file = open_sample(path);
      for (int i = 0; i < kDocuments; ++i) {
        file.add(document_record(i));
        if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
      }
      pause();
    }
    close(pipe_ends[1]);
    const int enough = static_cast<int>(random() % kDocuments);
    int acknowledged = 0;
    char byte = 0;
    while (acknowledged < enough && read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    usleep(static_cast<useconds_t>(random() % 1500));
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);

    if (acknowledged > 0) {
      const auto left = ScanFile::open(path);
      EXPECT_GE(left.n_documents(), acknowledged);
      EXPECT_LE(left.n_documents(), acknowledged + 1);
      EXPECT_THAT(left.verify(), IsEmpty());
    }
    {
      auto resumed = open_sample(path);
      for (int i = 0; i < kDocuments; ++i) {
        const auto record = document_record(i);
        if (!resumed.has(document_key(record.tokens, record.figures.prompt_tokens))) resumed.add(record);
      }
    }
    const auto whole = ScanFile::open(path);
    EXPECT_EQ(whole.n_documents(), kDocuments);
    EXPECT_THAT(whole.verify(), IsEmpty());
    whole.for_each_document([&](const StoredDocument& document) {
      EXPECT_TRUE(same(document.figures, document_record(static_cast<int>(document.ordinal)).figures));
    });
  }
}

// Reads everything that there is; a damaged file gives errors, never a crash and never another kind of error.
void read_everything(const std::string& path) {
  try {
    const auto file = ScanFile::open(path);
    file.verify();
    file.skipped();
    file.program_runs();
    file.for_each_document([&](const StoredDocument& document) {
      if (!document.tokens.empty()) file.token_bytes(document.tokens[0]);
    });
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput) << error.what();
  }
}

TEST_F(Trouble, DamagedBytesGiveErrors) {
  {
    auto file = open_sample(path_);
    for (int i = 0; i < 4; ++i) file.add(document_record(i));
  }
  const auto whole = bytes_of_file(path_);
  const auto damaged_path = folder_.file("damaged.scan.db");
  std::mt19937 random(4);
  for (int i = 0; i < 300; ++i) {
    auto bytes = whole;
    if (i % 4 == 0) {
      bytes.resize(random() % bytes.size());
    } else {
      for (auto n = random() % 20 + 1; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    write_bytes(damaged_path, bytes);
    read_everything(damaged_path);
  }
}

TEST_F(Trouble, VerifyNamesWhatIsWrong) {
  const auto finds = [&](const std::string& sql, const std::string& expected) {
    std::filesystem::remove(path_);
    {
      auto file = open_sample(path_);
      file.add(document_record(0));
      file.add(document_record(1));
    }
    run_sql(path_, sql);
    EXPECT_THAT(ScanFile::open(path_).verify(), testing::Contains(HasSubstr(expected))) << sql;
  };
  finds("UPDATE documents SET prompt_tokens = 3 WHERE ordinal = 1", "document 1 is damaged; its figures belong to");
  finds("UPDATE documents SET token_ids = zeroblob(160) WHERE ordinal = 0", "document 0: its key is not that");
  finds("UPDATE documents SET token_ids = zeroblob(12) WHERE ordinal = 0", "12 bytes of token ids for 40 tokens");
  finds("DELETE FROM vocabulary WHERE token_id = 1", "document 0: token 1 has no bytes");
  finds("DELETE FROM figures WHERE document = 1", "document 1 is damaged; it has no figures");
  finds("UPDATE figures SET data = substr(data, 1, 500) WHERE document = 0", "checksum");
  finds("DELETE FROM origins WHERE document = 1", "document 1: it has no origin");
  finds("DELETE FROM documents WHERE ordinal = 0", "expected document 0, found 1");
  finds("DELETE FROM documents WHERE ordinal = 0", "a row of figures belongs to nothing");
  finds("UPDATE options SET value = '32' WHERE name = 'min_distance'",
        "measured with min_distance 64, the file says 32");
  finds("INSERT INTO profiles VALUES (1, 0, 'x', 5, NULL, 40, 0, x'00')", "1 profiles, but the file keeps runs");
  finds("INSERT INTO profiles VALUES (1, 0, 'x', 5, NULL, 41, 0, x'00')", "impossible shape");
}

}  // namespace
}  // namespace sinkscope
