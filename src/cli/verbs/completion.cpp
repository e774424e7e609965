#include "cli/completion.h"

#include <iostream>
#include <memory>

#include "cli/verbs/verb.h"

namespace sinkscope {

void register_completion(CLI::App& program, Action& action) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& verb = add_verb(
      program, action, "completion", "Print the completion script of a shell",
      "bash: source it, or save it under ~/.local/share/bash-completion/completions/sinkscope. zsh: save it as "
      "_sinkscope in a folder of $fpath. fish: save it under ~/.config/fish/completions/sinkscope.fish.",
      {{"source <(sinkscope completion bash)", "in this shell, now"},
       {"sinkscope completion fish > ~/.config/fish/completions/sinkscope.fish", "in fish, from now on"}},
      [shell, &program] {
        std::cout << completion_script(program, *shell);
        return ExitCode::kDone;
      });
  add_choice(verb, "SHELL", *shell, {"bash", "zsh", "fish"}, "bash, zsh or fish")->required();
}

}  // namespace sinkscope
