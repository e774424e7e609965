#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "scan/document_tokenizer.h"
#include "text/document.h"

namespace sinkscope {

// What is read, as the command line says it.
struct InputOptions {
  std::vector<std::string> files;
  std::vector<std::string> texts;  // of -p
  std::string jsonl;
  std::string field = "text";
  std::string prompt_field;
  std::string tokens;
  bool chat = false;
  std::string chat_template;  // a file; empty: the model's own
  bool special = false;
  std::string bos = "auto";
  int chunk = 0;

  bool is_corpus() const { return !jsonl.empty(); }
  bool is_one_text() const { return !is_corpus() && files.size() + texts.size() + (tokens.empty() ? 0 : 1) == 1; }
  TokenizeOptions tokenize_options() const;
  std::vector<std::string> paths() const;  // of all files that are read
};

void add_input_options(CLI::App& verb, InputOptions& options);
// Those of them that a prompt can have: not how a document is divided.
void add_prompt_options(CLI::App& verb, InputOptions& options);

// Opens what the options name, before anything costly is done.
//
// throws  Error{kUsage} if they contradict each other or name nothing; Error{kInput} if a file cannot be read
std::unique_ptr<DocumentSource> open_documents(const InputOptions& options, OnSkip on_skip);

}  // namespace sinkscope
