// SPDX-License-Identifier: BSD-3-Clause
// The table of the `nat:` section: keys, bounds and the sentences of docs/profile.nat.md.
#include <fmt/format.h>

#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/nat/profile.h"
#include "vnfs/nat/profile_check.h"
#include "vnfs/nat/profile_types.h"

namespace millrace::nat::profile {
namespace {

using namespace std::chrono_literals;
using control::absent_means;
using control::boolean;
using control::choice;
using control::count;
using control::duration;
using control::integer;
using control::kRequired;
using control::list_not_empty;
using control::MappedType;
using control::MapType;
using control::name;
using control::Node;
using control::prefix;
using control::Reader;
using control::Struct;
using control::TypePtr;

template <class S>
using Table = std::shared_ptr<const Struct<S>>;

constexpr std::uint32_t kMostPorts = 65535;
constexpr std::uint32_t kMostSessions = 64'000'000;
constexpr std::uint64_t kLeastSubscribers = 64;
constexpr std::uint64_t kMostSubscribers = 4'000'000;

TypePtr<std::vector<Located<std::string>>> interfaces() {
  return list_not_empty<Located<std::string>>(name("an interface name", 15));
}

TypePtr<std::string> pool_name() { return name("a pool's name", 31); }
TypePtr<std::string> domain_name() { return name("a routing domain's name", 31); }

// What a word of RFC 4787 means for mappings and for filtering is said by the key.
TypePtr<Dependence> dependence() {
  return choice<Dependence>({{"endpoint_independent", Dependence::kEndpointIndependent, ""},
                             {"address_dependent", Dependence::kAddressDependent, ""},
                             {"address_and_port_dependent", Dependence::kAddressAndPortDependent, ""}});
}

Table<Pool> pool() {
  auto table = std::make_shared<Struct<Pool>>("pool", "Outside addresses and ports that subscribers share.");
  const auto unlimited = absent_means("no limit");
  table->field("addresses", &Pool::addresses, list_not_empty<Located<AddressRange>>(address_range()),
               fmt::format("Outside addresses. Each is in one pool of its domain; all pools together have at "
                           "most {}. The gateway's own address may be among them.",
                           kMostPoolAddresses),
               kRequired);
  table->field("exclude", &Pool::exclude, address_range(), "Addresses among them that are left alone.");
  table->field("ports", &Pool::ports, outside_ports(), "Ports of each address that are shared out.");
  table->field(
      "block", &Pool::block, block_size(),
      "Ports a subscriber gets at once and alone, so that one record tells whose they are (RFC 6888 REQ-14).",
      absent_means("ports are shared one by one"));
  table->field("blocks_per_subscriber", &Pool::blocks_per_subscriber, integer<std::uint32_t>(1, 8),
               "Most blocks a subscriber has at a time; of a pool with `block`.");
  table->field("ports_per_subscriber", &Pool::ports_per_subscriber, integer<std::uint32_t>(1, kMostPorts),
               "Most ports of each protocol a subscriber has at a time (RFC 6888 REQ-4).", unlimited);
  table->field("sessions_per_subscriber", &Pool::sessions_per_subscriber,
               integer<std::uint32_t>(1, kMostSessions),
               "Most sessions a subscriber has open at a time (RFC 6888 REQ-5).", unlimited);
  table->field(
      "pairing", &Pool::pairing,
      choice<Pairing>({{"paired", Pairing::kPaired, "they have the same outside address (RFC 4787 REQ-2)"},
                       {"arbitrary", Pairing::kArbitrary, "each may have another"}}),
      "How a subscriber's mappings belong together.");
  table->field(
      "quarantine", &Pool::quarantine, duration(0s, 1h),
      "How long a port that is given back waits before another subscriber gets it (RFC 6888 REQ-8).");
  table->field("domain", &Pool::domain, domain_name(), "Routing domain of the outside interfaces it is for.",
               absent_means("`default`"));
  return table;
}

Table<Rule> rule() {
  auto table = std::make_shared<Struct<Rule>>(
      "rule",
      "Rules are tried in their order for packets from inside, and the first whose criteria all hold "
      "decides. It decides once per session.");
  const auto prefixes = list_not_empty<Located<net::Prefix>>(prefix(net::Family::kIpv4));
  const auto any = absent_means("any");
  table->position(&Rule::at);
  table->field("source", &Rule::source, prefixes, "Source addresses.", any);
  table->field("destination", &Rule::destination, prefixes, "Destination addresses.", any);
  table->field("interface", &Rule::interface, interfaces(), "Inside interfaces it arrives on.", any);
  table->field("pool", &Rule::pool, pool_name(), "Pool the packet gets its outside address and port from.",
               absent_means("give `bypass`"));
  table->field("bypass", &Rule::bypass, boolean(),
               "Whether packets pass as they are, both ways (RFC 6888 REQ-6); in place of `pool`.");
  table->field("mapping", &Rule::mapping, dependence(),
               "What of the remote end has a mapping of its own: nothing, its address, or its address and "
               "port (RFC 4787 section 4.1).");
  table->field("filtering", &Rule::filtering, dependence(),
               "Who may answer by a mapping: anybody, whose address it was used for, or whose address and "
               "port it was used for (RFC 4787 section 5). No wider than `mapping`.");
  return table;
}

TypePtr<Static> static_mapping() {
  struct Written {
    Position at;
    Located<StaticEnd> inside;
    Located<StaticEnd> outside;
    std::optional<Located<MappedProtocol>> protocol;
    Located<std::optional<std::string>> domain;
  };
  auto table = std::make_shared<Struct<Written>>(
      "static mapping",
      "An inside address, or ports of it, or a network, that has the same name outside at all times, and is "
      "reached by it. Both sides are of the same size.");
  table->position(&Written::at);
  table->field("inside", &Written::inside, static_end(), "What it is inside.", kRequired);
  table->field("outside", &Written::outside, static_end(),
               "What it is called outside: nothing that a pool shares out.", kRequired);
  table->field("protocol", &Written::protocol,
               choice<MappedProtocol>({{"tcp", MappedProtocol::kTcp, ""},
                                       {"udp", MappedProtocol::kUdp, ""},
                                       {"tcp_and_udp", MappedProtocol::kTcpAndUdp, ""}}),
               "Protocol of the ports.", absent_means("`tcp_and_udp`; without ports, all protocols"));
  table->field("domain", &Written::domain, domain_name(), "Routing domain of the inside address.",
               absent_means("`default`"));
  return std::make_shared<MappedType<Static, Written>>(
      Table<Written>(table),
      [](Written&& from, Static& out, const Node&, Reader& reader) {
        const StaticEnd& inside = *from.inside;
        const StaticEnd& outside = *from.outside;
        if (inside.ports.has_value() != outside.ports.has_value()) {
          return reader.error(from.outside.at,
                              fmt::format("inside has {}ports and outside has {}; give ports on both sides, "
                                          "or on neither",
                                          inside.ports ? "" : "no ", inside.ports ? "none" : "some"));
        }
        if (inside.ports && inside.ports->size() != outside.ports->size()) {
          return reader.error(from.outside.at,
                              fmt::format("inside has {} ports and outside {}; give equally many",
                                          inside.ports->size(), outside.ports->size()));
        }
        if (inside.length != outside.length) {
          return reader.error(from.outside.at,
                              fmt::format("inside is a /{} and outside a /{}; give networks of the same size",
                                          inside.length, outside.length));
        }
        if (from.protocol && !inside.ports) {
          return reader.error(from.protocol->at,
                              "a mapping of whole addresses is for all protocols; remove protocol, or give "
                              "ports on both sides");
        }
        out = {.at = from.at,
               .inside = {inside.address, from.inside.at},
               .outside = {outside.address, from.outside.at},
               .inside_ports = inside.ports,
               .outside_ports = outside.ports,
               .protocol = from.protocol ? **from.protocol : MappedProtocol::kTcpAndUdp,
               .length = inside.length,
               .domain = std::move(from.domain)};
        return true;
      },
      nullptr);
}

Table<Deterministic> deterministic() {
  auto table = std::make_shared<Struct<Deterministic>>(
      "deterministic mapping",
      "Inside addresses share outside addresses by arithmetic alone (RFC 7422): who had a port is known "
      "without a log.");
  table->position(&Deterministic::at);
  table->field("inside", &Deterministic::inside, prefix(net::Family::kIpv4), "Inside addresses.", kRequired);
  table->field("outside", &Deterministic::outside, prefix(net::Family::kIpv4),
               "Outside addresses, for nothing else.", kRequired);
  table->field("ports", &Deterministic::ports, outside_ports(),
               fmt::format("Ports of each outside address that are shared out evenly; at least {} for each "
                           "inside address.",
                           kLeastPortsPerSubscriber));
  table->field("domain", &Deterministic::domain, domain_name(), "Routing domain of the inside addresses.",
               absent_means("`default`"));
  return table;
}

Table<Nat64> nat64() {
  auto table = std::make_shared<Struct<Nat64>>("nat64", "IPv6 hosts inside reach IPv4 outside (RFC 6146).");
  table->field("prefix", &Nat64::prefix, prefix(net::Family::kIpv6),
               "What stands before the IPv4 address (RFC 6052): of length 32, 40, 48, 56, 64 or 96, such as "
               "64:ff9b::/96.",
               kRequired);
  table->field("pool", &Nat64::pool, pool_name(), "Pool of the outside addresses.", kRequired);
  table->field("filtering", &Nat64::filtering, dependence(),
               "Who may answer by a mapping: anybody, whose address it was used for, or whose address and "
               "port it was used for.");
  table->field("lowest_ipv6_mtu", &Nat64::lowest_ipv6_mtu, integer<std::uint16_t>(1280, 9216),
               "What every IPv6 link inside carries, in bytes: IPv4 packets that may be fragmented are, so "
               "that they get through (RFC 7915 section 4).");
  return table;
}

Table<Nptv6> nptv6() {
  auto table = std::make_shared<Struct<Nptv6>>(
      "prefix translation", "An IPv6 network has another prefix outside, without state (RFC 6296).");
  table->position(&Nptv6::at);
  table->field("inside", &Nptv6::inside, prefix(net::Family::kIpv6), "Prefix inside, of at most 64 bits.",
               kRequired);
  table->field("outside", &Nptv6::outside, prefix(net::Family::kIpv6),
               "Prefix outside, of the same length. Routers outside send it to the gateway.", kRequired);
  table->field("domain", &Nptv6::domain, domain_name(), "Routing domain of the inside network.",
               absent_means("`default`"));
  return table;
}

Table<PortControl> port_control() {
  auto table = std::make_shared<Struct<PortControl>>(
      "port_control", "Hosts inside ask for mappings by PCP (RFC 6887) or NAT-PMP (RFC 6886).");
  table->field("longest", &PortControl::longest, duration(2min, 7 * 24h), "Longest lifetime of a mapping.");
  table->field("shortest", &PortControl::shortest, duration(1s, 24h),
               "Shortest lifetime of a mapping; at most `longest`.");
  table->field("nat_pmp", &PortControl::nat_pmp, boolean(), "Whether NAT-PMP is answered beside PCP.");
  table->field("third_party", &PortControl::third_party, boolean(),
               "Whether a host may ask for another (THIRD_PARTY, RFC 6887 section 13.1).");
  table->field("prefer_failure", &PortControl::prefer_failure, boolean(),
               "Whether a host may want the port it names or none (PREFER_FAILURE, RFC 6887 section 13.2).");
  table->field("mappings_per_subscriber", &PortControl::mappings_per_subscriber,
               integer<std::uint32_t>(1, kMostPorts), "Most mappings a subscriber asks for at a time.");
  return table;
}

Table<Timeouts> timeouts() {
  auto table = std::make_shared<Struct<Timeouts>>(
      "timeouts", "How long a session may be idle before it ends; RFCs give the least.");
  table->field("tcp_established", &Timeouts::tcp_established, idle_time(2h + 4min, "RFC 5382 REQ-5"),
               "TCP after the handshake.");
  table->field("tcp_transitory", &Timeouts::tcp_transitory, idle_time(4min, "RFC 5382 REQ-5"),
               "TCP after FIN, and after RST.");
  table->field("tcp_opening", &Timeouts::tcp_opening, idle_time(4min, "RFC 5382 REQ-5"),
               "TCP in handshake (RFC 7857 section 2.1).", absent_means("that of `tcp_transitory`"));
  table->field(
      "tcp_syn", &Timeouts::tcp_syn, idle_time(6s, "RFC 5382 REQ-4"),
      "How long a SYN from outside that nobody asked for may wait for one from inside; then its sender "
      "gets an ICMP port unreachable.");
  table->field("udp", &Timeouts::udp, idle_time(2min, "RFC 4787 REQ-5"), "UDP.");
  table->field("udp_well_known", &Timeouts::udp_well_known, duration(1s, 7 * 24h),
               "UDP to ports 0 to 1023, such as DNS (RFC 4787 REQ-5a); at most `udp`.",
               absent_means("that of `udp`"));
  table->field("icmp", &Timeouts::icmp, idle_time(60s, "RFC 5508 REQ-2"), "ICMP queries.");
  table->field("other", &Timeouts::other, duration(1s, 7 * 24h),
               "Other protocols, which mappings of whole addresses carry.");
  return table;
}

Table<Log> log() {
  auto syslog = std::make_shared<Struct<Syslog>>("syslog", "Records as syslog messages (RFC 5424).");
  syslog->field("collector", &Syslog::collector, control::endpoint(), "Where they are sent, over UDP.",
                kRequired);
  auto table = std::make_shared<Struct<Log>>("log", "Records of who had which outside address and port.");
  table->field("ipfix", &Log::ipfix, boolean(),
               "Whether they go to the collector of `telemetry.ipfix` (RFC 8158).");
  table->field("syslog", &Log::syslog, Table<Syslog>(syslog), "Records as syslog messages.",
               absent_means("none"));
  table->field(
      "events", &Log::events,
      choice<LoggedEvents>({{"blocks", LoggedEvents::kBlocks, "blocks of ports, given and taken back"},
                            {"sessions", LoggedEvents::kSessions, "sessions, begun and ended"}}),
      "What has a record.");
  table->field("destinations", &Log::destinations, boolean(),
               "Whether records of sessions name the remote end; RFC 6888 REQ-12 advises against it.");
  return table;
}

TypePtr<Alg> alg() {
  return choice<Alg>(
      {{"ftp", Alg::kFtp, "control connections of FTP, TCP port 21"},
       {"sip", Alg::kSip, "signalling of SIP, UDP and TCP port 5060, and ports for its media"},
       {"pptp", Alg::kPptp, "control connections of PPTP, TCP port 1723, and the tunnels of their calls"}});
}

Table<Section> section() {
  auto table = std::make_shared<Struct<Section>>("nat", "Pools, rules and mappings of the NAT gateway.");
  table->position(&Section::at);
  table->field("inside", &Section::inside, interfaces(), "Interfaces whose hosts are translated.", kRequired);
  table->field("outside", &Section::outside, interfaces(),
               "Interfaces on the side where they are known by outside addresses.", kRequired);
  table->field("pools", &Section::pools,
               std::make_shared<MapType<Pool>>(&Pool::name, pool_name(), pool(), true),
               "Outside addresses to share, by names of your choice.");
  table->field("rules", &Section::rules, rule(), "Which packets are translated, first match wins.");
  table->field("static", &Section::statics, static_mapping(), "Static mappings. They come before rules.");
  table->field("deterministic", &Section::deterministic, deterministic(),
               "Deterministic mappings. They come after static ones and before rules.");
  table->field("nat64", &Section::nat64, nat64(), "IPv6 hosts inside reach IPv4 outside.",
               absent_means("off"));
  table->field("nptv6", &Section::nptv6, nptv6(), "IPv6 networks that have another prefix outside.");
  table->field("hairpin", &Section::hairpin, boolean(),
               "Whether hosts inside reach each other by outside addresses (RFC 4787 REQ-9).");
  table->field(
      "alg", &Section::alg, alg(),
      "Protocols whose messages carry addresses and are rewritten, of sessions that are not translated "
      "from IPv6; RFC 5382 REQ-6 wants no other than FTP unasked.");
  table->field("port_control", &Section::port_control, port_control(),
               "Mappings that hosts inside ask for; `{}` for the defaults below.", absent_means("off"));
  table->field("timeouts", &Section::timeouts, timeouts(), "Idle times after which sessions end.",
               absent_means("the defaults below"));
  table->field("log", &Section::log, log(), "Records of who had which outside address and port.",
               absent_means("no records"));
  table->field("subscribers", &Section::subscribers, count(kLeastSubscribers, kMostSubscribers),
               "Inside hosts there is room for. The memory for them is taken at start.");
  return table;
}

}  // namespace

const control::ProfileSchema<Section>& schema() {
  static const control::ProfileSchema<Section> kSchema{
      .vnf = "nat",
      .doc = "Pools, rules and mappings of the NAT gateway.",
      .section = section(),
      .check = check,
  };
  return kSchema;
}

}  // namespace millrace::nat::profile
