// SPDX-License-Identifier: BSD-3-Clause
// An address that connections of full_nat services come from, as backends see them, and which connection has
// each of its ports.
//
// A port is in use once for each protocol, whoever the backend is: an address carries as many connections of
// a protocol at a time as its pool has ports of it, 64,512 as a rule. An answer is looked up by the port
// alone, in a table of all of them. That is one cache line, as an entry of the connections' hash index would
// be, without a hash, and it costs memory only where there are source addresses: 768 kB for each.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include <immintrin.h>

#include "common/base/page_array.h"
#include "common/core/address_book.h"
#include "common/flow/flow_table.h"

namespace millrace::load_balancer {

// Nothing for a protocol that has no ports a balancer could choose.
[[nodiscard]] constexpr std::optional<core::PortSpace> port_space(std::uint8_t protocol) noexcept {
  if (protocol == net::protocol::kTcp) return core::PortSpace::kTcp;
  if (protocol == net::protocol::kUdp) return core::PortSpace::kUdp;
  if (protocol == net::protocol::kSctp) return core::PortSpace::kSctp;
  return std::nullopt;
}

class SourceAddress final : public core::SharedAddress {
 public:
  // One more than the connection's number in the table of the worker that has the port; 0: none. That worker
  // writes; another may read it while the port changes hands, and finds a connection that is not the port's.
  using Entry = std::atomic<std::uint32_t>;

  SourceAddress(const net::IpAddress& address, std::uint16_t domain, core::AddressId id)
      : SharedAddress(address, domain, id), connections_(core::kPortSpaces << 16U) {}

  [[nodiscard]] Entry& entry(core::PortSpace space, std::uint16_t port) noexcept {
    return reinterpret_cast<Entry&>(
        connections_[std::size_t{static_cast<std::uint8_t>(space)} << 16U | port]);
  }
  [[nodiscard]] static flow::RecordIndex connection(const Entry& entry) noexcept {
    static_assert(flow::kNoRecord == static_cast<flow::RecordIndex>(-1));
    return entry.load(std::memory_order_relaxed) - 1;
  }

 private:
  static_assert(sizeof(Entry) == sizeof(std::uint32_t) && Entry::is_always_lock_free);
  PageArray<std::uint32_t> connections_;  // by PortSpace and port
};

using SourceBook = core::AddressBook<SourceAddress, net::IpAddress>;

}  // namespace millrace::load_balancer
