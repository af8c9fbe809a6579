// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/completion.h"

#include <CLI/CLI.hpp>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"

namespace millrace::vnfctl {
namespace {

// "a"|"b": the patterns of a case
std::string alternatives(const std::vector<CommandWords>& commands) {
  std::string out;
  for (const CommandWords& command : commands) {
    if (command.path.find(' ') == std::string::npos) continue;
    out += fmt::format("{}\"{}\"", out.empty() ? "" : "|", command.path);
  }
  return out;
}

}  // namespace

std::vector<CommandWords> command_words(const CLI::App& app, const std::string& path) {
  std::vector<CommandWords> commands{{path, {}, false}};
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : below) commands[0].words.push_back(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) commands[0].words.push_back("--" + name);
    commands[0].takes_file |= option->get_positional() && option->get_name(true) == "FILE";
  }
  for (const CLI::App* command : below) {
    for (auto& one : command_words(*command, path + " " + command->get_name()))
      commands.push_back(std::move(one));
  }
  return commands;
}

std::string bash_completion(const std::vector<CommandWords>& commands) {
  std::string cases;
  for (const CommandWords& command : commands) {
    cases += fmt::format("    \"{}\") words=\"{}\"{} ;;\n", command.path, fmt::join(command.words, " "),
                         command.takes_file ? " files=1" : "");
  }
  return fmt::format(R"(# bash completion for vnfctl: source <(vnfctl completion bash)
_vnfctl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} place=vnfctl word words= files=
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$place $word" in
    {}) place="$place $word" ;;
    esac
  done
  case $place in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n $files && $current != -* ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}}
complete -F _vnfctl vnfctl
)",
                     alternatives(commands), cases);
}

std::string zsh_completion(const std::vector<CommandWords>& commands) {
  std::string cases;
  for (const CommandWords& command : commands) {
    cases += fmt::format("    (\"{}\") next=({}){} ;;\n", command.path, fmt::join(command.words, " "),
                         command.takes_file ? " files=1" : "");
  }
  return fmt::format(R"(#compdef vnfctl
# zsh completion for vnfctl: source <(vnfctl completion zsh)
_vnfctl() {{
  local place=vnfctl word files=
  local -a next
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$place $word" in
    ({}) place="$place $word" ;;
    esac
  done
  case $place in
{}  esac
  compadd -a next
  if [[ -n $files ]]; then _files; fi
}}
compdef _vnfctl vnfctl
)",
                     alternatives(commands), cases);
}

void add_completion_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("completion", "print a completion script: source <(vnfctl completion bash)");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([&app, &context, shell] {
    context.run = [&app, shell] {
      const auto commands = command_words(app, "vnfctl");
      print(*shell == "bash" ? bash_completion(commands) : zsh_completion(commands));
      return kDone;
    };
  });
}

}  // namespace millrace::vnfctl
