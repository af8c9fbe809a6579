// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/overlay_schema.h"

#include <map>
#include <tuple>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using Table = std::shared_ptr<Struct<Overlay>>;

void add_ends(Struct<Overlay>& table) {
  table.field("local", &Overlay::local, ip_address(),
              "The appliance's own end: an address of another interface on this port.", kRequired);
  table.field("remote", &Overlay::remote, ip_address(), "The far end. Packets from others are dropped.",
              absent_means("those in `peers`"));
}

void add_several_ends(Struct<Overlay>& table) {
  table.field(
      "peers", &Overlay::peers, ip_address(),
      "Several far ends, in place of `remote`. Which of them has a neighbour is learned from what comes; "
      "broadcasts, and frames for neighbours not learned yet, go to each.");
  table.field("learn", &Overlay::learn, boolean(),
              "Take packets from far ends that are not listed as well, and answer to where they came from.");
}

void add_rest(Struct<Overlay>& table) {
  table.field("dscp", &Overlay::dscp, dscp(), "DSCP of the outer header.",
              absent_means("that of the packet inside"));
  table.field("ttl", &Overlay::ttl, integer<std::uint8_t>(1, 255), "TTL or hop limit of the outer header.");
}

void add_udp(Struct<Overlay>& table, std::uint16_t port) {
  table.field("udp_port", &Overlay::udp_port, integer<std::uint16_t>(1, 65535),
              "UDP port that packets are sent to, and taken at.", absent_means(std::to_string(port)));
  table.field(
      "zero_checksum", &Overlay::zero_checksum, boolean(),
      "Over IPv6: send UDP without a checksum, and take such packets (RFC 6935). Over IPv4 none is sent, and "
      "both are taken.");
}

void add_vni(Struct<Overlay>& table) {
  table.field("vni", &Overlay::vni, integer<std::uint32_t>(0, net::kMostVni),
              "Network number (VNI), 24 bits.", kRequired);
}

void add_payload(Struct<Overlay>& table, const std::string& otherwise) {
  table.field(
      "payload", &Overlay::payload,
      choice<Overlay::Payload>({{"ethernet", Overlay::Payload::kEthernet, "frames: far ends share a link"},
                                {"ip", Overlay::Payload::kIp, "IPv4 and IPv6 packets, to one far end"}}),
      "What is inside.", absent_means(otherwise));
}

Table numbered(const std::string& name, const std::string& doc, std::uint16_t port, bool any_payload) {
  auto table = std::make_shared<Struct<Overlay>>(name, doc);
  add_vni(*table);
  add_ends(*table);
  add_several_ends(*table);
  if (any_payload) add_payload(*table, "ethernet");
  add_rest(*table);
  add_udp(*table, port);
  return table;
}

Table gre() {
  auto table = std::make_shared<Struct<Overlay>>("gre", "A GRE tunnel (RFC 2784).");
  table->field("key", &Overlay::key, integer<std::uint32_t>(0, 0xffffffffU), "Its key (RFC 2890).",
               absent_means("none"));
  add_ends(*table);
  add_payload(*table, "ip");
  add_rest(*table);
  return table;
}

bool same_family(const net::IpAddress& a, const net::IpAddress& b) { return a.family() == b.family(); }

// The interface on the same port that has the address.
const Interface* under(const Profile& profile, const Interface& interface, const net::IpAddress& local) {
  for (const Interface& one : profile.interfaces) {
    if (one.overlay() || *one.port != *interface.port) continue;
    for (const auto& own : one.address) {
      if (own->address == local) return &one;
    }
  }
  return nullptr;
}

void check_far_ends(const Interface::OverlayOf& overlay, Diagnostics& diagnostics) {
  const auto far_ends = overlay->far_ends();
  if (overlay->remote.value && !overlay->peers.empty())
    diagnostics.error(overlay->peers.front().at, "peers beside remote; give one of the two");
  if (far_ends.empty() && !*overlay->learn) {
    diagnostics.error(overlay->local.at, "an overlay without a far end; give remote, or peers");
  } else if (!overlay.ethernet() && (far_ends.size() != 1 || *overlay->learn)) {
    diagnostics.error(overlay->local.at,
                      "payload ip goes to one far end; give remote alone, or use payload: ethernet");
  }
  for (std::size_t i = 0; i < far_ends.size(); ++i) {
    const auto& [address, at] = far_ends[i];
    if (!same_family(address, *overlay->local)) {
      diagnostics.error(
          at, fmt::format("far end {} is not of the family of local {}; give both of the same family",
                          address.to_string(), overlay->local->to_string()));
    }
    if (address == *overlay->local)
      diagnostics.error(
          at, fmt::format("far end {} is the local end; give that of the other side", address.to_string()));
    for (std::size_t before = 0; before < i; ++before) {
      if (*far_ends[before] == address)
        diagnostics.error(at,
                          fmt::format("far end {} is given twice; remove one of them", address.to_string()));
    }
  }
}

std::string number_of(const Interface::OverlayOf& overlay) {
  return fmt::format("{} {}", overlay.type == net::OverlayType::kGre ? "key" : "VNI", overlay.id());
}

}  // namespace

void check_overlay(const Profile& profile, const Interface& interface, Diagnostics& diagnostics) {
  const auto overlay = *interface.overlay();
  int given = 0;
  for (const auto* one : {&interface.vxlan, &interface.vxlan_gpe, &interface.geneve, &interface.gre}) {
    if (*one && ++given == 2)
      diagnostics.error((**one).local.at, "an interface is one overlay; remove this, or that before");
  }
  if (profile.transparent()) {
    diagnostics.error(
        overlay->local.at,
        "an overlay in transparent forwarding, where an interface has the frames of its port as "
        "they are; remove it, or use forwarding: routed");
    return;
  }
  for (const auto* tag : {&interface.vlan, &interface.outer_vlan}) {
    if (tag->at.known())
      diagnostics.error(tag->at,
                        "a vlan of an overlay; put it on the interface that has the overlay's local address");
  }
  if (!overlay->local.at.known()) return;
  check_far_ends(overlay, diagnostics);
  const Interface* below = under(profile, interface, *overlay->local);
  if (below == nullptr) {
    diagnostics.error(overlay->local.at,
                      fmt::format("local {} is no address of another interface on port {}; give one of those",
                                  overlay->local->to_string(), quote(*interface.port)));
    return;
  }
  const unsigned room = profile.mtu_of(*below) - unsigned{overlay_overhead(overlay)};
  if (profile.mtu_of(interface) > room) {
    diagnostics.error(
        interface.mtu.at.known() ? interface.mtu.at : overlay->local.at,
        fmt::format("mtu {} does not fit into the {} of interface {} with the overlay's headers; give "
                    "at most {}, or raise that",
                    profile.mtu_of(interface), profile.mtu_of(*below), quote(*below->name), room));
  }
}

void check_overlays_apart(const Profile& profile, Diagnostics& diagnostics) {
  std::map<std::tuple<std::string, net::OverlayType, std::uint32_t, net::IpAddress, net::IpAddress>,
           const Interface*>
      known;
  std::map<std::tuple<std::string, net::IpAddress, std::uint16_t>, net::OverlayType> ports;
  for (const Interface& interface : profile.interfaces) {
    const auto overlay = interface.overlay();
    if (!overlay || !(*overlay)->local.at.known()) continue;
    const Interface* below = under(profile, interface, *(*overlay)->local);
    if (below == nullptr) continue;
    std::vector<net::IpAddress> far_ends;
    for (const auto& one : (*overlay)->far_ends()) far_ends.push_back(*one);
    if (*(*overlay)->learn) far_ends.emplace_back();
    for (const net::IpAddress& far_end : far_ends) {
      const auto [first, added] = known.emplace(
          std::tuple(*below->domain, overlay->type, overlay->id(), *(*overlay)->local, far_end), &interface);
      if (!added && first->second != &interface) {
        diagnostics.error(
            (*overlay)->local.at,
            fmt::format("interface {} already has the packets of {} from this far end; give another "
                        "number or far end",
                        quote(*first->second->name), number_of(*overlay)));
        break;
      }
    }
    if (overlay->type == net::OverlayType::kGre) continue;
    const auto [first, added] =
        ports.emplace(std::tuple(*below->domain, *(*overlay)->local, overlay->udp_port()), overlay->type);
    if (!added && first->second != overlay->type) {
      diagnostics.error(
          (*overlay)->local.at,
          fmt::format("UDP port {} of {} has an overlay of another kind already; give another udp_port",
                      overlay->udp_port(), (*overlay)->local->to_string()));
    }
  }
}

void add_overlays(Struct<Interface>& table) {
  const auto add = [&](const char* key, auto member, const Table& overlay, const char* doc) {
    table.field(key, member, std::shared_ptr<const Struct<Overlay>>(overlay), doc, absent_means("none"));
  };
  add("vxlan", &Interface::vxlan, numbered("vxlan", "A VXLAN (RFC 7348).", net::kVxlanPort, false),
      "The interface is a VXLAN over this port (RFC 7348): its frames travel in UDP between addresses of the "
      "underlay.");
  add("vxlan_gpe", &Interface::vxlan_gpe,
      numbered("vxlan_gpe", "A VXLAN with the generic protocol extension.", net::kVxlanGpePort, true),
      "The same with the generic protocol extension (draft-ietf-nvo3-vxlan-gpe), which can carry IP without "
      "Ethernet.");
  add("geneve", &Interface::geneve,
      numbered("geneve", "A GENEVE network (RFC 8926).", net::kGenevePort, true),
      "The interface is a GENEVE network over this port (RFC 8926).");
  add("gre", &Interface::gre, gre(), "The interface is a GRE tunnel over this port (RFC 2784).");
}

}  // namespace millrace::control
