#include "cli/option_list.h"

#include <nlohmann/json.hpp>

#include "cli/help.h"
#include "cli/outputs.h"

namespace sinkscope {
namespace {

using Json = nlohmann::ordered_json;

Json role_of(const VerbCommand& verb, const CLI::Option& option) {
  if (const VerbCommand::Output* output = verb.find(&option)) {
    return output->rule == OutputRule::kReplace ? "output" : "resumed";
  }
  return names_a_file(option) ? Json("input") : Json(nullptr);
}

}  // namespace

std::string option_list(const CLI::App& program) {
  Json list = {{"schema", "sinkscope.options/1"}, {"verbs", Json::array()}};
  for (const CLI::App* app : program.get_subcommands({})) {
    const auto& verb = dynamic_cast<const VerbCommand&>(*app);
    Json entry = {{"name", verb.get_name()}, {"summary", verb.get_description()}, {"options", Json::array()}};
    for (const CLI::Option* option : verb.get_options()) {
      Json names = option->get_positional() ? Json::array({option->get_name(true)}) : Json(option_names(*option));
      const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
      entry["options"].push_back({{"names", std::move(names)},
                                  {"value", type.empty() ? Json(nullptr) : Json(type)},
                                  {"group", option->get_group()},
                                  {"required", option->get_required()},
                                  {"file", role_of(verb, *option)}});
    }
    list["verbs"].push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

}  // namespace sinkscope
