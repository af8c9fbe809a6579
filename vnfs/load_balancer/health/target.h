// SPDX-License-Identifier: BSD-3-Clause
// What is checked, and how: plain values without a word about where they were written. One target is one
// backend of one service. Text that goes on the wire is bytes here; what an absent value means stands beside
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/net/address.h"

namespace millrace::load_balancer::health {

// The connection is made and closed again.
struct TcpCheck {
  bool operator==(const TcpCheck&) const = default;
};

struct Tls {
  std::string
      server_name;  // SNI, and what the certificate must be for; empty: the Host header's, or the address
  std::string ca_file{};  // certificates of authorities, PEM; empty: the system's
  bool verify = true;     // the chain and the name; false: any certificate will do

  bool operator==(const Tls&) const = default;
};

// A GET; HTTPS when there is `tls`.
struct HttpCheck {
  std::string path = "/";  // escaped already
  std::string host{};      // header; empty: the address, and the port when it is not the usual one
  std::vector<std::uint16_t> statuses{};  // that are good; empty: 200 to 399
  std::string body{};                     // what the first 64 KiB of the body contain; empty: it is not read
  std::optional<Tls> tls{};

  bool operator==(const HttpCheck&) const = default;
};

struct UdpCheck {
  std::string send{};
  // What the answer begins with; empty text: any answer. Not set: silence is good too, and only what the
  // network says against it (port unreachable) is a failure.
  std::optional<std::string> receive{};

  bool operator==(const UdpCheck&) const = default;
};

struct DnsCheck {
  enum class Type : std::uint16_t { kA = 1, kAaaa = 28 };

  std::string name{};  // "web.example", with or without the dot behind it; "." is the root
  Type type = Type::kA;
  bool answers = false;  // NOERROR without a record is a failure

  bool operator==(const DnsCheck&) const = default;
};

// An echo; the target's port means nothing.
struct IcmpCheck {
  bool operator==(const IcmpCheck&) const = default;
};

// A program, not a line for a shell. It is run as PROGRAM ADDRESS PORT, with the appliance's environment,
// nothing to read and nowhere to write; exit status 0 is good. It has a process group of its own, which is
// killed at the timeout.
struct ScriptCheck {
  std::string program{};  // a path

  bool operator==(const ScriptCheck&) const = default;
};

using Check = std::variant<TcpCheck, HttpCheck, UdpCheck, DnsCheck, IcmpCheck, ScriptCheck>;

// Where checks leave from, when the routes alone do not say. Nothing to a script.
struct Origin {
  std::optional<net::IpAddress> address{};  // of the target's family
  std::string device{};                     // by name; empty: any

  bool operator==(const Origin&) const = default;
};

struct Spec {
  Check check{};
  std::chrono::milliseconds interval{2'000};  // from the start of one check to the start of the next
  std::chrono::milliseconds timeout{1'000};   // of a whole check, from its first packet to its last byte
  std::uint32_t rise = 2;     // good answers in a row after which a backend that is down is up
  std::uint32_t fall = 3;     // failures in a row after which one that is up is down
  std::uint32_t jitter = 10;  // per cent of the interval, to either side, by chance
  Origin origin{};

  bool operator==(const Spec&) const = default;
};

struct Target {
  std::string id{};  // unique; "web/10.0.0.11:80"
  net::IpAddress address{};
  std::uint16_t port = 0;
  Spec spec;

  bool operator==(const Target&) const = default;
};

}  // namespace millrace::load_balancer::health
