// Results files on disks that refuse or lose something at each step there is: nothing that was stored is lost, the
// reason is told, and the same work done again comes to what it would have come to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/ablation_rows.h"
#include "store/explained_rows.h"
#include "store/import_file.h"
#include "store/merge.h"
#include "store/scan_file.h"
#include "tests/store/ablated_samples.h"
#include "tests/store/explained_samples.h"
#include "tests/store/faulty_disk.h"
#include "tests/store/samples.h"

namespace sinkscope {
namespace {

using namespace testing_samples;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kDocuments = 3;

const std::vector<DiskFault> kFaults = {
    {"a full disk", DiskCall::kWrite, SQLITE_FULL, true},
    {"a write that fails once", DiskCall::kWrite, SQLITE_IOERR_WRITE, false},
    {"a disk that cannot be written any more", DiskCall::kWrite, SQLITE_IOERR_WRITE, true},
    {"a sync that fails once", DiskCall::kSync, SQLITE_IOERR_FSYNC, false},
    {"no syncs any more", DiskCall::kSync, SQLITE_IOERR_FSYNC, true},
    {"no truncation", DiskCall::kTruncate, SQLITE_IOERR_TRUNCATE, true},
    {"no deletion", DiskCall::kDelete, SQLITE_IOERR_DELETE, true},
    {"a file that cannot be opened", DiskCall::kOpen, SQLITE_CANTOPEN, false},
    {"a read that fails once", DiskCall::kRead, SQLITE_IOERR_READ, false},
    {"an allocation that fails once", DiskCall::kAllocate, SQLITE_NOMEM, false},
    {"no memory any more", DiskCall::kAllocate, SQLITE_NOMEM, true},
};

bool tries_all() { return std::getenv("SINKSCOPE_ALL_FAULTS") != nullptr; }

// Of calls of which there are hundreds some places are tried; SINKSCOPE_ALL_FAULTS=1 tries all, which takes minutes.
int next_place(int n, DiskCall call) {
  const bool few = call != DiskCall::kAllocate && call != DiskCall::kRead && call != DiskCall::kWrite;
  return few || tries_all() ? n + 1 : n + 1 + n / 4;
}

// Something that is written into `result`. Done again, it goes on from what is there, or is refused the file if it
// makes it as a whole.
struct Job {
  const char* name;
  std::function<void(const TemporaryFolder&)> prepare;
  std::function<void(const TemporaryFolder&, int& n_stored)> work;  // counts what it was told is stored
  std::function<int(const TemporaryFolder&)> count;                 // what is stored
  bool is_whole = false;
  std::set<std::string> reads = {};  // names of other files
};

ScanFile open_result(const TemporaryFolder& folder) {
  return ScanFile::open_or_create(folder.file("result.db"), model_record(), {}, program_run());
}

ScannedDocument document(int number) {
  ScannedDocument record = document_record(number);
  if (number == 2) record.origins.push_back({"other.jsonl", "again", 7, {}, 0});
  return record;
}

void make_scan(const std::string& path, const std::vector<int>& documents) {
  ScanFile file = ScanFile::open_or_create(path, model_record(), {}, program_run());
  for (const int number : documents) {
    file.add(document(number));
    const SequenceAblation effects = ablation(number);
    AblationRows(file).add(file.n_documents() - 1, {{"edit", &effects}});
  }
}

std::string key_of(const ScannedDocument& record) {
  return document_key(record.tokens, record.figures.prompt_tokens);
}

Job scan_job() {
  return {"scan", [](const TemporaryFolder&) {},
          [](const TemporaryFolder& folder, int& n_stored) {
            ScanFile file = open_result(folder);
            for (int i = 0; i < kDocuments; ++i) {
              const ScannedDocument record = document(i);
              if (!file.has(key_of(record))) file.add(record);
              ++n_stored;
            }
            file.add_origin(key_of(document(1)), {"other.jsonl", "once more", 9, {}, 0});
            file.add_skipped({"corpus.jsonl", 12, "no JSON"});
          },
          [](const TemporaryFolder& folder) {
            return static_cast<int>(ScanFile::open(folder.file("result.db")).n_documents());
          }};
}

// What analyses of a results file find there.
void scan_documents(const TemporaryFolder& folder) {
  ScanFile file = open_result(folder);
  for (int i = 0; i < kDocuments; ++i) file.add(document(i));
}

Job ablate_job() {
  return {"ablate",
          scan_documents,
          [](const TemporaryFolder& folder, int& n_stored) {
            const ScanFile file = open_result(folder);
            AblationRows rows(file);
            for (int i = 0; i < kDocuments; ++i) {
              const SequenceAblation first = ablation(i), second = ablation(10 + i);
              if (!rows.find("edit", i)) rows.add(i, {{"edit", &first}, {"another", &second}});
              ++n_stored;
            }
          },
          [](const TemporaryFolder& folder) {
            const ScanFile file = ScanFile::open(folder.file("result.db"));
            EXPECT_EQ(file.n_documents(), kDocuments);
            const AblationRows rows(file);
            int n = 0;
            for (int i = 0; i < kDocuments; ++i) n += rows.find("edit", i) && rows.find("another", i) ? 1 : 0;
            return n;
          }};
}

Job explain_job() {
  return {"explain",
          scan_documents,
          [](const TemporaryFolder& folder, int& n_stored) {
            const ScanFile file = open_result(folder);
            ExplainedRows rows(file);
            rows.begin({});
            for (int i = 0; i < kDocuments; ++i) {
              if (!rows.find(i)) rows.add(sequence_explanation(static_cast<unsigned>(i)));
              ++n_stored;
            }
          },
          [](const TemporaryFolder& folder) {
            const ScanFile file = ScanFile::open(folder.file("result.db"));
            EXPECT_EQ(file.n_documents(), kDocuments);
            return static_cast<int>(ExplainedRows(file).n_sequences());
          }};
}

Job merge_job() {
  return {"merge",
          [](const TemporaryFolder& folder) {
            make_scan(folder.file("a.db"), {0, 2});
            make_scan(folder.file("b.db"), {1, 2});
          },
          [](const TemporaryFolder& folder, int& n_stored) {
            const std::string inputs[] = {folder.file("a.db"), folder.file("b.db")};
            merge_results(inputs, folder.file("result.db"), program_run());
            n_stored = kDocuments;
          },
          scan_job().count, true, {"a.db", "b.db"}};
}

Job import_job() {
  return {"import", [](const TemporaryFolder&) {},
          [](const TemporaryFolder& folder, int& n_stored) {
            std::vector<ImportedDocument> documents;
            for (int i = 0; i < kDocuments; ++i) {
              ImportedDocument& one = documents.emplace_back();
              one.name = "document " + std::to_string(i);
              one.line = i + 1;
              one.n_tokens = 100;
              one.sinks = {{0, 1, 2, 5, 4, "bos_sink"}, {40 + i, 7, 3, 4, 2, "secondary"}};
              one.key = imported_key(one, 0);
            }
            ImportFile::write(folder.file("result.db"), {"somebody's", 8}, documents);
            n_stored = kDocuments;
          },
          [](const TemporaryFolder& folder) {
            int n = 0;
            ImportFile(folder.file("result.db")).for_each_document([&](const ImportedDocument&) { ++n; });
            return n;
          },
          true};
}

// All that a file holds, but when it was made.
std::string dump(const std::string& path) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  const auto rows = [&](const std::string& sql) {
    std::vector<std::vector<std::string>> found;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      auto& row = found.emplace_back();
      for (int c = 0; c < sqlite3_column_count(statement); ++c) {
        const std::string name = sqlite3_column_name(statement, c);
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, c));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, c));
        if (name != "program_run") row.push_back(name + "=" + (bytes ? std::string(bytes, size) : ""));
      }
    }
    sqlite3_finalize(statement);
    return found;
  };
  std::string text;
  for (const auto& table : rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                                "AND name <> 'program_runs' ORDER BY name")) {
    const std::string name = table[0].substr(5);
    text += "\n== " + name;
    for (const auto& row : rows("SELECT * FROM " + name + " ORDER BY 1, 2")) {
      for (const std::string& value : row) text += "|" + value;
      text += "\n";
    }
  }
  sqlite3_close(database);
  return text;
}

bool is_there(const TemporaryFolder& folder) { return std::filesystem::exists(folder.file("result.db")); }

std::vector<std::string> unfinished(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    if (file.path().filename().string().starts_with("result.db.")) names.push_back(file.path().filename());
  }
  return names;
}

class Faults : public testing::TestWithParam<Job (*)()> {
 protected:
  void SetUp() override {
    job_.prepare(prepared_);
    TemporaryFolder folder;
    begin_in(folder);
    int n_stored = 0;
    job_.work(folder, n_stored);
    undisturbed_ = dump(folder.file("result.db"));
    bytes_ = bytes_of_file(folder.file("result.db"));
  }

  void begin_in(const TemporaryFolder& folder) const {
    std::filesystem::copy(prepared_.path(), folder.path());
  }

  // The file after the work was stopped: what was stored is there, and at most what was being stored.
  void expect_nothing_lost(const TemporaryFolder& folder, int n_stored, int n_before) const {
    if (job_.is_whole) {
      EXPECT_EQ(is_there(folder), n_stored > 0);
      EXPECT_THAT(unfinished(folder), IsEmpty());
      return;
    }
    int n = 0;
    try {
      n = job_.count(folder);
      EXPECT_THAT(ScanFile::open(folder.file("result.db")).verify(), IsEmpty());
    } catch (const Error& error) {
      // Only a file that has not even its tables yet is none.
      EXPECT_THAT(error.what(), HasSubstr("an empty one"));
    }
    EXPECT_GE(n, std::max(n_stored, n_before));
    EXPECT_LE(n, std::max(n_stored, n_before) + 1);
  }

  // The file after power was lost: what was stored last may be gone, but nothing is half there. Once the work is done,
  // all stays.
  void expect_sound(const TemporaryFolder& folder, bool is_done) const {
    int n = 0;
    try {
      n = job_.count(folder);
      EXPECT_THAT(ScanFile::open(folder.file("result.db")).verify(), IsEmpty());
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("an empty one"));
    }
    EXPECT_TRUE(!is_done || n == kDocuments) << n;
  }

  // The same work, done again without a fault.
  void expect_it_goes_on(const TemporaryFolder& folder) const {
    int n_stored = 0;
    const bool anew = job_.is_whole && !is_there(folder);
    if (anew || !job_.is_whole) job_.work(folder, n_stored);
    EXPECT_EQ(job_.count(folder), kDocuments);
    EXPECT_TRUE(dump(folder.file("result.db")) == undisturbed_);
    EXPECT_TRUE(!anew || bytes_of_file(folder.file("result.db")) == bytes_);
    EXPECT_THAT(unfinished(folder), IsEmpty());
  }

  FaultyDisk disk_;  // which also spares the time that syncs take
  TemporaryFolder prepared_;
  Job job_ = GetParam()();
  std::string undisturbed_, bytes_;
};

TEST_P(Faults, OfEachKindAtEachPlace) {
  int n_tried = 0;
  std::map<std::string, int> told;
  for (const DiskFault& fault : kFaults) {
    bool passed = false;
    int n_of_this = 0;
    for (int n = 1; !passed; n = next_place(n, fault.call)) {
      SCOPED_TRACE(std::string(fault.name) + ", place " + std::to_string(n));
      TemporaryFolder folder;
      begin_in(folder);
      int n_stored = 0;
      disk_.refuse(fault, n);
      try {
        job_.work(folder, n_stored);
      } catch (const Error& error) {
        std::string message = error.what();
        // An input that cannot be read is named as what it is.
        const bool of_input = job_.reads.contains(std::filesystem::path(message.substr(0, message.find(':'))).filename());
        EXPECT_EQ(error.code(), of_input ? ErrorCode::kInput : ErrorCode::kOutput) << message;
        EXPECT_THAT(message, AnyOf(HasSubstr(".db"), HasSubstr("tables in memory")));
        EXPECT_THAT(message, Not(HasSubstr("damaged")));
        for (std::size_t at; (at = message.find(folder.path().string())) != message.npos;) {
          message.erase(at, folder.path().string().size());
        }
        ++told[std::string(fault.name) + ": " + message];
      }
      passed = !disk_.heal();
      EXPECT_TRUE(!passed || n_stored == kDocuments) << n_stored;
      expect_nothing_lost(folder, n_stored, 0);
      expect_it_goes_on(folder);
      ++n_of_this;
      if (HasFailure()) return;
    }
    n_tried += n_of_this;
    RecordProperty(fault.name, n_of_this);
  }
  if (tries_all()) {
    for (const auto& [message, n] : told) std::printf("%5d x %s\n", n, message.c_str());
  }
  std::printf("%s: %d faults\n", job_.name, n_tried);
}

TEST_P(Faults, PowerIsLostAtEachPlace) {
  int* const n_stored = static_cast<int*>(mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int n_tried = 0;
  for (const unsigned seed : {0U, 1U, 2U}) {
    bool passed = false;
    for (int n = 1; !passed; n = next_place(n, DiskCall::kWrite)) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", place " + std::to_string(n));
      TemporaryFolder folder;
      begin_in(folder);
      *n_stored = 0;
      const pid_t child = fork();
      if (child == 0) {
        disk_.lose_power_at(n, seed + static_cast<unsigned>(seed > 0 ? 10 * n : 0));
        job_.work(folder, *n_stored);
        *n_stored = -1;  // all was done: power is lost only now
        disk_.lose_power();
      }
      int status = 0;
      waitpid(child, &status, 0);
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == FaultyDisk::kPowerLost) << status;
      passed = *n_stored == -1;
      if (job_.is_whole) {
        // What is there under its name is whole.
        EXPECT_TRUE(!passed || is_there(folder));
      } else {
        expect_sound(folder, passed);
      }
      expect_it_goes_on(folder);
      ++n_tried;
      if (HasFailure()) return;
    }
  }
  munmap(n_stored, sizeof(int));
  std::printf("%s: power lost at %d places\n", job_.name, n_tried);
}

INSTANTIATE_TEST_SUITE_P(All, Faults, testing::Values(scan_job, ablate_job, explain_job, merge_job, import_job),
                         [](const auto& job) { return std::string(job.param().name); });

}  // namespace
}  // namespace sinkscope
