// SPDX-License-Identifier: BSD-3-Clause
// The `load_balancer:` section of the profile, as plain values with the places later checks point at. What
// each key means stands in the tables in profile_schema.cpp and profile_health_schema.cpp, and in
// docs/profile.load_balancer.md. Names are still names here; the policy is compiled from this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/diagnostics.h"
#include "common/control/profile/load.h"
#include "common/control/profile/profile.h"
#include "common/control/profile/types.h"
#include "common/control/profile/units.h"
#include "common/net/address.h"

namespace millrace::load_balancer::profile {

using control::Located;
using control::Milliseconds;
using control::PortRange;
using control::Position;

enum class Scheduler : std::uint8_t { kMaglev, kWeightedRoundRobin, kLeastConnections, kSourceHash };
enum class Forwarding : std::uint8_t { kNat, kFullNat, kDirect, kIpip, kGue, kGre };
enum class Affinity : std::uint8_t { kNone, kClient };
// How a backend of a full_nat service learns the client's address.
enum class ClientAddress : std::uint8_t { kNone, kProxyProtocol, kToa };
enum class Per : std::uint8_t { kConnection, kPacket };  // what is scheduled, of UDP
enum class AllDown : std::uint8_t { kDrop, kReject, kLastResort };
enum class Protocol : std::uint8_t { kTcp, kUdp, kSctp };

// "tcp/443", "udp/5000-5100", "tcp" for all its ports.
struct ServicePorts {
  Protocol protocol = Protocol::kTcp;
  PortRange ports{0, 65535};

  [[nodiscard]] bool all() const noexcept { return ports.first == 0; }
  bool operator==(const ServicePorts&) const noexcept = default;
};

struct Backend {
  Position at;
  Located<net::IpAddress> address;
  Located<std::optional<std::uint16_t>> port;     // empty: that of the service
  std::uint32_t weight = 1;                       // 0: gets no new connections
  Located<std::optional<std::string>> server_id;  // of QUIC connection ids, in small hexadecimal digits
};

// Where more backends come from, while the appliance runs.
struct Discovery {
  Position at;
  // Lines of "address [port=N] [weight=N]", looked at when it changes. Checked: a path that can be opened.
  Located<std::optional<std::string>> file;
  Located<std::optional<std::string>> dns;  // a name; all its addresses
  Milliseconds interval{10'000};            // between looks at the name
};

enum class CheckType : std::uint8_t { kTcp, kHttp, kHttps, kUdp, kDns, kIcmp, kScript };

struct Health {
  Position at;
  Located<CheckType> type{.value = CheckType::kTcp, .at = {}};
  Located<std::optional<std::uint16_t>> port;  // empty: the backend's, else the first of the service
  Milliseconds interval{2'000};
  Located<Milliseconds> timeout{.value = Milliseconds{1'000}, .at = {}};
  std::uint32_t rise = 2;     // good answers in a row after which a backend is up
  std::uint32_t fall = 3;     // failures in a row after which it is down
  std::uint32_t jitter = 10;  // per cent of the interval
  // HTTP and HTTPS.
  Located<std::optional<std::string>> path;    // empty: "/"
  Located<std::optional<std::string>> host;    // header; empty: the backend's address
  std::vector<Located<std::uint16_t>> expect;  // status codes; empty: 200 to 399
  Located<std::optional<std::string>> body;    // that the answer's body contains
  // HTTPS.
  // SNI, and the name the certificate must have; empty: the backend's address, and no SNI.
  Located<std::optional<std::string>> server_name;
  Located<std::optional<std::string>> ca;  // path of a file of certificates; empty: the system's
  Located<bool> verify{.value = true, .at = {}};
  // UDP: the bytes that are sent, and those the answer begins with (empty: any answer).
  Located<std::optional<std::string>> send;
  Located<std::optional<std::string>> receive;
  // DNS.
  Located<std::optional<std::string>> name;
  // Script: path of a program, run with the backend's address and port; exit status 0 is a good answer.
  Located<std::optional<std::string>> command;
};

// A backend that answers no SYN of so many clients in a row, or refuses them, is given none for a while.
struct PassiveHealth {
  Position at;
  std::uint32_t failures = 5;  // handshakes in a row
  Milliseconds eject{10'000};  // the first time; doubled each time it fails again, up to `longest`
  Located<Milliseconds> longest{.value = Milliseconds{300'000}, .at = {}};
  std::uint32_t most_ejected = 50;  // per cent of the service's backends
};

// Connection ids that name the server: draft-ietf-quic-load-balancers, without encryption.
struct QuicIds {
  Position at;
  std::uint32_t config = 0;           // 0 to 6: the first three bits of the connection id
  std::uint32_t server_id_bytes = 4;  // 1 to 15
};

struct Protect {
  Located<std::optional<std::uint64_t>> syn_proxy_above;             // new connections per second; 0: always
  Located<std::optional<std::uint64_t>> connections_per_client;      // at a time
  Located<std::optional<std::uint64_t>> new_connections_per_client;  // per second
  Located<std::optional<std::uint64_t>> connections;                 // of the service, at a time
};

struct Timeouts {
  Milliseconds tcp_established{3'600'000};
  Milliseconds tcp_opening{60'000};
  Milliseconds tcp_closing{60'000};
  Milliseconds udp{120'000};
  Milliseconds sctp{3'600'000};
};

struct Service {
  Position at;
  bool complete = true;  // all that is written could be read
  Located<std::string> name;
  Located<net::IpAddress> address;
  std::vector<Located<ServicePorts>> ports;    // empty: every protocol and port
  Located<std::optional<std::string>> domain;  // empty: "default"
  Located<Scheduler> scheduler{.value = Scheduler::kMaglev, .at = {}};
  Located<Forwarding> forwarding{.value = Forwarding::kNat, .at = {}};
  Affinity affinity = Affinity::kNone;
  Located<Per> per{.value = Per::kConnection, .at = {}};
  Located<std::optional<std::string>> source_pool;  // of full_nat
  Located<ClientAddress> client_address{.value = ClientAddress::kNone, .at = {}};
  std::vector<Backend> backends;
  std::optional<Discovery> discover;
  std::optional<Health> health;
  std::optional<PassiveHealth> passive;
  Milliseconds slow_start{0};  // a backend that comes up reaches its weight in that time
  Milliseconds drain{30'000};  // how long a backend that is taken away keeps its connections
  Located<AllDown> all_down{.value = AllDown::kReject, .at = {}};
  std::optional<Backend> last_resort;
  std::optional<QuicIds> quic;
  Located<std::optional<std::uint16_t>> mss;  // what TCP SYNs are held to; empty: what fits the tunnel
  Protect protect;
  Timeouts timeouts;

  [[nodiscard]] std::string_view routing_domain() const noexcept {
    return domain.value ? std::string_view(*domain.value) : "default";
  }
  // Whether packets of the protocol are among what it takes, and whether nothing else is.
  [[nodiscard]] bool takes(Protocol protocol) const noexcept;
  [[nodiscard]] bool takes_only(Protocol protocol) const noexcept;
};

// Addresses that connections of full_nat services come from, as backends see them.
struct SourcePool {
  Located<std::string> name;
  std::vector<Located<net::IpAddress>> addresses;  // of one family
  Located<PortRange> ports{.value = {1024, 65535}, .at = {}};
};

struct Section {
  Position at;
  std::vector<Service> services;
  std::vector<SourcePool> source_pools;
  Located<std::uint32_t> table_size{.value = 65'537, .at = {}};  // of Maglev, a prime
  std::uint64_t hash_seed = 0;  // the same on all instances that share the traffic
  bool announce = true;  // the services' addresses are the appliance's own, for routing daemons to announce

  // Null when there is none of that name.
  [[nodiscard]] const Service* service(std::string_view wanted) const noexcept;
  [[nodiscard]] const SourcePool* source_pool(std::string_view wanted) const noexcept;
};

// The whole file: `common` and `own`.
using Whole = control::Loaded<Section>;

// How the load balancer's section is written and checked; for control::parse_profile, control::load_profile
// and the generators of docs.
[[nodiscard]] const control::ProfileSchema<Section>& schema();

}  // namespace millrace::load_balancer::profile
