// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/association_json.h"

#include <boost/json.hpp>

#include <fmt/format.h>

namespace millrace::vpn {
namespace {

using boost::json::object;

// What is common to both directions.
object common_of(std::string_view direction, std::uint32_t spi, const net::IpAddress& local,
                 const net::IpAddress& remote, Mode mode, crypto::Suite suite, std::uint32_t tunnel) {
  return {{"direction", direction},
          {"spi", spi_text(spi)},
          {"local", local.to_string()},
          {"remote", remote.to_string()},
          {"mode", mode == Mode::kTunnel ? "tunnel" : "transport"},
          {"suite", suite_name(suite)},
          {"tunnel", tunnel}};
}

void add_use(const Use& use, Tick now, object& json) {
  json["packets"] = use.packets.read();
  json["bytes"] = use.bytes.read();
  const auto last = static_cast<Tick>(use.last_tick.read());
  json["idle_s"] = last == 0 ? boost::json::value(nullptr)
                             : boost::json::value(tick_after(last, now) ? 0 : (now - last) / 1000);
}

void add_udp(const std::optional<UdpPorts>& udp, object& json) {
  if (udp) json["udp"] = object{{"local_port", udp->local}, {"remote_port", udp->remote}};
}

std::string text_of(const Ports& ports) {
  return ports.first == ports.last ? fmt::format("{}", ports.first)
                                   : fmt::format("{}-{}", ports.first, ports.last);
}

}  // namespace

std::string suite_name(crypto::Suite suite) {
  std::string text(crypto::name(suite.cipher));
  if (suite.integrity != crypto::Integrity::kNone) text += fmt::format("-{}", crypto::name(suite.integrity));
  return text;
}

std::string spi_text(std::uint32_t spi) { return fmt::format("0x{:08x}", spi); }

std::string_view name_of(Action action) noexcept {
  switch (action) {
    case Action::kProtect:
      return "protect";
    case Action::kBypass:
      return "bypass";
    case Action::kDiscard:
      break;
  }
  return "discard";
}

object to_json(const Inbound& association, Tick now) {
  const InboundState& state = *association.state;
  object json = common_of("in", association.spi, association.local, association.remote, association.mode,
                          state.key->suite(), association.tunnel);
  json["bucket"] = bucket_of(association.spi);
  json["replay_window"] = state.esp.window.size();
  json["extended_sequence_numbers"] = state.esp.window.is_extended();
  add_use(state.use, now, json);
  json["replayed"] = state.faults.replayed.read();
  json["forged"] = state.faults.forged.read();
  json["malformed"] = state.faults.malformed.read();
  json["refused"] = state.faults.refused.read();
  add_udp(association.udp, json);
  return json;
}

object to_json(const Outbound& association, Tick now) {
  const OutboundState& state = *association.state;
  object json = common_of("out", association.key.spi, association.local, association.key.remote,
                          association.mode, state.key->suite(), association.tunnel);
  json["bucket"] = association.bucket;
  json["extended_sequence_numbers"] = state.esp.extended;
  add_use(state.use, now, json);
  add_udp(association.udp, json);
  return json;
}

object to_json(const Selector& selector) {
  object json{{"local", selector.local.to_string()}, {"remote", selector.remote.to_string()}};
  if (selector.protocol != 0) json["protocol"] = selector.protocol;
  if (selector.local_ports != Ports{}) json["local_ports"] = text_of(selector.local_ports);
  if (selector.remote_ports != Ports{}) json["remote_ports"] = text_of(selector.remote_ports);
  return json;
}

object to_json(const PolicySpec& policy) {
  object json = to_json(policy.selector);
  json["action"] = name_of(policy.action);
  json["priority"] = policy.priority;
  if (policy.action != Action::kProtect) return json;
  json["tunnel"] = policy.tunnel;
  json["out"] = policy.outbound ? boost::json::value(spi_text(policy.outbound->spi)) : nullptr;
  return json;
}

}  // namespace millrace::vpn
