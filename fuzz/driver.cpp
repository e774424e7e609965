// Reads the seeds of a target and inputs made from them, until a count or a time is reached. The input that is being
// read lies in a file, so that one that ends the process is there afterwards.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <new>
#include <optional>
#include <string>

#include "base/error.h"
#include "fuzz/mutator.h"
#include "fuzz/targets.h"

namespace sinkscope {

BytesFile::BytesFile(std::string_view bytes)
    : descriptor_(memfd_create("input", MFD_CLOEXEC)), path_(fmt::format("/proc/self/fd/{}", descriptor_)) {
  if (descriptor_ < 0 || write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    throw std::bad_alloc();
  }
}
BytesFile::~BytesFile() { close(descriptor_); }

namespace {

constexpr unsigned kMostSeconds = 60;  // for one input: longer is a hang, and SIGALRM ends it

// The input that is being read, in a file.
class PresentInput {
 public:
  explicit PresentInput(std::string path) : path_(std::move(path)) {}
  void set(std::string_view bytes) const {
    if (path_.empty()) return;
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void clear() const {
    if (!path_.empty()) unlink(path_.c_str());
  }

 private:
  std::string path_;
};

enum class Outcome { kRead, kRefused, kFault };

Outcome outcome_of(const FuzzTarget& target, std::string_view bytes) {
  alarm(kMostSeconds);
  try {
    target.read(bytes);
    return Outcome::kRead;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInput || error.code() == ErrorCode::kModel) return Outcome::kRefused;
    fmt::print("{}: an error that is no input's: {}\n", target.name, error.what());
  } catch (const std::bad_alloc&) {
    return Outcome::kRefused;
  } catch (const std::exception& error) {
    fmt::print("{}: an exception that is no error of ours: {}\n", target.name, error.what());
  }
  return Outcome::kFault;
}

struct Arguments {
  std::string target, present, input;
  std::uint64_t runs = 0, seconds = 0, seed = 1;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    std::uint64_t* number = word == "--runs"      ? &arguments.runs
                            : word == "--seconds" ? &arguments.seconds
                            : word == "--seed"    ? &arguments.seed
                                                  : nullptr;
    std::string* text = word == "--present" ? &arguments.present : word == "--input" ? &arguments.input : nullptr;
    if (number == nullptr && text == nullptr) {
      if (!arguments.target.empty()) return std::nullopt;
      arguments.target = word;
      continue;
    }
    if (++i == argc) return std::nullopt;
    const std::string_view value = argv[i];
    if (text != nullptr) {
      *text = value;
    } else if (std::from_chars(value.data(), value.data() + value.size(), *number).ptr != value.data() + value.size()) {
      return std::nullopt;
    }
  }
  return arguments.target.empty() ? std::nullopt : std::optional(arguments);
}

std::vector<FuzzTarget> all_targets() {
  std::vector<FuzzTarget> all = text_targets();
  for (auto& target : model_targets()) all.push_back(std::move(target));
  for (auto& target : store_targets()) all.push_back(std::move(target));
  return all;
}

int fuzz(const FuzzTarget& target, const Arguments& arguments) {
  const PresentInput present(arguments.present);
  std::uint64_t n_read = 0;
  const auto try_one = [&](const std::string& bytes) {
    present.set(bytes);
    const Outcome outcome = outcome_of(target, bytes);
    n_read += outcome == Outcome::kRead;
    return outcome != Outcome::kFault;
  };
  if (!arguments.input.empty()) {
    std::ifstream file(arguments.input, std::ios::binary);
    return try_one(std::string(std::istreambuf_iterator<char>(file), {})) ? 0 : 1;
  }
  const std::vector<std::string> seeds = target.seeds();
  for (const std::string& bytes : seeds) {
    if (!try_one(bytes)) return 1;
  }
  if (n_read == 0) {
    fmt::print("{}: expected seeds that are read, got refusals only\n", target.name);
    return 1;
  }
  Mutator mutator(seeds, arguments.seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(arguments.seconds);
  std::uint64_t n = 0;
  while (arguments.seconds > 0 ? std::chrono::steady_clock::now() < end : n < arguments.runs) {
    if (!try_one(mutator.next())) return 1;
    ++n;
  }
  present.clear();
  fmt::print("{}: {} seeds and {} inputs made from them: {} were read, the others refused\n", target.name, seeds.size(),
             n, n_read);
  return 0;
}

int run(int argc, char** argv) {
  const std::vector<FuzzTarget> targets = all_targets();
  const auto arguments = parse(argc, argv);
  for (const FuzzTarget& target : targets) {
    if (arguments && target.name == arguments->target) return fuzz(target, *arguments);
  }
  fmt::print("fuzz_driver TARGET [--runs N | --seconds N] [--seed N] [--present FILE] [--input FILE]\n");
  for (const FuzzTarget& target : targets) fmt::print("  {:<10} {}\n", target.name, target.reads);
  return 2;
}

}  // namespace
}  // namespace sinkscope

int main(int argc, char** argv) { return sinkscope::run(argc, argv); }
