#include "cli/app.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>

#include "base/whole_file.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/one_line.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/verbs/verb.h"
#include "cli/version.h"

namespace sinkscope {
namespace {

constexpr char kFooter[] =
    "Every verb explains itself: sinkscope VERB --help\n\n"
    "Examples:\n"
    "  sinkscope scan -m model.gguf -f text.txt\n"
    "      the sinks of one text, with their layers and figures\n"
    "  sinkscope scan -m model.gguf --jsonl corpus.jsonl --field text -o out.scan.db\n"
    "      a corpus; the same command goes on where it was stopped\n"
    "  sinkscope show out.scan.db --min-far-boost 10\n"
    "      the same results under another threshold, without the model\n\n"
    "Exit codes: 0 done, 1 internal error, 2 usage, 3 input, 4 model,\n"
    "  5 done but some input was skipped or every text is too short to be judged,\n"
    "  6 a stated floor was missed, 7 output, 130 interrupted.";

ExitCode fail(ExitCode code, const std::string& message) {
  clear_progress_line();
  std::cerr << "sinkscope: error: " << one_line(message) << std::endl;
  return code;
}

// How many letters must change to turn one word into the other.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (const std::size_t d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

const CLI::App& named_verb(const CLI::App& program) {
  const auto verbs = program.get_subcommands();
  return verbs.empty() ? program : *verbs.front();
}

std::string unexpected(const CLI::App& program, const std::string& fallback) {
  const CLI::App& verb = named_verb(program);
  const std::vector<std::string> rest = program.remaining(true);
  if (rest.empty()) return fallback;
  std::vector<std::string> known;
  const bool is_option = rest.front().starts_with('-');
  if (is_option) {
    for (const CLI::Option* option : verb.get_options()) {
      if (!option->nonpositional()) continue;
      for (const std::string& name : option_names(*option)) known.push_back(name);
    }
  } else if (&verb == &program) {
    for (const CLI::App* candidate : program.get_subcommands({})) known.push_back(candidate->get_name());
  }
  const char* what = is_option ? "unknown option" : &verb == &program ? "unknown verb" : "unexpected argument";
  const std::string word = is_option ? shown_option_name(rest.front()) : rest.front();
  return fmt::format("{} '{}'{}", what, word, nearest(word, known));
}

ExitCode usage_error(const CLI::App& program, std::string message) {
  const CLI::App& verb = named_verb(program);
  for (const std::string_view name : single_dash_names()) {
    const std::string parsed = fmt::format("--{}", name);
    for (std::size_t at = message.find(parsed); at != std::string::npos; at = message.find(parsed, at + 1)) {
      message.erase(at, 1);
    }
  }
  const std::string where =
      &verb == &program ? "sinkscope --help" : fmt::format("sinkscope {} --help", verb.get_name());
  return fail(ExitCode::kUsage, fmt::format("{}; see {}", one_line(message), where));
}

// Options by which llama.cpp's programs download a model.
bool asks_for_a_download(const std::string& name) {
  constexpr std::array kNames = {"-hf",           "-hfr", "--hf-repo",   "-hff", "--hf-file",
                                 "--docker-repo", "-mu",  "--model-url", "-dr"};
  return std::ranges::find(kNames, name) != kNames.end();
}

// What is wrong with arguments that CLI11 would take for others; empty if nothing is.
std::string mistaken_argument(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (asks_for_a_download(name)) {
      return fmt::format(
          "{}: sinkscope downloads nothing: fetch the model first (hf download USER/REPO FILE.gguf, or llama-cli -hf), "
          "then name its file with -m; sinkscope models lists those found here",
          name);
    }
    // CLI11 reads -hx as -h and -x, and prints the help.
    if (name.size() > 2 && name.starts_with("-h") && name != "-help") {
      return fmt::format("unknown option '{}'; a text that begins so is given as --prompt='{}'", name, argument);
    }
  }
  return {};
}

// Whether the reader of standard output has gone: nobody is left to be told.
bool reader_has_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

// Lets std::cout write into another stream.
class RedirectedOutput {
 public:
  explicit RedirectedOutput(const std::ostream& out) : before_(std::cout.rdbuf(out.rdbuf())) {}
  // What was printed before something failed is written as well.
  ~RedirectedOutput() {
    std::cout.flush();
    std::cout.rdbuf(before_);
  }
  RedirectedOutput(const RedirectedOutput&) = delete;
  RedirectedOutput& operator=(const RedirectedOutput&) = delete;

 private:
  std::streambuf* before_;
};

// Does what a command line asks for: errors become messages and codes, and what it prints is written or missed.
ExitCode run_reported(const std::function<ExitCode()>& work) {
  ExitCode code = ExitCode::kOutput;
  try {
    // std::cout does not know why writing fails; this stream does.
    write_stream(STDOUT_FILENO, "standard output", [&](std::ostream& out) {
      const RedirectedOutput redirected(out);
      code = work();
    });
    return code;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kOutput && reader_has_gone()) return code;
    return fail(exit_code_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kInput, "out of memory; try a shorter text, --chunk N, a smaller -c, or a smaller model");
  } catch (const std::length_error&) {
    return fail(ExitCode::kInput, "out of memory: something of the input is larger than any memory");
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(ExitCode::kInput, error.what());
  } catch (const std::exception& error) {
    return fail(ExitCode::kInternal, fmt::format("internal error: {}; please report it", error.what()));
  }
}

ExitCode print_text(const std::string& text) {
  return run_reported([&] {
    std::cout << text;
    return ExitCode::kDone;
  });
}

ExitCode run_action(const CLI::App& verb, const Action& action) {
  return run_reported([&] {
    check_outputs(verb);
    return action.run();
  });
}

}  // namespace

ExitCode run_program(std::vector<std::string> arguments) {
  CLI::App program("Finds, explains and tests attention sinks in GGUF language models.", "sinkscope");
  program.formatter(std::make_shared<HelpFormatter>());
  program.option_defaults()->always_capture_default();
  program.footer(kFooter);
  program.set_help_flag("-h,--help", "Print this help");
  program.set_version_flag("--version", version_text(), "Print the versions of the program and what it is made of");
  program.require_subcommand(0, 1);
  set_command_line(arguments);
  Action action;
  for (const RegisterVerb register_verb : all_verbs()) register_verb(program, action);
  if (arguments.empty()) arguments = {"--help"};

  for (std::string& argument : arguments) {
    const std::size_t end = std::min(argument.find('='), argument.size());
    if (argument.starts_with('-') && end > 1 && is_single_dash_name(argument.substr(1, end - 1)))
      argument.insert(0, "-");
  }
  if (const std::string mistaken = mistaken_argument(arguments); !mistaken.empty()) {
    return fail(ExitCode::kUsage, mistaken);
  }
  std::reverse(arguments.begin(), arguments.end());
  try {
    program.parse(arguments);
  } catch (const CLI::CallForAllHelp&) {
    return print_text(program.help("", CLI::AppFormatMode::All));
  } catch (const CLI::CallForHelp&) {
    return print_text(program.help());
  } catch (const CLI::CallForVersion&) {
    return print_text(version_text() + "\n");
  } catch (const CLI::ParseError& error) {
    // What is not known is named before what is missing.
    return usage_error(program, unexpected(program, error.what()));
  } catch (const Error& error) {  // of a model that had to be converted first
    return fail(exit_code_of(error.code()), error.what());
  }
  if (!action.run) return usage_error(program, "expected a verb");
  watch_for_interrupts();
  return run_action(named_verb(program), action);
}

}  // namespace sinkscope
