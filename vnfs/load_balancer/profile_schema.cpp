// SPDX-License-Identifier: BSD-3-Clause
// The table of the `load_balancer:` section: keys, bounds and the sentences of docs/profile.load_balancer.md.
// How backends are found and judged stands in profile_health_schema.cpp.
#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/load_balancer/profile.h"
#include "vnfs/load_balancer/profile_check.h"
#include "vnfs/load_balancer/profile_health_schema.h"
#include "vnfs/load_balancer/profile_types.h"

namespace millrace::load_balancer::profile {
namespace {

using namespace std::chrono_literals;
using control::absent_means;
using control::boolean;
using control::choice;
using control::count;
using control::duration;
using control::integer;
using control::ip_address;
using control::kRequired;
using control::MappedType;
using control::MapType;
using control::name;
using control::Node;
using control::Reader;
using control::Struct;
using control::TypePtr;

template <class S>
using Table = std::shared_ptr<const Struct<S>>;

constexpr std::uint32_t kMostWeight = 1000;
constexpr std::uint64_t kMostConnections = 64'000'000;
constexpr std::uint16_t kLeastMss = 536;   // RFC 9293 section 3.7.1, of IPv4
constexpr std::uint16_t kMostMss = 9'160;  // fits the largest frames there are
constexpr std::uint64_t kMostSeed = (1ULL << 63U) - 1;

// Where packets go; what a backend under `backends` and a server of last resort have in common.
void add_endpoint(Struct<Backend>& table) {
  table.position(&Backend::at);
  table.field("address", &Backend::address, ip_address(), "Its address.", kRequired);
  table.field("port", &Backend::port, one_port(),
              "Its port, where that is another than the service's; of `nat` and `full_nat`.",
              absent_means("that of the service"));
}

Table<Backend> backend() {
  auto table = std::make_shared<Struct<Backend>>("backend", "A server that the service is given by.");
  add_endpoint(*table);
  table->field("weight", &Backend::weight, integer<std::uint32_t>(0, kMostWeight),
               "Its share of new connections, among the weights of all; with 0 it gets none.");
  table->field("server_id", &Backend::server_id, server_id(),
               "Its id in QUIC connection ids, as hexadecimal digits; of a service with `quic`.",
               absent_means("none"));
  return table;
}

Table<Backend> last_resort() {
  auto table = std::make_shared<Struct<Backend>>(
      "last resort", "A server that gets new connections while no backend is up; it is not checked.");
  add_endpoint(*table);
  return table;
}

Table<QuicIds> quic() {
  auto table = std::make_shared<Struct<QuicIds>>(
      "quic",
      "QUIC connection ids that name the server without encryption (draft-ietf-quic-load-balancers): a "
      "client keeps its server when its address changes. Backends must be told to issue such ids.");
  table->position(&QuicIds::at);
  table->field("config", &QuicIds::config, integer<std::uint32_t>(0, 6),
               "First three bits of the connection ids this is for.");
  table->field("server_id_bytes", &QuicIds::server_id_bytes, integer<std::uint32_t>(1, 15),
               "Bytes of the server id, after the first byte of the connection id.");
  return table;
}

// A member that is a number, written as a mapping, so that there is room for more about it.
TypePtr<std::uint64_t> syn_proxy() {
  struct Written {
    std::uint64_t above = 0;
  };
  auto table = std::make_shared<Struct<Written>>(
      "syn_proxy",
      "The appliance answers SYNs itself, with cookies (RFC 4987), and opens the connection to a backend "
      "when the client has shown that it is there. Such connections do without window scale, selective "
      "acknowledgment and timestamps. While cookies may come back, connections that another instance had do "
      "not go on here.");
  table->field("above", &Written::above, per_second(),
               "Rate of new connections of the service above which it does.", absent_means("always"));
  return std::make_shared<MappedType<std::uint64_t, Written>>(
      Table<Written>(table),
      [](Written&& from, std::uint64_t& out, const Node&, Reader&) {
        out = from.above;
        return true;
      },
      nullptr);
}

Table<Protect> protect() {
  auto table = std::make_shared<Struct<Protect>>(
      "protect",
      "What one client, or all, may take of a service's TCP. Nothing waits: new connections that come too "
      "fast are dropped, and may be tried again; others beyond a limit are answered as `all_down` says. Each "
      "worker holds to its share of a limit. A connection counts until its backend has ended it.");
  const auto connections = count(1, kMostConnections);
  const auto unlimited = absent_means("no limit");
  table->field("syn_proxy", &Protect::syn_proxy_above, syn_proxy(), "Protection from SYN floods; of `nat`.",
               absent_means("off"));
  table->field("connections_per_client", &Protect::connections_per_client, connections,
               "Most connections of a client's address at a time.", unlimited);
  table->field("new_connections_per_client", &Protect::new_connections_per_client, per_second(),
               "Most new connections of a client's address by time.", unlimited);
  table->field("connections", &Protect::connections, connections,
               "Most connections of the service at a time.", unlimited);
  return table;
}

Table<Timeouts> timeouts() {
  auto table = std::make_shared<Struct<Timeouts>>(
      "timeouts", "How long a connection may be idle before it is forgotten.");
  const auto time = duration(1s, 7 * 24h);
  table->field("tcp_established", &Timeouts::tcp_established, time, "TCP after the handshake.");
  table->field("tcp_opening", &Timeouts::tcp_opening, time, "TCP in handshake.");
  table->field("tcp_closing", &Timeouts::tcp_closing, time, "TCP after FIN, and after RST.");
  table->field("udp", &Timeouts::udp, time, "UDP, and protocols without ports.");
  table->field("sctp", &Timeouts::sctp, time, "SCTP.");
  return table;
}

// The choices of a service, each with what it means.
void add_choices(Struct<Service>& table) {
  table.field(
      "scheduler", &Service::scheduler,
      choice<Scheduler>(
          {{"maglev", Scheduler::kMaglev,
            "by a hash of both ends that all instances share, and that moves few when backends change"},
           {"weighted_round_robin", Scheduler::kWeightedRoundRobin, "one after the other"},
           {"least_connections", Scheduler::kLeastConnections, "to who has fewest for its weight"},
           {"source_hash", Scheduler::kSourceHash, "by a hash of the client's address"}}),
      "Which backend gets a new connection.");
  table.field("forwarding", &Service::forwarding,
              choice<Forwarding>(
                  {{"nat", Forwarding::kNat, "to the backend's address; its answers come back this way"},
                   {"full_nat", Forwarding::kFullNat, "the same, and from an address of `source_pool`"},
                   {"direct", Forwarding::kDirect,
                    "as they are, to the backend's MAC address on a network of ours; it answers the client "
                    "itself, as "
                    "in the three below"},
                   {"ipip", Forwarding::kIpip, "in an IP tunnel"},
                   {"gue", Forwarding::kGue, "in a tunnel of generic UDP encapsulation"},
                   {"gre", Forwarding::kGre, "in a GRE tunnel"}}),
              "How packets get to the backend. Only `nat` and `full_nat` rewrite them; in tunnels, and with "
              "`full_nat`, the backend may be of the other IP family.");
  table.field("affinity", &Service::affinity,
              choice<Affinity>({{"none", Affinity::kNone, "each connection is scheduled by itself"},
                                {"client", Affinity::kClient, "all of a client's go to the same backend"}}),
              "What stays together.");
  table.field(
      "per", &Service::per,
      choice<Per>({{"connection", Per::kConnection, "what has the same two ends goes to the same backend"},
                   {"packet", Per::kPacket, "for questions of one datagram, such as DNS; UDP only"}}),
      "What is scheduled.");
  table.field("source_pool", &Service::source_pool, name("a source pool's name", 31),
              "Source pool; of `full_nat`, which needs it.", absent_means("none"));
  table.field("client_address", &Service::client_address,
              choice<ClientAddress>({{"none", ClientAddress::kNone, "it does not"},
                                     {"proxy_protocol", ClientAddress::kProxyProtocol,
                                      "by the PROXY protocol, version 2, before all else"},
                                     {"toa", ClientAddress::kToa,
                                      "by a TCP option, which needs a module in the backend's kernel"}}),
              "How the backend learns the client's address; of `full_nat` with TCP alone.");
}

// Says of a service whether all of it could be read.
class WholeService final : public control::Type<Service> {
 public:
  explicit WholeService(Table<Service> table) : table_(std::move(table)) {}
  bool read(const Node& node, Service& out, Reader& reader) const override {
    out.complete = table_->read(node, out, reader);
    return out.complete;
  }
  [[nodiscard]] std::string show(const Service& value) const override { return table_->show(value); }
  [[nodiscard]] control::Shape shape() const override { return table_->shape(); }

 private:
  Table<Service> table_;
};

TypePtr<Service> service() {
  auto table = std::make_shared<Struct<Service>>(
      "service", "An address that clients know, and the backends that stand behind it.");
  const auto off = absent_means("off");
  const auto below = absent_means("the defaults below");
  table->position(&Service::at);
  table->field("name", &Service::name, name("a service's name"),
               "Unique name, by which counters, logs and the API know it, also after a reload.", kRequired);
  table->field("address", &Service::address, ip_address(), "Its address.", kRequired);
  table->field("ports", &Service::ports, control::list_not_empty<Located<ServicePorts>>(service_ports()),
               "Protocols with their ports: `tcp/443`, `udp/5000-5100`, `tcp` for all of TCP.",
               absent_means("every protocol and port"));
  table->field("domain", &Service::domain, name("a routing domain's name", 31),
               "Routing domain of its clients and its backends.", absent_means("`default`"));
  add_choices(*table);
  table->field("backends", &Service::backends, backend(), "Servers; none only with `discover`.");
  table->field("discover", &Service::discover, discovery(), "Where more of them come from.", off);
  table->field("health", &Service::health, health(), "Which of them are up, by asking them; `{}` for TCP.",
               absent_means("all are"));
  table->field("passive", &Service::passive, passive_health(), "The same by what becomes of connections.",
               off);
  table->field("slow_start", &Service::slow_start, duration(0s, 1h),
               "Time in which a backend that comes up reaches its share.");
  table->field("drain", &Service::drain, duration(0s, 7 * 24h),
               "How long a backend that is taken away keeps the connections it has.");
  table->field(
      "all_down", &Service::all_down,
      choice<AllDown>({{"drop", AllDown::kDrop, "they are dropped without a word"},
                       {"reject", AllDown::kReject, "their senders are told: TCP reset or ICMP error"},
                       {"last_resort", AllDown::kLastResort, "the server of `last_resort` gets them"}}),
      "What becomes of new connections while no backend is up.",
      absent_means("`reject`; with `last_resort`, that"));
  table->field("last_resort", &Service::last_resort, last_resort(),
               "Server that gets new connections while no backend is up.", absent_means("none"));
  table->field("quic", &Service::quic, quic(), "QUIC connection ids that name the server; of UDP.", off);
  table->field("mss", &Service::mss, integer<std::uint16_t>(kLeastMss, kMostMss),
               "Largest TCP segment that SYNs may promise, in bytes.",
               absent_means("what a tunnel to the backend carries; without one, what they promise"));
  table->field("protect", &Service::protect, protect(), "What clients may take of it.", below);
  table->field("timeouts", &Service::timeouts, timeouts(), "Idle times of its connections.", below);
  return std::make_shared<WholeService>(Table<Service>(table));
}

Table<SourcePool> source_pool() {
  auto table = std::make_shared<Struct<SourcePool>>(
      "source pool", "Addresses that connections of `full_nat` services come from, as backends see them.");
  table->field(
      "addresses", &SourcePool::addresses, control::list_not_empty<Located<net::IpAddress>>(ip_address()),
      "The addresses, all of the backends' family. Each is in one pool and is no service's; it may be "
      "the appliance's own.",
      kRequired);
  table->field("ports", &SourcePool::ports, source_ports(),
               "Ports of each address, shared out among the workers.");
  return table;
}

Table<Section> section() {
  auto table = std::make_shared<Struct<Section>>("load_balancer",
                                                 "Services of the load balancer, and their backends.");
  table->position(&Section::at);
  table->field("services", &Section::services, std::make_shared<control::ListType<Service>>(service(), false),
               "The services; no two of a domain have a port of an address in common.", kRequired);
  table->field("source_pools", &Section::source_pools,
               std::make_shared<MapType<SourcePool>>(&SourcePool::name, name("a source pool's name", 31),
                                                     source_pool(), true),
               "Addresses for `full_nat`, by names of your choice.");
  table->field("table_size", &Section::table_size, integer<std::uint32_t>(kLeastTable, kMostTable),
               "Entries of each service's Maglev table: a prime, best at least 100 times the most backends a "
               "service has.");
  table->field("hash_seed", &Section::hash_seed, integer<std::uint64_t>(0, kMostSeed),
               "What hashes begin with. Instances that share the traffic have the same; keep it from those "
               "who attack.");
  table->field("announce", &Section::announce, boolean(),
               "Whether the services' addresses are on the appliance's own interface in Linux, where routing "
               "daemons find them to announce.");
  return table;
}

}  // namespace

const control::ProfileSchema<Section>& schema() {
  static const control::ProfileSchema<Section> kSchema{
      .vnf = "load_balancer",
      .doc = "Services of the load balancer, and their backends.",
      .section = section(),
      .check = check,
  };
  return kSchema;
}

}  // namespace millrace::load_balancer::profile
