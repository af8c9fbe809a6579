// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/commands.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "common/control/vnfctl/json_access.h"

namespace millrace::vnfctl {

Remote Context::remote(std::chrono::milliseconds timeout) const {
  return Remote(find_socket(control), timeout);
}

void print(std::string_view text) {
  std::cout << text << std::flush;
  if (!std::cout) throw Failure(kUnreachable, "cannot write to standard output");
}

void print_json(const boost::json::value& value) { print(pretty(value)); }

ExitCode show_list(const Context& context, const std::string& path, FormatList format) {
  const auto listing = context.remote().get(path);
  if (context.json) {
    print_json(listing);
  } else {
    print(listing.is_array() ? format(listing.get_array(), context.style) : pretty(listing));
  }
  return kDone;
}

void MatchOptions::add_to(CLI::App& command, bool of_sessions) {
  command.add_option("--source", source, "address or prefix at one end")->type_name("PREFIX");
  command.add_option("--destination", destination, "address or prefix at the other end")->type_name("PREFIX");
  command.add_option("--protocol", protocol, "tcp, udp, icmp, icmpv6, sctp, gre, esp or a number")
      ->type_name("NAME");
  command.add_option("--port", port, "port at either end")->check(CLI::Range(0, 65535))->type_name("PORT");
  command.add_option("--interface", interface, "logical interface of arrival")->type_name("NAME");
  command.add_option("--vlan", vlan, "VLAN id, the inner one of two tags; 0: untagged")
      ->check(CLI::Range(0, 4095))
      ->type_name("ID");
  command.add_option("--outer-vlan", outer_vlan, "VLAN id of the outer of two tags; 0: at most one tag")
      ->check(CLI::Range(0, 4095))
      ->type_name("ID");
  if (of_sessions) command.add_option("--rule", rule, "rule that accepted the session")->type_name("NAME");
}

Query MatchOptions::query() const {
  return {{"source", source},         {"destination", destination},
          {"protocol", protocol},     {"port", port},
          {"interface", interface},   {"vlan", vlan},
          {"outer_vlan", outer_vlan}, {"rule", rule}};
}

boost::json::object MatchOptions::json() const {
  boost::json::object match;
  for (const auto& [name, value] : query()) {
    if (value.empty()) continue;
    if (name == "port" || name == "vlan" || name == "outer_vlan") {
      match[name] = std::stoul(value);
    } else {
      match[name] = value;
    }
  }
  return match;
}

}  // namespace millrace::vnfctl
