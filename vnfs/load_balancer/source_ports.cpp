// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/source_ports.h"

#include <algorithm>
#include <array>

namespace millrace::load_balancer {
namespace {

// Whoever sees a port must not guess the next: they have a key of their own.
SipKey secret_of_source_ports(std::uint64_t seed) noexcept {
  constexpr std::array<std::uint8_t, 2> kPurpose{'b', 'p'};
  return {siphash(kPurpose, {seed, 0}), siphash(kPurpose, {seed, 1})};
}

}  // namespace

SourcePorts::SourcePorts(std::uint64_t seed, core::WorkerShare share) noexcept
    : runs_(secret_of_source_ports(seed), share) {}

bool SourcePorts::take(const Service& service, const Backend& backend, be16 backend_port,
                       core::PortSpace space, unsigned bucket, Connection& connection) noexcept {
  const std::vector<SourceAddress*>& addresses = service.sources;
  const core::PortRequest wanted{
      .space = space,
      .span = service.source_ports,
      .peer = static_cast<std::uint16_t>(core::folded_words(backend.address) ^ backend_port.wire())};
  const auto count = static_cast<unsigned>(addresses.size());
  if (count == 0) return false;
  const unsigned from = runs_.below(count);
  for (unsigned i = 0; i < std::min(count, kAddressTries); ++i) {
    SourceAddress& address = *addresses[(from + i) % count];
    std::uint16_t port = 0;
    if (!runs_.take_shared(address, bucket, wanted, port)) continue;
    connection.source = &address;
    connection.source_port = port;
    return true;
  }
  return false;
}

void SourcePorts::bind(const Connection& connection, ConnectionIndex index) noexcept {
  if (SourceAddress::Entry* entry = connection.source_entry())
    entry->store(index + 1, std::memory_order_relaxed);
}

void SourcePorts::give_back(const Connection& connection) noexcept {
  SourceAddress::Entry* entry = connection.source_entry();
  if (entry == nullptr) return;
  entry->store(0, std::memory_order_relaxed);
  SourceAddress& address = *connection.source;
  if (const auto bucket = address.bucket_of(connection.source_port))
    runs_.give_back(address, *port_space(connection.protocol()), connection.source_port, *bucket);
}

}  // namespace millrace::load_balancer
