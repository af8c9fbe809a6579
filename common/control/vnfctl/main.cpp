// SPDX-License-Identifier: BSD-3-Clause
// vnfctl: the operator's command line, on the appliance's control socket.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "common/control/profile/text.h"
#include "common/control/vnfctl/commands.h"

namespace millrace::vnfctl {
namespace {

// CLI11 only says that there is no command, also of a word that is none.
int explain_missing(const CLI::App& app, const CLI::RequiredError& error) {
  const auto words = app.remaining(true);
  const auto word = std::ranges::find_if(words, [](const std::string& one) { return !one.starts_with('-'); });
  if (word == words.end()) return app.exit(error) == 0 ? kDone : kUsage;
  std::vector<std::string> commands;
  const CLI::App* asked = &app;
  while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
  for (const CLI::App* each : asked->get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(each->get_name());
  }
  const auto meant = control::closest(*word, commands);
  std::cerr << "vnfctl: " << printable(*word) << " is no command; "
            << (meant ? "did you mean " + *meant + "?" : "there are " + control::listing(commands)) << "\n";
  return kUsage;
}

int run(int argc, char** argv) {
  CLI::App app("Asks and steers a running appliance.", "vnfctl");
  app.fallthrough();  // --json and --control may follow the command
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 refused by the appliance, 2 wrong usage, 3 no answer from an appliance.");
  app.set_version_flag("--version", "vnfctl " MILLRACE_VERSION);
  Context context;
  app.add_option("--control", context.control,
                 "the appliance's socket; else $MILLRACE_CONTROL, else the only one in /run/millrace")
      ->type_name("SOCKET");
  app.add_flag("--json", context.json, "the answer as JSON");
  add_state_commands(app, context);
  add_counter_commands(app, context);
  add_qos_command(app, context);
  add_session_commands(app, context);
  add_profile_commands(app, context);
  add_inspect_commands(app, context);
  add_alert_commands(app, context);
  add_nat_commands(app, context);
  add_vpn_commands(app, context);
  add_service_commands(app, context);
  add_watch_command(app, context);
  add_completion_command(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    return explain_missing(app, error);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  context.style = Style::of_output();
  try {
    return context.run();
  } catch (const Failure& failure) {
    // What the appliance refuses starts with FILE:LINE:COLUMN, where editors look for it.
    std::cerr << (failure.code() == kRefused ? "" : "vnfctl: ") << failure.what() << "\n";
    return failure.code();
  }
}

}  // namespace
}  // namespace millrace::vnfctl

int main(int argc, char** argv) {
  try {
    return millrace::vnfctl::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "vnfctl: " << error.what() << "\n";
    return millrace::vnfctl::kUsage;
  }
}
