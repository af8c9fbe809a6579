// SPDX-License-Identifier: BSD-3-Clause
// Completion scripts for shells, made from the commands themselves.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): a library's
class App;
}

namespace millrace::vnfctl {

// One command: how it is reached, and what may come next.
struct CommandWords {
  std::string path;                // "vnfctl sessions flush"
  std::vector<std::string> words;  // commands below, and options
  bool takes_file = false;
};
[[nodiscard]] std::vector<CommandWords> command_words(const CLI::App& app, const std::string& path);

[[nodiscard]] std::string bash_completion(const std::vector<CommandWords>& commands);
[[nodiscard]] std::string zsh_completion(const std::vector<CommandWords>& commands);

}  // namespace millrace::vnfctl
