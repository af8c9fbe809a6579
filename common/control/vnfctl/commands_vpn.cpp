// SPDX-License-Identifier: BSD-3-Clause
// vpn: tunnels, alarms, associations, policies
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

std::string traffic(const boost::json::value& of, std::string_view direction) {
  const auto* found = find(of, direction);
  if (found == nullptr) return "-";
  return fmt::format("{} ({})", human_bytes(number_at(*found, "bytes")),
                     human_count(number_at(*found, "packets")));
}

std::string age_at(const boost::json::value& of, std::string_view path) {
  const auto* found = find(of, path);
  return found == nullptr || found->is_null() ? "-" : human_duration(number_at(of, path));
}

// With the interface of its own to which routes lead, if there is one.
std::string name_of(const boost::json::value& tunnel) {
  std::string name = text_at(tunnel, "name");
  if (name.empty()) return "(nobody's)";
  if (find(tunnel, "interface") == nullptr) return name;
  return fmt::format("{} ({})", name, text_at(tunnel, "interface"));
}

void add_peer(const boost::json::value& tunnel, const boost::json::value& peer, TextTable& table) {
  const auto& pairs = array_at(peer, "pairs");
  for (const auto& pair : pairs) {
    table.add({pairs.size() > 1 ? text_at(pair, "name") : name_of(tunnel),
               {"up", Tone::kGood},
               text_at(peer, "identity"),
               text_at(peer, "remote"),
               text_at(pair, "suite"),
               traffic(pair, "in"),
               traffic(pair, "out"),
               age_at(pair, "idle_s"),
               age_at(peer, "since_s"),
               text_at(tunnel, "renewals")});
  }
}

std::string format_tunnels(const boost::json::array& tunnels, const Style& style) {
  TextTable table({{"TUNNEL"},
                   {"STATE"},
                   {"PEER"},
                   {"AT"},
                   {"SEALED BY"},
                   {"IN", kRight},
                   {"OUT", kRight},
                   {"IDLE", kRight},
                   {"SINCE", kRight},
                   {"RENEWED", kRight}});
  std::string troubles;
  for (const auto& tunnel : tunnels) {
    bool carries = false;
    for (const auto& peer : array_at(tunnel, "peers")) {
      carries = carries || !array_at(peer, "pairs").empty();
      add_peer(tunnel, peer, table);
    }
    if (!carries)
      table.add({name_of(tunnel),
                 {"down", Tone::kBad},
                 "-",
                 "-",
                 "-",
                 "-",
                 "-",
                 "-",
                 "-",
                 text_at(tunnel, "renewals")});
    if (find(tunnel, "trouble") != nullptr)
      troubles += fmt::format("{}, {} ago: {}\n", name_of(tunnel), age_at(tunnel, "trouble_age_s"),
                              text_at(tunnel, "trouble"));
  }
  if (table.empty()) return "the profile has no tunnel, and nobody agreed on one\n";
  return table.render(style) + (troubles.empty() ? "" : "\nLast trouble\n" + troubles);
}

std::string format_associations(const boost::json::array& associations, const Style& style) {
  TextTable table({{"DIRECTION"},
                   {"NUMBER"},
                   {"LOCAL"},
                   {"REMOTE"},
                   {"MODE"},
                   {"SEALED BY"},
                   {"PACKETS", kRight},
                   {"BYTES", kRight},
                   {"IDLE", kRight},
                   {"REPLAYED", kRight},
                   {"FORGED", kRight}});
  for (const auto& one : associations) {
    table.add({text_at(one, "direction"), text_at(one, "spi"), text_at(one, "local"), text_at(one, "remote"),
               text_at(one, "mode"), text_at(one, "suite"), human_count(number_at(one, "packets")),
               human_bytes(number_at(one, "bytes")), age_at(one, "idle_s"), text_at(one, "replayed"),
               text_at(one, "forged")});
  }
  return table.empty() ? "there is no association\n" : table.render(style);
}

std::string format_policies(const boost::json::array& policies, const Style& style) {
  TextTable table({{"PRIORITY", kRight}, {"LOCAL"}, {"REMOTE"}, {"PROTOCOL"}, {"ACTION"}, {"LEAVES BY"}});
  for (const auto& one : policies) {
    const auto* out = find(one, "out");
    const bool asks = out != nullptr && out->is_null();
    table.add({text_at(one, "priority"), text_at(one, "local"), text_at(one, "remote"),
               text_at(one, "protocol"), text_at(one, "action"),
               asks ? "asks for one" : text_at(one, "out")});
  }
  return table.empty() ? "there is no policy: every packet passes as it is\n" : table.render(style);
}

std::string format_alarms(const boost::json::array& alarms, const Style& style) {
  TextTable table({{"ALARM"}, {"TUNNEL"}, {"SINCE", kRight}, {"WHAT"}});
  for (const auto& one : alarms)
    table.add({{text_at(one, "alarm"), Tone::kBad},
               text_at(one, "tunnel"),
               age_at(one, "since_s"),
               text_at(one, "text")});
  return table.empty() ? "no alarm is raised\n" : table.render(style);
}

}  // namespace

void add_vpn_commands(CLI::App& app, Context& context) {
  CLI::App* vpn = app.add_subcommand("vpn", "of a VPN gateway: its tunnels, and what went wrong with them");
  vpn->require_subcommand(0, 1);
  const auto listing = [&context](const std::string& what, FormatList format) {
    return [&context, what, format] {
      context.run = [&context, what, format] { return show_list(context, "/v1/vpn/" + what, format); };
    };
  };
  vpn->add_subcommand("tunnels", "each tunnel: its peers, how they are sealed, traffic and last trouble")
      ->callback(listing("tunnels", format_tunnels));
  vpn->add_subcommand("alarms", "what wants to be looked at")->callback(listing("alarms", format_alarms));
  vpn->add_subcommand("associations", "each direction of a tunnel, by its number")
      ->callback(listing("associations", format_associations));
  vpn->add_subcommand("policies", "which packets go by which association")
      ->callback(listing("policies", format_policies));
  vpn->callback([vpn, show_tunnels = listing("tunnels", format_tunnels)] {
    if (vpn->get_subcommands().empty()) show_tunnels();
  });
}

}  // namespace millrace::vnfctl
