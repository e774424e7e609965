#include "cli/option_list.h"

#include <nlohmann/json.hpp>

#include "cli/help.h"
#include "cli/outputs.h"

namespace sinkscope {
namespace {

nlohmann::ordered_json role_of(const VerbCommand& verb, const CLI::Option& option) {
  if (const VerbCommand::Output* output = verb.find(&option)) {
    return output->rule == OutputRule::kReplace ? "output" : "resumed";
  }
  return names_a_file(option) ? nlohmann::ordered_json("input") : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::string option_list(const CLI::App& program) {
  nlohmann::ordered_json list = {{"schema", "sinkscope.options/1"}, {"verbs", nlohmann::ordered_json::array()}};
  for (const CLI::App* app : program.get_subcommands({})) {
    const auto& verb = dynamic_cast<const VerbCommand&>(*app);
    nlohmann::ordered_json entry = {
        {"name", verb.get_name()}, {"summary", verb.get_description()}, {"options", nlohmann::ordered_json::array()}};
    for (const CLI::Option* option : verb.get_options()) {
      nlohmann::ordered_json names = option->get_positional() ? nlohmann::ordered_json::array({option->get_name(true)})
                                                              : nlohmann::ordered_json(option_names(*option));
      const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
      entry["options"].push_back(
          {{"names", std::move(names)},
           {"value", type.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(type)},
           {"group", option->get_group()},
           {"required", option->get_required()},
           {"file", role_of(verb, *option)}});
    }
    list["verbs"].push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

}  // namespace sinkscope
