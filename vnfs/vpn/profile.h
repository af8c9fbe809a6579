// SPDX-License-Identifier: BSD-3-Clause
// The `vpn:` section of the profile, as plain values with the places later checks point at. What each key
// means stands in the table in profile_schema.cpp and in docs/profile.vpn.md.
#pragma once

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
};

// Packets that go by no tunnel.
struct Exception {
  Position at;
  Located<net::Prefix> local;
  Located<net::Prefix> remote;
  Action action = Action::kBypass;
};

// The socket on which charon's plugin tells associations and policies.
struct KeyExchange {
  std::string socket = "/run/millrace/vpn-ike.sock";
  std::optional<std::uint32_t> user;  // who may connect, beside root and the appliance's own user

  bool operator==(const KeyExchange&) const = default;
};

struct Section {
  Position at;
  std::vector<Tunnel> tunnels;
  std::vector<Exception> exceptions;
  std::optional<KeyExchange> key_exchange;
  std::optional<std::uint16_t> mss;  // nothing: what fits the tunnel
};

[[nodiscard]] const control::ProfileSchema<Section>& schema();

// All of a file of hexadecimal digits. Fails with what the file should be.
[[nodiscard]] Result<crypto::Secret> read_key(const std::string& path, std::size_t bytes);

}  // namespace millrace::vpn::profile
