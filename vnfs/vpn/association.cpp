// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/association.h"

#include <algorithm>
#include <array>

namespace millrace::vpn {
namespace {

// RFC 4106 section 8.1: behind the cipher's own key.
std::array<std::uint8_t, 4> salt_of(const AssociationSpec& spec) {
  std::array<std::uint8_t, 4> salt{};
  const crypto::SuiteSizes sizes = crypto::sizes_of(spec.suite);
  const Bytes key = spec.cipher_key.bytes();
  if (sizes.salt == salt.size() && key.size() >= salt.size())
    std::ranges::copy(key.last(salt.size()), salt.begin());
  return salt;
}

// Without extended numbers they end, and a new association has to be there before.
Limit packets_of(const AssociationSpec& spec) noexcept {
  constexpr std::uint64_t kLast = 0xffffffff;
  constexpr std::uint64_t kTimeToReplace = std::uint64_t{1} << 28;
  Limit limit = spec.packets;
  if (spec.extended) return limit;
  limit.hard = limit.hard == 0 ? kLast : std::min(limit.hard, kLast);
  limit.soft = limit.soft == 0 ? kLast - kTimeToReplace : std::min(limit.soft, kLast - kTimeToReplace);
  return limit;
}

net::TunnelHeader header_of(const net::IpAddress& local, const net::IpAddress& remote,
                            const std::optional<UdpPorts>& udp) noexcept {
  net::TunnelHeader header(udp ? net::Tunnel::kEspInUdp : net::Tunnel::kEsp, remote.family(), remote);
  header.set_source(local);
  if (udp) header.set_ports(be16(udp->local), be16(udp->remote));
  return header;
}

}  // namespace

OutboundState::OutboundState(const AssociationSpec& spec, std::unique_ptr<const crypto::Key> of_library)
    : esp(spec.suite, *of_library, spec.key.spi, spec.extended, salt_of(spec)),
      lifetime(packets_of(spec), spec.bytes),
      key(std::move(of_library)) {
  esp.iv_base = spec.iv_base;
}

InboundState::InboundState(const AssociationSpec& spec, std::unique_ptr<const crypto::Key> of_library)
    : esp(spec.suite, *of_library, spec.window, spec.extended, salt_of(spec)),
      lifetime(spec.packets, spec.bytes),
      key(std::move(of_library)) {}

std::shared_ptr<const Outbound> make_outbound(const AssociationSpec& spec, Slot slot, std::uint16_t bucket,
                                              std::shared_ptr<OutboundState> state) {
  auto made = std::make_shared<Outbound>();
  const EspLayout& layout = state->esp.layout;
  made->header = header_of(spec.local, spec.key.remote, spec.udp);
  made->state = state.get();
  made->slot = slot;
  made->tunnel = spec.tunnel;
  made->interface = spec.interface;
  made->bucket = bucket;
  made->esp_overhead = static_cast<std::uint8_t>(layout.front() + layout.tag);
  made->mode = spec.mode;
  made->key = spec.key;
  made->local = spec.local;
  made->udp = spec.udp;
  made->keeps_state = std::move(state);
  return made;
}

std::shared_ptr<const Inbound> make_inbound(const AssociationSpec& spec, Slot slot,
                                            std::shared_ptr<InboundState> state) {
  auto made = std::make_shared<Inbound>();
  made->state = state.get();
  made->spi = spec.key.spi;
  made->slot = slot;
  made->tunnel = spec.tunnel;
  made->interface = spec.interface;
  made->mode = spec.mode;
  for (const Selector& selector : spec.selectors) {
    made->selectors.emplace_back(selector);
    made->local_networks.push_back(selector.local);
  }
  made->local = spec.local;
  made->remote = spec.key.remote;
  made->udp = spec.udp;
  made->keeps_state = std::move(state);
  return made;
}

std::shared_ptr<const Outbound> moved(const Outbound& before, const AssociationMove& to) {
  auto made = std::make_shared<Outbound>(before);
  made->header = header_of(to.local, to.remote, to.udp);
  made->key.remote = to.remote;
  made->local = to.local;
  made->udp = to.udp;
  return made;
}

std::shared_ptr<const Inbound> moved(const Inbound& before, const AssociationMove& to) {
  auto made = std::make_shared<Inbound>(before);
  made->local = to.local;
  made->remote = to.remote;
  made->udp = to.udp;
  return made;
}

}  // namespace millrace::vpn
