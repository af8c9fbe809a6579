// SPDX-License-Identifier: BSD-3-Clause
// The `nat:` section of the profile, as plain values with the places later checks point at. What each key
// means stands in the table in profile_schema.cpp and in docs/profile.nat.md. Names are still names here; the
// policy is compiled from this.
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

namespace millrace::nat::profile {

using control::Located;
using control::Milliseconds;
using control::PortRange;
using control::Position;

// RFC 4787 section 4.1 and section 5: on what of the remote end a mapping, or what it lets in, depends.
enum class Dependence : std::uint8_t { kEndpointIndependent, kAddressDependent, kAddressAndPortDependent };
// RFC 4787 section 4.1, REQ-2: whether all mappings of a subscriber have one outside address.
enum class Pairing : std::uint8_t { kPaired, kArbitrary };
enum class Alg : std::uint8_t { kFtp, kSip, kPptp };
enum class LoggedEvents : std::uint8_t { kBlocks, kSessions };
enum class MappedProtocol : std::uint8_t { kTcp, kUdp, kTcpAndUdp };

// Both ends included.
struct AddressRange {
  net::Ipv4Address first;
  net::Ipv4Address last;

  [[nodiscard]] std::uint64_t size() const noexcept {
    return std::uint64_t{last.value.host()} - first.value.host() + 1;
  }
  [[nodiscard]] bool overlaps(const AddressRange& other) const noexcept {
    return first <= other.last && other.first <= last;
  }
  bool operator==(const AddressRange&) const noexcept = default;
};

// Outside addresses and ports that subscribers share.
struct Pool {
  Located<std::string> name;
  std::vector<Located<AddressRange>> addresses;
  std::vector<Located<AddressRange>> exclude;
  // The addresses that are left: ascending, none overlapping or adjoining another.
  std::vector<AddressRange> usable;
  Located<PortRange> ports{.value = {1024, 65535}, .at = {}};
  // Ports a subscriber gets at once and alone: a power of two, 64 to 4096. Empty: ports are shared one by
  // one.
  Located<std::optional<std::uint32_t>> block;
  std::uint32_t blocks_per_subscriber = 4;                     // 1 to 8; of a pool with blocks
  Located<std::optional<std::uint32_t>> ports_per_subscriber;  // of each protocol; empty: no limit
  Located<std::optional<std::uint32_t>> sessions_per_subscriber;
  Pairing pairing = Pairing::kPaired;
  Milliseconds quarantine{120'000};            // RFC 6888 REQ-8
  Located<std::optional<std::string>> domain;  // of the outside interfaces; empty: "default"
};

// Which packets from inside are translated, and how; the first rule that matches decides.
struct Rule {
  Position at;
  std::vector<Located<std::string>> interface;    // of arrival; empty: every inside interface
  std::vector<Located<net::Prefix>> source;       // IPv4; empty: any
  std::vector<Located<net::Prefix>> destination;  // empty: any
  std::optional<Located<std::string>> pool;       // exactly one of pool and bypass
  bool bypass = false;                            // not translated, both ways (RFC 6888 REQ-6)
  Dependence mapping = Dependence::kEndpointIndependent;
  Located<Dependence> filtering{.value = Dependence::kAddressAndPortDependent, .at = {}};
};

// An inside address, or one port or range of ports of it, and what it is called outside.
struct Static {
  Position at;
  Located<net::Ipv4Address> inside;
  Located<net::Ipv4Address> outside;
  // Ports of both, equally many; empty: the whole address (all protocols).
  std::optional<PortRange> inside_ports;
  std::optional<PortRange> outside_ports;
  MappedProtocol protocol = MappedProtocol::kTcpAndUdp;
  // Of a whole network: the length of both prefixes; 32 for one address.
  std::uint8_t length = 32;
  Located<std::optional<std::string>> domain;  // of the inside address; empty: "default"
};

// RFC 7422: inside addresses share outside addresses by arithmetic alone.
struct Deterministic {
  Position at;
  Located<net::Prefix> inside;
  Located<net::Prefix> outside;
  PortRange ports{1024, 65535};
  Located<std::optional<std::string>> domain;  // of the inside addresses; empty: "default"
};

// RFC 6146, with the prefix of RFC 6052.
struct Nat64 {
  Located<net::Prefix> prefix;  // of length 32, 40, 48, 56, 64 or 96
  Located<std::string> pool;
  Dependence filtering = Dependence::kEndpointIndependent;
  std::uint16_t lowest_ipv6_mtu = 1280;  // RFC 7915 section 4
};

// RFC 6296.
struct Nptv6 {
  Position at;
  Located<net::Prefix> inside;
  Located<net::Prefix> outside;                // of the same length, at most 64
  Located<std::optional<std::string>> domain;  // of the inside network; empty: "default"
};

struct PortControl {  // RFC 6887 and RFC 6886, answered on the inside interfaces
  Milliseconds longest{86'400'000};
  Located<Milliseconds> shortest{.value = Milliseconds{120'000}, .at = {}};
  bool nat_pmp = true;
  bool third_party = false;
  bool prefer_failure = false;
  std::uint32_t mappings_per_subscriber = 64;
};

struct Timeouts {
  Milliseconds tcp_established{7'440'000};  // RFC 5382 REQ-5: at least 2 h 4 min
  // RFC 5382 REQ-5: at least 4 min; that of tcp_transitory where the profile gives none.
  Located<Milliseconds> tcp_opening{.value = Milliseconds{240'000}, .at = {}};
  Milliseconds tcp_transitory{240'000};  // RFC 5382 REQ-5: at least 4 min
  Milliseconds tcp_syn{6'000};           // RFC 5382 REQ-4: unsolicited SYN from outside
  Milliseconds udp{300'000};             // RFC 4787 REQ-5: at least 2 min, 5 min recommended
  // To ports 0 to 1023, RFC 4787 REQ-5a: at most `udp`, and that where the profile gives none.
  Located<Milliseconds> udp_well_known{.value = Milliseconds{300'000}, .at = {}};
  Milliseconds icmp{60'000};    // RFC 5508 REQ-2: at least 60 s
  Milliseconds other{600'000};  // other protocols, by 1:1 mappings
};

struct Syslog {
  Located<control::Endpoint> collector;  // over UDP
};

struct Log {
  Located<bool> ipfix{.value = false, .at = {}};  // RFC 8158, to the collector of telemetry.ipfix
  std::optional<Syslog> syslog;
  LoggedEvents events = LoggedEvents::kBlocks;
  Located<bool> destinations{.value = false, .at = {}};  // of sessions; RFC 6888 REQ-12
};

// FTP alone (RFC 5382 REQ-6).
[[nodiscard]] std::vector<Located<Alg>> default_alg() noexcept;

struct Section {
  Position at;
  std::vector<Located<std::string>> inside;   // interfaces
  std::vector<Located<std::string>> outside;  // interfaces
  std::vector<Pool> pools;
  std::vector<Rule> rules;
  std::vector<Static> statics;
  std::vector<Deterministic> deterministic;
  std::optional<Nat64> nat64;
  std::vector<Nptv6> nptv6;
  bool hairpin = true;
  std::vector<Located<Alg>> alg = default_alg();
  std::optional<PortControl> port_control;
  Timeouts timeouts;
  Log log;
  std::uint64_t subscribers = 65'536;  // there is room for, taken at start

  // Null when there is none of that name.
  [[nodiscard]] const Pool* pool(std::string_view wanted) const noexcept;
};

// The whole file: `common` and `own`.
using Whole = control::Loaded<Section>;

// How the NAT gateway's section is written and checked; for control::parse_profile, control::load_profile and
// the generators of docs.
[[nodiscard]] const control::ProfileSchema<Section>& schema();

}  // namespace millrace::nat::profile
