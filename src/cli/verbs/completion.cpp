#include "cli/completion.h"

#include <iostream>
#include <memory>

#include "cli/option_list.h"
#include "cli/verbs/verb.h"

namespace sinkscope {

void register_completion(CLI::App& program, Action& action) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& verb = add_verb(
      program, action, "completion", "Print the completion script of a shell, or all options as JSON",
      "bash: source it, or save it under ~/.local/share/bash-completion/completions/sinkscope. zsh: save it as "
      "_sinkscope in a folder of $fpath. fish: save it under ~/.config/fish/completions/sinkscope.fish. json: "
      "all verbs and options, schema sinkscope.options/1, for other programs.",
      {{"source <(sinkscope completion bash)", "in this shell, now"},
       {"sinkscope completion fish > ~/.config/fish/completions/sinkscope.fish", "in fish, from now on"}},
      [shell, &program] {
        std::cout << (*shell == "json" ? option_list(program) : completion_script(program, *shell));
        return ExitCode::kDone;
      });
  add_choice(verb, "SHELL", *shell, {"bash", "zsh", "fish", "json"}, "bash, zsh, fish or json")->required();
}

}  // namespace sinkscope
