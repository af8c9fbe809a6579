// SPDX-License-Identifier: BSD-3-Clause
// The table of the common profile: keys, bounds and the sentences of docs/profile.VNF.md.
#include <algorithm>

#include <fmt/format.h>

#include "common/control/profile/forwarding_schema.h"
#include "common/control/profile/overlay_schema.h"
#include "common/control/profile/qos_schema.h"
#include "common/control/profile/section.h"
#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kMostWorkers = 64;  // the core has room for no more, nor for more queues a port
constexpr std::uint16_t kMostCpu = 1023;
constexpr std::uint64_t kLeastMemory = 64ULL << 20U;
constexpr std::uint64_t kMostMemory = 1ULL << 40U;
constexpr std::uint64_t kLeastSessions = 1024;
constexpr std::uint64_t kMostSessions = 64'000'000;
constexpr std::uint16_t kLeastMtu = 576;
constexpr std::uint16_t kMostMtu = 9600;
constexpr std::uint16_t kMostVlan = 4094;

TypePtr<std::uint16_t> mtu() { return integer<std::uint16_t>(kLeastMtu, kMostMtu); }
TypePtr<std::string> domain_name() { return name("a routing domain's name", 31); }

TypePtr<Workers> workers() {
  const auto number = integer<std::uint16_t>(1, kMostWorkers);
  const auto cpus = list_not_empty<std::uint16_t>(integer<std::uint16_t>(0, kMostCpu));
  OneOfType<Workers>::Ways ways;
  ways.word = std::make_shared<MappedType<Workers, std::uint16_t>>(
      number,
      [](std::uint16_t&& count, Workers& out, const Node&, Reader&) {
        out = {.count = count, .cpus = {}};
        return true;
      },
      nullptr);
  ways.list = std::make_shared<MappedType<Workers, std::vector<std::uint16_t>>>(
      cpus,
      [](std::vector<std::uint16_t>&& list, Workers& out, const Node& node, Reader& reader) {
        if (list.size() > kMostWorkers) {
          return reader.refuse(node, "is too long", fmt::format("at most {} CPUs", kMostWorkers));
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
          if (std::ranges::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
              list.begin() + static_cast<std::ptrdiff_t>(i)) {
            return reader.refuse(*node.items[i], "is in the list twice",
                                 "each CPU once, a worker needs it alone");
          }
        }
        out.count = static_cast<std::uint16_t>(list.size());
        out.cpus = std::move(list);
        return true;
      },
      nullptr);
  return std::make_shared<OneOfType<Workers>>(std::move(ways), [](const Workers& value) {
    return value.cpus.empty() ? std::to_string(value.count)
                              : fmt::format("[{}]", fmt::join(value.cpus, ", "));
  });
}

TypePtr<std::optional<std::uint64_t>> memory() {
  const auto bytes = size(kLeastMemory, kMostMemory);
  Shape shape = bytes->shape();
  shape.phrase = "auto, or " + shape.phrase;
  shape.pattern = "auto|" + shape.pattern;
  return std::make_shared<ScalarType<std::optional<std::uint64_t>>>(
      std::move(shape),
      [](std::string_view text, std::optional<std::uint64_t>& out, Fault& fault) {
        out = parse_size(text);
        fault.wrong = out ? "is out of range" : "is neither auto nor a size";
        return out ? *out >= kLeastMemory && *out <= kMostMemory : text == "auto";
      },
      [](const std::optional<std::uint64_t>& value) { return value ? print_size(*value) : "auto"; });
}

std::shared_ptr<const Struct<Dataplane>> dataplane() {
  auto table = std::make_shared<Struct<Dataplane>>("dataplane", "How packets are moved, and with what.");
  table->field("workers", &Dataplane::workers, workers(),
               "Packet workers, each using one CPU: their number, or a list of CPU ids to pin them to.");
  table->field(
      "memory", &Dataplane::memory_bytes, memory(),
      "Memory for packets and tables. `auto` takes what ports and sessions need: huge pages when the "
      "machine has them, ordinary pages otherwise.");
  table->field("burst", &Dataplane::burst, integer<std::uint16_t>(1, 64),
               "Packets taken from a port at once. Larger is faster under load, smaller waits less.");
  table->field("idle", &Dataplane::idle,
               choice<Idle>({{"poll", Idle::kPoll, "always look for packets: least latency, one CPU each"},
                             {"adaptive", Idle::kAdaptive, "sleep when there is nothing to do"}}),
               "What a worker does when no packet comes.");
  table->field("sessions", &Dataplane::sessions, count(kLeastSessions, kMostSessions),
               "Sessions there is room for, over all workers. The memory for them is taken at start.");
  return table;
}

std::shared_ptr<const Struct<Port>> port() {
  auto table = std::make_shared<Struct<Port>>("port", "A device that packets come from and go to.");
  table->field(
      "device", &Port::device,
      string(R"(DPDK device arguments, such as "0000:00:05.0" or "net_af_packet0,iface=eth2")", 1023),
      "The device, as DPDK names it: a PCI address, or a driver with its arguments (`net_af_packet0,...`, "
      "`net_af_xdp`, `net_memif`, `net_virtio_user`, `net_vhost`, `net_tap`, `net_pcap`).",
      kRequired);
  table->field("mtu", &Port::mtu, mtu(),
               "Largest IP packet in bytes, Ethernet header and VLAN tags not counted.");
  table->field(
      "queues", &Port::queues, integer<std::uint16_t>(1, kMostWorkers), "Receive queues.",
      absent_means(
          "one per worker, or as many as the device has; 1 with memif, whose peer must have as many"));
  table->field(
      "offloads", &Port::offloads,
      choice<Offloads>({{"auto", Offloads::kAuto, "what the device can"},
                        {"no_lro", Offloads::kNoLro, "but it puts no TCP segments together on arrival (LRO)"},
                        {"none", Offloads::kNone, "everything in software"}}),
      "What the device does instead of the appliance: verify and write checksums, put TCP segments "
      "together and cut them again. `/v1/health` and the log say what is in use.");
  return table;
}

std::shared_ptr<const Struct<Interface>> interface(bool tunnels) {
  auto table = std::make_shared<Struct<Interface>>(
      "interface",
      tunnels ? "What packets belong to: a port, one VLAN of it, an overlay, or a tunnel. In routed "
                "forwarding each has a Linux device of its name."
              : "What packets belong to: a port, one VLAN of it, or an overlay. In routed forwarding "
                "each has a Linux device of its name.");
  const auto vlan = integer<std::uint16_t>(1, kMostVlan);
  table->field("port", &Interface::port, port_name(), "The port under it.",
               tunnels ? absent_means("none, under a tunnel") : kRequired);
  if (tunnels) {
    table->field("tunnel", &Interface::tunnel, name("a tunnel's name", 31),
                 "The tunnel or connection whose packets these are, in place of a port. What the routes send "
                 "here goes by it, and what comes by it comes in here.",
                 absent_means("none"));
  } else {
    table->refuse("tunnel", "'tunnel' interfaces are the VPN gateway's; here give a port");
  }
  table->field("vlan", &Interface::vlan, vlan, "802.1Q VLAN id.", absent_means("untagged packets"));
  table->field(
      "outer_vlan", &Interface::outer_vlan, vlan,
      "VLAN id of the outer tag (S-tag) when packets carry two (QinQ); `vlan` is then the inner one.",
      absent_means("at most one tag"));
  table->field("address", &Interface::address, interface_address(),
               "The appliance's own addresses here, each with the length of its subnet.");
  table->field("domain", &Interface::domain, domain_name(),
               "Routing domain (VRF). Domains may use the same addresses without meeting.");
  table->field("mtu", &Interface::mtu, mtu(), "Largest IP packet in bytes.",
               absent_means(tunnels ? "the port's, less what an overlay puts in front; of a tunnel 1400"
                                    : "the port's, less what an overlay puts in front"));
  add_overlays(*table);
  add_services(*table);
  return table;
}

std::shared_ptr<const Struct<Route>> route() {
  auto table = std::make_shared<Struct<Route>>(
      "route", "A static route, installed in the Linux kernel like any other.");
  table->field("to", &Route::to, prefix(), "Destination; 0.0.0.0/0 or ::/0 is the default route.", kRequired);
  table->field("via", &Route::via, ip_address(), "Next hop: an address on the subnet of an interface.",
               absent_means("the other end of `interface`, where that is a tunnel"));
  table->field("interface", &Route::interface, interface_name(), "The interface the next hop is on.",
               absent_means("the one whose subnet holds the next hop"));
  table->field("domain", &Route::domain, domain_name(), "Routing domain the route is in.",
               absent_means("that of `interface` if given, else `default`"));
  table->field("metric", &Route::metric, integer<std::uint32_t>(0, 0xffffffffU),
               "Preference between routes to the same destination; the lowest wins.");
  return table;
}

std::shared_ptr<const Struct<Neighbor>> neighbor() {
  auto table =
      std::make_shared<Struct<Neighbor>>("neighbor", "A neighbour whose MAC address is not asked for.");
  table->field("interface", &Neighbor::interface, interface_name(), "The interface it is on.", kRequired);
  table->field("address", &Neighbor::address, ip_address(), "Its IP address.", kRequired);
  table->field("mac", &Neighbor::mac, mac_address(), "Its MAC address.", kRequired);
  return table;
}

TypePtr<std::optional<Milliseconds>> active_timeout() {
  const auto time = duration(1s, 24h);
  Shape shape = time->shape();
  shape.phrase = "off, or " + shape.phrase;
  shape.pattern = "off|" + shape.pattern;
  return std::make_shared<ScalarType<std::optional<Milliseconds>>>(
      std::move(shape),
      [](std::string_view text, std::optional<Milliseconds>& out, Fault& fault) {
        out = parse_duration(text);
        fault.wrong = out ? "is out of range" : "is neither off nor a time with its unit";
        return out ? *out >= 1s && *out <= 24h : text == "off";
      },
      [time](const std::optional<Milliseconds>& value) { return value ? time->show(*value) : "off"; });
}

TypePtr<FlowLog> flow_log() {
  const auto file = string("the path of a file", 4095);
  auto map = std::make_shared<Struct<FlowLog>>("flow_log", "A file with a JSON line per session.");
  map->field("file", &FlowLog::file, file, "Its path.", kRequired);
  map->field("updates", &FlowLog::updates, boolean(),
             "Lines about sessions that go on as well, one per `active_timeout`. Their counts are from the "
             "session's beginning.");
  OneOfType<FlowLog>::Ways ways;
  ways.word = std::make_shared<MappedType<FlowLog, std::string>>(
      file,
      [](std::string&& path, FlowLog& out, const Node&, Reader&) {
        out = {.file = std::move(path)};
        return true;
      },
      nullptr);
  ways.map = map;
  return std::make_shared<OneOfType<FlowLog>>(std::move(ways), nullptr);
}

std::shared_ptr<const Struct<Telemetry>> telemetry() {
  auto ipfix = std::make_shared<Struct<Ipfix>>("ipfix", "Export of session records by IPFIX (RFC 7011).");
  ipfix->field("collector", &Ipfix::collector, endpoint(), "Where records are sent, over UDP.", kRequired);
  auto table = std::make_shared<Struct<Telemetry>>("telemetry", "What the appliance tells about itself.");
  table->field("log", &Telemetry::log,
               choice<LogLevel>({{"trace", LogLevel::kTrace, ""},
                                 {"debug", LogLevel::kDebug, ""},
                                 {"info", LogLevel::kInfo, ""},
                                 {"warning", LogLevel::kWarning, ""},
                                 {"error", LogLevel::kError, ""}}),
               "Least important message that is logged.");
  table->field("ipfix", &Telemetry::ipfix, std::shared_ptr<const Struct<Ipfix>>(ipfix),
               "Export of session records.", absent_means("no export"));
  table->field("flow_log", &Telemetry::flow_log, flow_log(),
               "File that gets a JSON line when a session ends.", absent_means("no file"));
  table->field("active_timeout", &Telemetry::active_timeout, active_timeout(),
               "A session that goes on is reported each time this has passed since its last record, in IPFIX "
               "with what it has counted since then; up to 10 s later when there are a million sessions.");
  return table;
}

}  // namespace

std::shared_ptr<const Struct<Profile>> common_table(const std::string& vnf, bool tunnels) {
  const auto appliance = std::make_shared<ScalarType<std::string>>(
      detail::choice_shape({{vnf, ""}}),
      [vnf](std::string_view text, std::string& out, Fault& fault) {
        out = text;
        fault.wrong = "is not the appliance this program is";
        return text == vnf;
      },
      [](const std::string& value) { return value; });
  auto table = std::make_shared<Struct<Profile>>("the profile", "");
  table->field("vnf", &Profile::vnf, appliance, "The appliance the profile is for.", kRequired);
  table->field("name", &Profile::name, name("a name"),
               "What this instance is called in logs, metrics and records.", kRequired);
  table->field("dataplane", &Profile::dataplane, dataplane(), "How packets are moved, and with what.",
               absent_means("the defaults below"));
  table->field("ports", &Profile::ports,
               std::make_shared<MapType<Port>>(&Port::name, port_name(), port(), false),
               "The data ports, by names of your choice.", kRequired);
  table->field(
      "interfaces", &Profile::interfaces,
      std::make_shared<MapType<Interface>>(&Interface::name, interface_name(), interface(tunnels), false),
      "The logical interfaces, by names of your choice.", kRequired);
  table->field("forwarding", &Profile::forwarding, forwarding(),
               "How packets get from one interface to another.");
  table->field("routes", &Profile::routes, route(), "Static routes.");
  table->field("neighbors", &Profile::neighbors, neighbor(), "Static neighbours.");
  table->field("qos", &Profile::qos, qos(), "Quality of service: metering, dropping and marking on arrival.",
               absent_means("packets are neither metered nor marked"));
  table->field("telemetry", &Profile::telemetry, telemetry(), "What the appliance tells about itself.",
               absent_means("the defaults below"));
  return table;
}

}  // namespace millrace::control
