#pragma once

#include <jinja/caps.h>
#include <json.h>

#include <string_view>

namespace sinkscope {

// Chat messages in the form that a template reads, as llama.cpp's server brings them there:
//
//   content      missing or null becomes ""; parts become one text, with line ends between them, for templates that
//   read
//                only texts, and a text becomes one part for templates that read only parts
//   developer    is the system, but for templates with channels
//   system       in front joins the next message where the template has no system role
//   tool_calls   arguments given as JSON in a string are parsed for templates that read an object, and written as a
//                string for all others
//   null         members that are null are left out, as tables have them for what a message has not; so are empty tool_calls,
//                names and reasoning, for which some templates ask whether they are there
//
// What else a message holds stays as it is.
//
// messages         an array of objects with "role", and "content" or "tool_calls"
// chat_template    Jinja source
// throws           Error{kInput} naming the message, if it has content of another kind, parts other than text, or
//                  arguments that are no JSON
// source           llama.cpp common/chat.cpp: common_chat_msgs_parse_oaicompat, messages_inp_normalizer, workaround.
//                  Differs in: no rules for single families (StepFun, Gemma 4, GPT-OSS and others have some)
common_json conformed_messages(const common_json& messages, std::string_view chat_template, const jinja::caps& reads);

// Tools in the form that a template reads, as llama.cpp's server brings them there: of each the type, and of its function name,
// description ("" if it has none) and parameters ({} if it has none), in this order.
//
// throws  Error{kInput} naming the tool, if it is no {"type": "function", "function": {"name": ...}}
// source  llama.cpp common/chat.cpp: common_chat_tools_parse_oaicompat, common_chat_tools_to_json_oaicompat
common_json conformed_tools(const common_json& tools);

}  // namespace sinkscope
