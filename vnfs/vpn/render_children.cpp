// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/render_children.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <optional>

#include <fmt/format.h>

namespace millrace::vpn {
namespace {

using boost::json::array;
using boost::json::object;
using profile::Connection;

control::Milliseconds life_of(const profile::Renewal& renewal) {
  return renewal.keys + time_to_renew(renewal.keys);
}

// "10.1.0.0/16[6/80]": strongSwan's notation of a traffic selector.
std::string selector(const std::optional<net::Prefix>& network, std::optional<std::uint8_t> protocol,
                     const std::optional<profile::PortRange>& ports) {
  std::string text = network ? network->to_string() : "dynamic";
  if (protocol && ports) {
    text += fmt::format("[{}/{}]", *protocol, control::print_ports(*ports));
  } else if (protocol) {
    text += fmt::format("[{}]", *protocol);
  }
  return text;
}

object child_of(const Connection& connection, const profile::Protected& networks) {
  const profile::Renewal& renewal = connection.renewal;
  object child;
  child["esp_proposals"] = texts(connection.esp_proposals);
  child["local_ts"] = array{selector(networks.local, networks.protocol, networks.local_ports)};
  child["remote_ts"] = array{selector(networks.remote, networks.protocol, networks.remote_ports)};
  if (connection.interface != 0) {
    child["if_id_in"] = fmt::format("{}", connection.interface);
    child["if_id_out"] = fmt::format("{}", connection.interface);
    if (connection.networks.empty()) {
      child["local_ts"] = array{"0.0.0.0/0", "::/0"};
      child["remote_ts"] = array{"0.0.0.0/0", "::/0"};
    }
  }
  child["mode"] = connection.mode == Mode::kTunnel ? "tunnel" : "transport";
  child["replay_window"] = fmt::format("{}", *connection.replay_window);
  child["rekey_time"] = seconds(renewal.keys);
  child["rand_time"] = seconds(renewal.keys / 10);
  if (renewal.bytes) child["rekey_bytes"] = fmt::format("{}", *renewal.bytes);
  if (renewal.packets) child["rekey_packets"] = fmt::format("{}", *renewal.packets);
  switch (connection.start) {
    case profile::Start::kPeer:
      child["start_action"] = "none";
      break;
    case profile::Start::kTraffic:
      child["start_action"] = "trap";
      child["dpd_action"] = "trap";
      child["close_action"] = "trap";
      break;
    case profile::Start::kAlways:
      child["start_action"] = "trap|start";
      child["dpd_action"] = "restart";
      child["close_action"] = "start";
      break;
  }
  return child;
}

// Those that share a tunnel's packets are children with the same selectors and one number, which says that
// they do. strongSwan makes no second one that is configured like the first, so that they live for different
// times. Only the first one's policy is there without an association.
void add_children(const Connection& connection, const profile::Protected& networks, const std::string& name,
                  object& children) {
  const std::uint32_t tunnel =
      kFirstSharedTunnel + control::tunnel_number(name) % (kFirstProfileTunnel - kFirstSharedTunnel);
  for (unsigned number = 1; number <= *connection.parallel; ++number) {
    object child = child_of(connection, networks);
    if (*connection.parallel > 1) child["reqid"] = fmt::format("{}", tunnel);
    child["life_time"] = seconds(life_of(connection.renewal) + std::chrono::seconds(number - 1));
    if (number > 1 && connection.start == profile::Start::kAlways) child["start_action"] = "start";
    children[number == 1 ? name : fmt::format("{}.{}", name, number)] = std::move(child);
  }
}

}  // namespace

std::string seconds(control::Milliseconds time) {
  return fmt::format("{}s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

control::Milliseconds time_to_renew(control::Milliseconds age) {
  return std::max<control::Milliseconds>(age / 10, std::chrono::minutes(1));
}

object children_of(const Connection& connection) {
  object children;
  if (connection.networks.empty()) {
    add_children(connection, {}, *connection.name, children);
  } else if (connection.networks.size() == 1) {
    add_children(connection, connection.networks.front(), *connection.name, children);
  } else {
    unsigned number = 0;
    for (const auto& networks : connection.networks)
      add_children(connection, networks, fmt::format("{}-{}", *connection.name, ++number), children);
  }
  return children;
}

}  // namespace millrace::vpn
