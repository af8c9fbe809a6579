// SPDX-License-Identifier: BSD-3-Clause
// vnfctl: the operator's command line, on the appliance's control socket.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "common/control/vnfctl/commands.h"

namespace millrace::vnfctl {
namespace {

int run(int argc, char** argv) {
  CLI::App app("Asks and steers a running appliance.", "vnfctl");
  app.fallthrough();  // --json and --control may follow the command
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 refused by the appliance, 2 wrong usage, 3 no answer from an appliance.");
  Context context;
  app.add_option("--control", context.control,
                 "the appliance's socket; else $MILLRACE_CONTROL, else the only one in /run/millrace")
      ->type_name("SOCKET");
  app.add_flag("--json", context.json, "the answer as JSON");
  add_state_commands(app, context);
  add_counter_commands(app, context);
  add_session_commands(app, context);
  add_profile_commands(app, context);
  add_inspect_commands(app, context);
  add_watch_command(app, context);
  add_completion_command(app, context);
  try {
    app.parse(argc, argv);
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
