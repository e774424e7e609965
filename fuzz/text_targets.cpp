#include "cli/authors_records.h"
#include "fuzz/targets.h"
#include "text/documents.h"
#include "text/jsonl.h"

namespace sinkscope {
namespace {

void read_all_of(DocumentSource& documents) {
  while (documents.next()) {
  }
}

void read_jsonl(std::string_view bytes, bool chat) {
  const BytesFile file(bytes);
  JsonlOptions options;
  options.path = file.path();
  options.chat = chat;
  options.prompt_field = chat ? "" : "prompt";
  options.max_line_bytes = 1 << 16;
  read_all_of(*jsonl_source(options, [](const SkippedInput&) {}));
}

}  // namespace

std::vector<FuzzTarget> text_targets() {
  return {
      {"jsonl", "corpora of texts", [](std::string_view bytes) { read_jsonl(bytes, false); },
       [] {
         return std::vector<std::string>{
             "{\"text\": \"one\", \"prompt\": \"why\", \"id\": 3}\n\n{\"text\": [1, 2, 3], \"prompt\": [4]}\n",
             "[{\"text\": \"a \\u00e9 \\ud83d\\ude00\", \"prompt\": \"\", \"score\": NaN}, {\"text\": \"b\", "
             "\"prompt\": \"c\"}]"};
       }},
      {"chats", "corpora of conversations", [](std::string_view bytes) { read_jsonl(bytes, true); },
       [] {
         return std::vector<std::string>{
             "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": "
             "\"ho\"}]}\n",
             "{\"conversations\": [{\"from\": \"human\", \"value\": \"hi\"}, {\"from\": \"gpt\", \"value\": "
             "\"ho\"}]}\n"};
       }},
      {"tokens", "lists of token ids",
       [](std::string_view bytes) {
         const BytesFile file(bytes);
         read_all_of(*token_file_source(file.path()));
       },
       [] { return std::vector<std::string>{"[1, 2, 300]", "{\"tokens\": [0, 4294967295]}"}; }},
      {"messages", "one conversation",
       [](std::string_view bytes) { read_all_of(*chat_source(std::string(bytes), {"a.json"})); },
       [] { return std::vector<std::string>{"[{\"role\": \"user\", \"content\": \"hi\"}]", "[no JSON at all"}; }},
      {"records", "the authors' records",
       [](std::string_view bytes) {
         const BytesFile file(bytes);
         read_authors_records(file.path(), 48, [](const SkippedInput&) {});
       },
       [] {
         return std::vector<std::string>{
             "{\"sample_index\": 0, \"prompt_len\": 3, \"response_len\": 97, \"full_text_len\": 100, "
             "\"candidate_sinks\": "
             "{\"0\": {\"layer\": [4, 5, 46], \"token_id\": 151646, \"sink_type\": \"bos_sink\"}, \"70\": {\"layer\": "
             "[22, "
             "23], \"token_id\": 220, \"sink_type\": \"secondary\"}}}\n"};
       }},
  };
}

}  // namespace sinkscope
