// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/forwarding_schema.h"

#include <map>
#include <tuple>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "common/control/profile/types.h"
#include "common/net/service_header.h"

namespace millrace::control {
namespace {

// Linux device names are at most 15 characters, IFNAMSIZ less the terminating zero.
constexpr std::size_t kLongestDeviceName = 15;

using Names = std::vector<Located<std::string>>;

struct Wires {
  std::vector<Names> pairs;
  OtherFrames other;
};
struct Chains {
  std::vector<Names> pairs;
};
struct Given {
  std::optional<Wires> transparent;
  std::optional<Chains> nsh;
};

std::shared_ptr<const Struct<Given>> given() {
  auto wires = std::make_shared<Struct<Wires>>("transparent", "Ports wired together.");
  wires->field(
      "pairs", &Wires::pairs, list_not_empty<Names>(list_not_empty<Located<std::string>>(port_name())),
      "Pairs of ports; a packet leaves by the other port of its pair: [[inside, outside]].", kRequired);
  wires->field(
      "other", &Wires::other, other_frames(),
      "Frames that carry neither ARP nor IP: link layer protocols such as LLDP or spanning tree. What "
      "passes is not looked into: no rule is asked, also not of packets inside it (PPPoE, MPLS).");
  auto chains = std::make_shared<Struct<Chains>>("nsh", "Service paths.");
  chains->field(
      "pairs", &Chains::pairs, list_not_empty<Names>(list_not_empty<Located<std::string>>(interface_name())),
      "Pairs of interfaces that are the two directions of a chain: what comes in by one goes out to the "
      "other's side, as rules see it, and answers of our own go by the other. An interface alone is a chain "
      "of one direction: [[users, net], [mirror]].",
      kRequired);
  auto table = std::make_shared<Struct<Given>>("forwarding", "A link of a chain.");
  table->field(
      "transparent", &Given::transparent, std::shared_ptr<const Struct<Wires>>(wires),
      "Bump in the wire: packets pass between the two ports of a pair with their MAC addresses and VLAN tags "
      "untouched. Each port has one interface, without `vlan`, `address` and `domain`.",
      absent_means("packets are routed"));
  table->field(
      "nsh", &Given::nsh, std::shared_ptr<const Struct<Chains>>(chains),
      "Service function (RFC 8300): packets that a service function forwarder sends behind a header go back "
      "to it by the port they came by, with the service index, or the label, one less. Interfaces without "
      "`nsh` and `mpls` are routed.",
      absent_means("no interface is a service path"));
  return table;
}

bool take_wires(Wires&& from, Forwarding& out, const Node& node, Reader& reader) {
  out.mode = ForwardingMode::kTransparent;
  bool good = true;
  out.other = std::move(from.other);
  for (Names& ports : from.pairs) {
    if (ports.size() != 2) {
      const Position at = ports.empty() ? node.at : ports.front().at;
      good = reader.error(at, fmt::format("a pair with {} {}; give two ports: [inside, outside]",
                                          ports.size(), ports.size() == 1 ? "port" : "ports"));
      continue;
    }
    out.pairs.push_back({std::move(ports[0]), std::move(ports[1])});
  }
  return good;
}

bool take_chains(Chains&& from, Forwarding& out, const Node& node, Reader& reader) {
  bool good = true;
  for (Names& names : from.pairs) {
    if (names.empty() || names.size() > 2) {
      good = reader.error(names.empty() ? node.at : names.front().at,
                          "a chain has one interface, or two: [users, net]");
      continue;
    }
    out.chains.push_back({names.front(), names.back()});
  }
  return good;
}

}  // namespace

TypePtr<std::string> interface_name() { return name("an interface name", kLongestDeviceName); }
TypePtr<std::string> port_name() { return name("a port name", 31); }

TypePtr<Forwarding> forwarding() {
  OneOfType<Forwarding>::Ways ways;
  ways.word = std::make_shared<MappedType<Forwarding, ForwardingMode>>(
      choice<ForwardingMode>(
          {{"routed", ForwardingMode::kRouted, "a hop with addresses: packets are routed between interfaces"},
           {"transparent", ForwardingMode::kTransparent, "",
            Fault{"does not say between which ports", "transparent: {pairs: [[PORT, PORT]]}"}},
           {"nsh", ForwardingMode::kRouted, "",
            Fault{"does not say which paths belong together", "nsh: {pairs: [[INTERFACE, INTERFACE]]}"}}}),
      [](ForwardingMode&& mode, Forwarding& out, const Node&, Reader&) {
        out.mode = mode;
        return true;
      },
      nullptr);
  ways.map = std::make_shared<MappedType<Forwarding, Given>>(
      given(),
      [](Given&& from, Forwarding& out, const Node& node, Reader& reader) {
        if (from.transparent.has_value() == from.nsh.has_value())
          return reader.error(node.at, "forwarding as a map is transparent, or nsh; give one of the two");
        return from.transparent ? take_wires(std::move(*from.transparent), out, node, reader)
                                : take_chains(std::move(*from.nsh), out, node, reader);
      },
      nullptr);
  return std::make_shared<OneOfType<Forwarding>>(std::move(ways), [](const Forwarding& value) {
    return value.mode == ForwardingMode::kRouted && value.chains.empty() ? std::string("routed")
                                                                         : std::string();
  });
}

void add_services(Struct<Interface>& table) {
  auto nsh = std::make_shared<Struct<ServicePath>>("nsh", "A path of NSH (RFC 8300).");
  nsh->field("path", &ServicePath::path, integer<std::uint32_t>(0, net::kMostPath),
             "Service path identifier (SPI), 24 bits.", kRequired);
  nsh->field("index", &ServicePath::index, integer<std::uint8_t>(1, 255),
             "Service index (SI) that packets come with here.", absent_means("any"));
  nsh->field("own_index", &ServicePath::own_index, integer<std::uint8_t>(0, 255),
             "Service index of what the appliance says itself on this path: a reset, an ICMP error.",
             absent_means("one less than `index`, or 254"));
  table.field("nsh", &Interface::nsh, std::shared_ptr<const Struct<ServicePath>>(nsh),
              "The interface is a path of NSH over Ethernet at this port; see `forwarding.nsh`.",
              absent_means("none"));
  auto mpls = std::make_shared<Struct<ServicePath>>("mpls", "A path that a label of MPLS names.");
  mpls->field(
      "label", &ServicePath::path, integer<std::uint32_t>(net::kLeastLabel + 1, net::kMostLabel),
      "The label that packets come with; they go back with the label one less, as OpenStack's networking-sfc "
      "has it.",
      kRequired);
  table.field("mpls", &Interface::mpls, std::shared_ptr<const Struct<ServicePath>>(mpls),
              "The interface is a path that an MPLS label names at this port; see `forwarding.nsh`.",
              absent_means("none"));
}

void check_services(const Profile& profile, Diagnostics& diagnostics) {
  using Path = std::tuple<std::string, bool, std::uint32_t, std::optional<std::uint8_t>>;
  std::map<Path, const Interface*> known;
  for (const Interface& interface : profile.interfaces) {
    const ServicePath* service = interface.service();
    if (service == nullptr || !service->path.at.known()) continue;
    const Position at = service->path.at;
    if (interface.nsh && interface.mpls) diagnostics.error(at, "an interface is one path; give nsh, or mpls");
    if (interface.overlay())
      diagnostics.error(at, "a path inside an overlay, which is not possible here; put it on the port");
    if (interface.vlan.at.known())
      diagnostics.error(interface.vlan.at, "a vlan of a path; its frames have no tag");
    if (!interface.address.empty())
      diagnostics.error(interface.address.front().at,
                        "an address of a path, which has none; put it on another interface of the port");
    const auto [first, added] = known.emplace(
        Path(*interface.port, interface.mpls.has_value(), *service->path, *service->index), &interface);
    if (!added)
      diagnostics.error(
          at, fmt::format("interface {} already has the packets of this path; give another path, or "
                          "another index",
                          quote(*first->second->name)));
  }
  std::map<std::string_view, Position> used;
  std::vector<std::string> paths;
  for (const Interface& interface : profile.interfaces) {
    if (interface.service() != nullptr) paths.push_back(*interface.name);
  }
  const auto use = [&](const Located<std::string>& name) {
    const Interface* interface = profile.interface(*name);
    if (interface == nullptr || interface->service() == nullptr)
      return diagnostics.error(name.at, undefined("service path", *name, paths));
    const auto [earlier, added] = used.emplace(*interface->name, name.at);
    if (added) return;
    diagnostics.error(name.at,
                      fmt::format("interface {} is in a chain already, in line {}; it is in one, once",
                                  quote(*name), earlier->second.line));
  };
  for (const Pair& pair : profile.forwarding->chains) {
    use(pair.first);
    if (pair.second.at == pair.first.at) continue;  // one direction alone
    use(pair.second);
    const Interface* one = profile.interface(*pair.first);
    const Interface* other = profile.interface(*pair.second);
    if (one != nullptr && other != nullptr && *one->domain != *other->domain)
      diagnostics.error(pair.second.at, "the directions of a chain in different domains; give both the same");
  }
  for (const Interface& interface : profile.interfaces) {
    if (interface.service() != nullptr && interface.name.at.known() && !used.contains(*interface.name) &&
        interface.service()->path.at.known())
      diagnostics.error(
          interface.name.at,
          fmt::format("service path {} is in no chain; add it to forwarding: {{nsh: {{pairs: ...}}}}",
                      quote(*interface.name)));
  }
}

}  // namespace millrace::control
