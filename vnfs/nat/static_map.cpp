// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/static_map.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/net/wire.h"

namespace millrace::nat {
namespace {

// One side of a mapping: where its addresses and ports begin.
struct Side {
  std::uint32_t StaticMapping::*address;
  std::uint16_t StaticMapping::*port;
  std::uint16_t StaticMapping::*domain;
};
constexpr Side kInside{&StaticMapping::inside, &StaticMapping::inside_port, &StaticMapping::inside_domain};
constexpr Side kOutside{&StaticMapping::outside, &StaticMapping::outside_port,
                        &StaticMapping::outside_domain};

bool takes(const StaticMapping& mapping, const Side& side, std::uint16_t port,
           std::uint8_t protocol) noexcept {
  if (mapping.whole) return true;
  const bool meant = mapping.protocol == 0
                         ? protocol == net::protocol::kTcp || protocol == net::protocol::kUdp
                         : protocol == mapping.protocol;
  const auto offset = static_cast<std::uint16_t>(port - mapping.*side.port);
  return meant && offset < mapping.ports;
}

void sort(std::vector<StaticMapping>& mappings, const Side& side) {
  std::ranges::sort(mappings, {}, [&](const StaticMapping& mapping) {
    return std::pair(mapping.*side.domain, mapping.*side.address);
  });
}

// Calls visit(mapping) for those that have the address on this side, until it returns true.
template <class Visit>
void each_with(const std::vector<StaticMapping>& mappings, const Side& side, std::uint32_t address,
               std::uint16_t domain, Visit&& visit) noexcept {
  auto at = std::ranges::upper_bound(
      mappings, std::pair(domain, address), {},
      [&](const StaticMapping& mapping) { return std::pair(mapping.*side.domain, mapping.*side.address); });
  while (at != mappings.begin()) {
    const StaticMapping& mapping = *--at;
    if (mapping.*side.domain != domain || address - mapping.*side.address >= mapping.size) return;
    if (visit(mapping)) return;
  }
}

std::optional<StaticMap::Other> other_of(const std::vector<StaticMapping>& mappings, const Side& from,
                                         const Side& to, Endpoint end, std::uint8_t protocol,
                                         std::uint16_t domain) noexcept {
  std::optional<StaticMap::Other> found;
  const std::uint32_t address = end.ipv4().value.host();
  const std::uint16_t port = end.wire_port().host();
  each_with(mappings, from, address, domain, [&](const StaticMapping& mapping) {
    if (!takes(mapping, from, port, protocol)) return false;
    const net::Ipv4Address other{be32(mapping.*to.address + (address - mapping.*from.address))};
    const auto moved = static_cast<std::uint16_t>(mapping.*to.port + (port - mapping.*from.port));
    found = {.end = Endpoint::of(other, be16(mapping.whole ? port : moved)), .domain = mapping.*to.domain};
    return true;
  });
  return found;
}

}  // namespace

StaticMap::StaticMap(std::vector<StaticMapping> mappings)
    : by_inside_(std::move(mappings)), by_outside_(by_inside_) {
  sort(by_inside_, kInside);
  sort(by_outside_, kOutside);
}

std::optional<StaticMap::Other> StaticMap::outside_of(Endpoint inside, std::uint8_t protocol,
                                                      std::uint16_t domain) const noexcept {
  return other_of(by_inside_, kInside, kOutside, inside, protocol, domain);
}

std::optional<StaticMap::Other> StaticMap::inside_of(Endpoint outside, std::uint8_t protocol,
                                                     std::uint16_t domain) const noexcept {
  return other_of(by_outside_, kOutside, kInside, outside, protocol, domain);
}

std::optional<net::Ipv4Address> StaticMap::inside_of_whole(net::Ipv4Address outside,
                                                           std::uint16_t domain) const noexcept {
  std::optional<net::Ipv4Address> found;
  const std::uint32_t address = outside.value.host();
  each_with(by_outside_, kOutside, address, domain, [&](const StaticMapping& mapping) {
    if (mapping.whole) found = net::Ipv4Address{be32(mapping.inside + (address - mapping.outside))};
    return mapping.whole;
  });
  return found;
}

}  // namespace millrace::nat
