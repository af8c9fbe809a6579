// SPDX-License-Identifier: BSD-3-Clause
// The `vpn:` section of the profile, as plain values with the places later checks point at. What each key
// means stands in the table in profile_schema.cpp and in docs/profile.vpn.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/acceleration/crypto/suite.h"
#include "common/control/profile/diagnostics.h"
#include "common/control/profile/load.h"
#include "common/control/profile/profile.h"
#include "common/control/profile/types.h"
#include "common/net/address.h"
#include "vnfs/vpn/association_spec.h"
#include "vnfs/vpn/proposals.h"

namespace millrace::vpn::profile {

using control::Located;
using control::PortRange;
using control::Position;

// What a tunnel carries: packets between a network here and one behind the other gateway.
struct Networks {
  Position at;
  Located<net::Prefix> local;
  Located<net::Prefix> remote;
  std::optional<std::uint8_t> protocol;  // nothing: all
  std::optional<PortRange> local_ports;
  std::optional<PortRange> remote_ports;
};

// Names of files become paths that can be opened.
struct Keys {
  Position at;
  Located<std::uint32_t> spi;
  Located<crypto::Suite> suite;
  Located<std::string> key;                           // a file
  Located<std::optional<std::string>> integrity_key;  // a file; of suites with a hash
};

struct NatTraversal {
  std::uint16_t local_port = 4500;
  std::uint16_t remote_port = 4500;
};

// A tunnel whose keys the profile names, for a peer without key exchange.
struct Tunnel {
  Located<std::string> name;
  Located<net::IpAddress> local;
  Located<net::IpAddress> remote;
  Mode mode = Mode::kTunnel;
  std::vector<Networks> networks;
  std::optional<NatTraversal> nat_traversal;
  bool extended_sequence_numbers = true;
  Located<std::uint32_t> replay_window{.value = 1024, .at = {}};  // packets; a power of two, 64 to 4096
  Keys in;
  Keys out;
  std::uint32_t interface = 0;  // AssociationSpec::interface; found by the check
};

// Packets that go by no tunnel.
struct Exception {
  Position at;
  Located<net::Prefix> local;
  Located<net::Prefix> remote;
  Action action = Action::kBypass;
};

// How charon and the gateway reach each other.
struct KeyExchange {
  std::string socket = "/run/millrace/vpn-ike.sock";  // where its plugin tells associations and policies
  std::optional<std::uint32_t> user;  // who may connect, beside root and the appliance's own user
  std::string control = "/run/millrace/vpn-charon.sock";  // where charon is told connections: its VICI socket

  bool operator==(const KeyExchange&) const = default;
};

// How a peer proves who it is.
enum class Authentication : std::uint8_t { kSecret, kCertificate, kEapTls, kEapMschapv2 };

// When a connection's tunnels are made.
enum class Start : std::uint8_t {
  kPeer,     // by the peer
  kTraffic,  // by the first packet
  kAlways,   // at once, and again when they are gone
};

// What one pair of associations carries.
struct Protected {
  Position at;
  std::optional<net::Prefix> local;   // nothing: the gateway's own address
  std::optional<net::Prefix> remote;  // nothing: the peer's address, or the one it gets from a pool
  std::optional<std::uint8_t> protocol;
  std::optional<PortRange> local_ports;
  std::optional<PortRange> remote_ports;
};

// When keys are made anew, before anything ends.
struct Renewal {
  control::Milliseconds keys = std::chrono::hours(1);
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> packets;
  control::Milliseconds exchange = std::chrono::hours(4);
  std::optional<control::Milliseconds> authentication;
};

// A peer, or many alike, whose tunnels charon makes. Names of files become paths that can be opened.
struct Connection {
  Located<std::string> name;
  Located<std::optional<net::IpAddress>> local;
  std::vector<Located<std::string>> remote;  // addresses, prefixes, host names; none: anywhere
  Located<Authentication> authentication;
  std::optional<std::string> identity;
  std::optional<std::string> peer;
  Located<std::optional<std::string>> secret;       // a file
  Located<std::optional<std::string>> certificate;  // a file
  Located<std::optional<std::string>> key;          // a file
  std::vector<Located<std::string>> authorities;
  bool strict_revocation = false;
  std::vector<Located<std::string>> ike_proposals = default_proposals(ProposalKind::kIke);
  std::vector<Located<std::string>> esp_proposals = default_proposals(ProposalKind::kEsp);
  std::vector<Protected> networks;
  std::vector<Located<std::string>> pools;
  Mode mode = Mode::kTunnel;
  Located<std::uint16_t> parallel{.value = 1, .at = {}};  // pairs of associations for each of `networks`
  Start start = Start::kPeer;
  Renewal renewal;
  control::Milliseconds dead_peer_check = std::chrono::seconds(30);
  bool mobike = true;
  bool force_udp = false;
  Located<std::uint32_t> replay_window{.value = 1024, .at = {}};  // packets; a power of two, 64 to 4096
  std::uint32_t interface = 0;  // AssociationSpec::interface; found by the check
};

// Addresses that peers are given.
struct Pool {
  Located<std::string> name;
  Located<std::string> addresses;  // a prefix, or a range
  std::vector<net::IpAddress> dns;
  std::vector<net::Prefix> split;
};

// Who signs certificates of peers.
struct Authority {
  Located<std::string> name;
  Located<std::string> certificate;  // a file
  std::vector<std::string> crl;
  std::vector<std::string> ocsp;
};

// Who may prove with a password who they are.
struct User {
  Located<std::string> name;
  Located<std::string> secret;  // a file
};

// When packets that do not fit a tunnel, and may be cut, are.
enum class Fragment : std::uint8_t { kBefore, kAfter };

struct Section {
  Position at;
  std::vector<Tunnel> tunnels;
  std::vector<Connection> connections;
  std::vector<Pool> pools;
  std::vector<Authority> authorities;
  std::vector<User> users;
  std::vector<Exception> exceptions;
  std::optional<KeyExchange> key_exchange;
  std::optional<std::uint16_t> mss;  // nothing: what fits the tunnel
  DontFragment dont_fragment = DontFragment::kCopy;
  Fragment fragment = Fragment::kAfter;
};

[[nodiscard]] const control::ProfileSchema<Section>& schema();

// All of a file of hexadecimal digits. Fails with what the file should be.
[[nodiscard]] Result<crypto::Secret> read_key(const std::string& path, std::size_t bytes);

}  // namespace millrace::vpn::profile
