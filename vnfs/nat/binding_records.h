// SPDX-License-Identifier: BSD-3-Clause
// The records of a stream of bindings, byte for byte. Addresses and ports stand as on the wire. Control
// thread; nothing here is trusted that was read.
#pragma once

#include <array>
#include <cstdint>

#include "common/net/wire.h"
#include "vnfs/nat/binding_stream.h"

namespace millrace::nat {

struct WireEnd {
  std::array<std::uint8_t, 4> address;
  std::array<std::uint8_t, 2> port;
};

struct WireOutside {
  WireEnd end;
  std::uint8_t protocol;
  std::uint8_t zero;
  be32 domain;
};

struct WireMapping {
  static constexpr std::uint8_t kStatic = 0x01;
  static constexpr std::uint8_t kRests = 0x02;

  WireOutside outside;
  std::uint8_t family;  // 4 or 6
  std::uint8_t filtering;
  std::uint8_t flags;
  std::uint8_t zero;
  control::StateAddress inside;
  std::array<std::uint8_t, 2> inside_port;
  be32 domain;
  WireEnd remote;
  be32 rested_ms;
};

struct WireSession {
  static constexpr std::uint8_t kInwardFirst = 0x01;
  static constexpr std::uint8_t kReplied = 0x02;

  WireOutside of;
  std::array<std::uint8_t, 4> remote;
  std::array<std::array<std::uint8_t, 2>, 2> source_port;
  std::array<std::array<std::uint8_t, 2>, 2> destination_port;
  std::uint8_t tcp;
  std::uint8_t flags;
  std::array<be64, 2> bytes;
  be32 idle_ms;
};

struct WireRemote {
  std::array<std::uint8_t, 4> address;
  std::array<std::uint8_t, 4> mask;
  std::array<std::uint8_t, 2> port;
};

struct WireLease {
  static constexpr std::uint8_t kPinhole = 0x01;

  WireOutside of;
  std::uint8_t kind;
  std::uint8_t flags;
  std::uint8_t remote_count;
  std::uint8_t zero;
  WireEnd remote;
  Lease::Nonce nonce;
  be32 left_ms;
  std::array<WireRemote, Lease::kMostRemotes> remotes;
};

struct WireShift {
  be32 first;
  be32 reach;
  be32 sum;
};

struct WireAlg {
  static constexpr std::uint8_t kMidLine = 0x01;
  static constexpr std::uint8_t kBegun = 0x02;  // outward; the next bit inward

  WireOutside of;
  WireEnd remote;
  std::uint8_t kind;
  std::uint8_t flags;
  be32 offered;
  std::array<WireShift, 2> shift;
};

static_assert(WireFormat<WireMapping> && sizeof(WireMapping) == 48);
static_assert(WireFormat<WireSession> && sizeof(WireSession) == 46);
static_assert(WireFormat<WireLease> && sizeof(WireLease) == 108);
static_assert(WireFormat<WireAlg> && sizeof(WireAlg) == 48);

[[nodiscard]] WireMapping wire_of(const PortableMapping& mapping) noexcept;
[[nodiscard]] WireSession wire_of(const PortableSession& session) noexcept;
[[nodiscard]] WireLease wire_of(const PortableLease& lease) noexcept;
[[nodiscard]] WireAlg wire_of(const PortableAlg& alg) noexcept;

// What no NAT gateway would have written; null when there is nothing.
[[nodiscard]] const char* fault_of(const WireMapping& wire) noexcept;
[[nodiscard]] const char* fault_of(const WireSession& wire) noexcept;
[[nodiscard]] const char* fault_of(const WireLease& wire) noexcept;
[[nodiscard]] const char* fault_of(const WireAlg& wire) noexcept;

// Of a record without fault. Its domains are numbers that need not be known.
[[nodiscard]] PortableMapping binding_of(const WireMapping& wire) noexcept;
[[nodiscard]] PortableSession binding_of(const WireSession& wire) noexcept;
[[nodiscard]] PortableLease binding_of(const WireLease& wire);
[[nodiscard]] PortableAlg binding_of(const WireAlg& wire) noexcept;

}  // namespace millrace::nat
