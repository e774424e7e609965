#include <array>

#include "cli/verbs/verb.h"

namespace sinkscope {

void register_scan(CLI::App& program, Action& action);
void register_show(CLI::App& program, Action& action);
void register_export(CLI::App& program, Action& action);
void register_report(CLI::App& program, Action& action);
void register_open(CLI::App& program, Action& action);
void register_plot(CLI::App& program, Action& action);
void register_verify(CLI::App& program, Action& action);
void register_levels(CLI::App& program, Action& action);
void register_diff(CLI::App& program, Action& action);
void register_explain(CLI::App& program, Action& action);
void register_ablate(CLI::App& program, Action& action);
void register_protect(CLI::App& program, Action& action);
void register_steer(CLI::App& program, Action& action);
void register_mlp(CLI::App& program, Action& action);
void register_import(CLI::App& program, Action& action);
void register_merge(CLI::App& program, Action& action);
void register_generate(CLI::App& program, Action& action);
void register_models(CLI::App& program, Action& action);
void register_probe_points(CLI::App& program, Action& action);
void register_devices(CLI::App& program, Action& action);
void register_plant(CLI::App& program, Action& action);
void register_validate(CLI::App& program, Action& action);
void register_tiny(CLI::App& program, Action& action);
void register_bench(CLI::App& program, Action& action);
void register_completion(CLI::App& program, Action& action);

std::span<const RegisterVerb> all_verbs() {
  static constexpr std::array kVerbs = {
      &register_scan,   &register_show,     &register_export,   &register_report,  &register_open,
      &register_plot,   &register_verify,   &register_levels,   &register_diff,   &register_explain, &register_ablate,
      &register_protect, &register_steer,   &register_mlp,
      &register_import, &register_merge,    &register_generate, &register_models,  &register_probe_points,
      &register_devices, &register_plant,  &register_validate, &register_tiny,     &register_bench,   &register_completion,
  };
  return kVerbs;
}

}  // namespace sinkscope
