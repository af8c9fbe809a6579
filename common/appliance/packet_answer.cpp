// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/packet_answer.h"

#include <boost/json.hpp>
#include <utility>

#include <fmt/format.h>

namespace millrace::appliance {

using boost::json::object;

std::optional<core::Drop> refused_at_egress(const core::Network& network, const core::NextHop& hop) noexcept {
  using Kind = core::NextHop::Kind;
  switch (hop.kind) {
    case Kind::kBlackhole:
      return core::Drop::kBlackhole;
    case Kind::kProhibited:
    case Kind::kUnreachable:
      return core::Drop::kProhibited;
    case Kind::kForward:
    case Kind::kWire:
    case Kind::kService:
      if (!network.port_up[hop.port.value()]) return core::Drop::kPortDown;
      break;
    case Kind::kHost:
    case Kind::kFunction:
    case Kind::kTunnel:
    case Kind::kResolve:
      break;
  }
  return std::nullopt;
}

void PacketAnswer::path(const control::PacketDescription& described, const PacketPath& path,
                        const core::Packet& packet) {
  const std::uint16_t domain = packet.domain.value();
  object ingress{{"interface", network_.interfaces[packet.ingress.value()].name}};
  add_members_of(packet.ingress, ingress);
  ingress["domain"] = domain < network_.domains.size() ? network_.domains[domain].name : "";
  ingress["found_by"] = path.ingress_found_by;
  out_["packet"] = describe(described);
  out_["ingress"] = std::move(ingress);
  out_["route"] = nullptr;
  if (path.hop != nullptr) out_["route"] = way(*path.hop, packet.egress);
  out_["checks"] = describe(path.checks, drop_reasons_);
}

object PacketAnswer::way(const core::NextHop& hop, core::InterfaceId egress) const {
  const bool known = egress.valid() && egress.value() < network_.interfaces.size();
  object out{{"egress", known ? boost::json::value(network_.interfaces[egress.value()].name) : nullptr}};
  add_members_of(egress, out);
  out["next_hop"] = kind_name(hop.kind);
  return out;
}

void PacketAnswer::add_members_of(core::InterfaceId interface, object& out) const {
  if (!members_of_) return;
  for (const auto& member : members_of_(interface)) out[member.key()] = member.value();
}

void PacketAnswer::becomes(std::string_view source, std::string_view destination) {
  out_["becomes"] = object{{"source", source}, {"destination", destination}};
}

void PacketAnswer::verdict(std::string_view action, std::string_view summary) {
  out_["verdict"] = object{{"action", action}};
  out_["summary"] = summary;
}

void PacketAnswer::drop_for(std::uint8_t reason, std::string_view more) {
  const core::DropReason& why = reason_of(reason, drop_reasons_);
  out_["verdict"] = object{{"action", "drop"}, {"reason", why.name}, {"sentence", why.sentence}};
  out_["summary"] = fmt::format("dropped ({}): {}{}", why.name, why.sentence, more);
}

void PacketAnswer::set(std::string_view member, boost::json::value value) { out_[member] = std::move(value); }

}  // namespace millrace::appliance
