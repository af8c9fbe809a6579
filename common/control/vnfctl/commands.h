// SPDX-License-Identifier: BSD-3-Clause
// The commands by group. Each adds itself to the parser; the one chosen puts what it does into `run`, which
// main calls after the whole command line has been read.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/control/vnfctl/failure.h"
#include "common/control/vnfctl/remote.h"
#include "common/control/vnfctl/style.h"

namespace CLI {  // NOLINT(readability-identifier-naming): a library's
class App;
}

namespace millrace::vnfctl {

struct Context {
  std::string control;  // --control
  bool json = false;
  Style style;
  std::function<ExitCode()> run;

  [[nodiscard]] Remote remote(std::chrono::milliseconds timeout = std::chrono::seconds(30)) const;
};

void add_state_commands(CLI::App& app, Context& context);    // health, workers, drain
void add_counter_commands(CLI::App& app, Context& context);  // metrics, rules, drops, stages
void add_qos_command(CLI::App& app, Context& context);       // qos
void add_session_commands(CLI::App& app, Context& context);
void add_profile_commands(CLI::App& app, Context& context);
void add_inspect_commands(CLI::App& app, Context& context);  // explain, trace, capture
void add_alert_commands(CLI::App& app, Context& context);    // alerts, inspections, threat-lists, anomalies
void add_nat_commands(CLI::App& app, Context& context);      // nat: lookup, pools, subscribers
void add_vpn_commands(CLI::App& app, Context& context);      // vpn: tunnels, alarms, associations, policies
void add_service_commands(CLI::App& app, Context& context);  // services; backend: set, remove
void add_watch_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);

// To standard output, where a failure to write (a full disk, a closed pipe) is a Failure.
void print(std::string_view text);
void print_json(const boost::json::value& value);

// GET `path`, whose answer is a list: as a table, or as it is with --json.
using FormatList = std::string (*)(const boost::json::array&, const Style&);
ExitCode show_list(const Context& context, const std::string& path, FormatList format);

// The options --source, --destination, --protocol, --port, --interface, which choose packets.
struct MatchOptions {
  std::string source;
  std::string destination;
  std::string protocol;
  std::string port;
  std::string interface;
  std::string vlan;
  std::string outer_vlan;
  std::string rule;  // sessions only

  void add_to(CLI::App& command, bool of_sessions);
  [[nodiscard]] Query query() const;
  [[nodiscard]] boost::json::object json() const;
};

}  // namespace millrace::vnfctl
