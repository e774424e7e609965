#include "cli/options/input_options.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "cli/verbs/verb.h"
#include "text/documents.h"
#include "text/jsonl.h"

namespace sinkscope {
namespace {

constexpr char kGroup[] = "Input";

}  // namespace

TokenizeOptions InputOptions::tokenize_options() const {
  TokenizeOptions result;
  result.bos = bos == "on" ? BosMode::kOn : bos == "off" ? BosMode::kOff : BosMode::kAuto;
  result.special = special;
  result.chunk = chunk;
  return result;
}

std::vector<std::string> InputOptions::paths() const {
  std::vector<std::string> paths = files;
  for (const std::string& path : {jsonl, tokens}) {
    if (!path.empty()) paths.push_back(path);
  }
  return paths;
}

void add_prompt_options(CLI::App& verb, InputOptions& options) {
  const std::string group = kGroup;
  verb.add_option("-f,--file", options.files, "A text file, one document; - is standard input. May be given again")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(group);
  verb.add_option("-p,--prompt", options.texts, "A text, right here")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->group(group);
  CLI::Option* jsonl =
      verb.add_option("--jsonl", options.jsonl, "A corpus: one JSON object a line; bad lines are skipped and counted")
          ->type_name("FILE")
          ->group(group);
  verb.add_option("--field", options.field, "The member of each line that holds the text, or its token ids")
      ->type_name("NAME")
      ->needs(jsonl)
      ->group(group);
  verb.add_option("--tokens", options.tokens, "Token ids, taken as they are: a JSON array, or {\"tokens\": [...]}")
      ->type_name("FILE")
      ->group(group);
  verb.add_flag("--chat", options.chat,
                "Input is chat messages, a JSON array of {role, content} or {messages, tools}, or one user message; rendered "
                "by the model's own template")
      ->group(group);
  verb.add_option("--chat-template", options.chat_template, "A Jinja template in place of the model's own")
      ->type_name("FILE")
      ->needs("--chat")
      ->group(group);
  verb.add_flag("--special", options.special, "Text that looks like a control token becomes one")->group(group);
  add_choice(verb, "--bos", options.bos, {"auto", "on", "off"},
             "Begin each sequence with BOS; auto does what the model says. Never two")
      ->group(group);
}

void add_input_options(CLI::App& verb, InputOptions& options) {
  add_prompt_options(verb, options);
  verb.add_option("--prompt-field", options.prompt_field,
                  "The member that holds what precedes the text, or its token ids")
      ->type_name("NAME")
      ->needs("--jsonl")
      ->group(kGroup);
  verb.add_option("--chunk", options.chunk,
                  "Cut documents into pieces of N tokens, each a sequence of its own with BOS; 0: whole")
      ->type_name("N")
      ->check(whole_number(0, 1 << 24))
      ->group(kGroup);
}

std::unique_ptr<DocumentSource> open_documents(const InputOptions& options, OnSkip on_skip) {
  const int kinds = (options.files.empty() ? 0 : 1) + (options.texts.empty() ? 0 : 1) +
                    (options.jsonl.empty() ? 0 : 1) + (options.tokens.empty() ? 0 : 1);
  if (kinds == 0) {
    throw Error(ErrorCode::kUsage,
                "nothing to read: give a text with -f FILE or -p TEXT, a corpus with --jsonl FILE, "
                "or token ids with --tokens FILE");
  }
  if (kinds > 1) throw Error(ErrorCode::kUsage, "expected one of -f, -p, --jsonl and --tokens, got more than one");
  if (options.chat && !options.tokens.empty()) {
    throw Error(ErrorCode::kUsage, "--chat needs messages or a text, got token ids");
  }
  if (options.chat && !options.prompt_field.empty()) {
    throw Error(ErrorCode::kUsage, "--chat takes the whole conversation from --field: leave out --prompt-field");
  }
  if (std::count(options.files.begin(), options.files.end(), "-") > 1) {
    throw Error(ErrorCode::kUsage, "standard input can be read once only: give -f - once");
  }

  if (!options.jsonl.empty()) {
    JsonlOptions jsonl;
    jsonl.path = options.jsonl;
    jsonl.field = options.field;
    jsonl.prompt_field = options.prompt_field;
    jsonl.chat = options.chat;
    return jsonl_source(jsonl, std::move(on_skip));
  }
  std::vector<std::unique_ptr<DocumentSource>> sources;
  if (!options.tokens.empty()) sources.push_back(token_file_source(options.tokens));
  for (const std::string& text : options.texts) {
    sources.push_back(options.chat ? chat_source(text, {}) : text_source(text, {}));
  }
  for (const std::string& file : options.files) {
    sources.push_back(options.chat ? chat_file_source(file) : text_file_source(file));
  }
  return joined_sources(std::move(sources));
}

}  // namespace sinkscope
