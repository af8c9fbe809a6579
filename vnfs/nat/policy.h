// SPDX-License-Identifier: BSD-3-Clause
// What the profile says, as the workers use it. Immutable, but for the state of outside addresses, which are
// not its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/function.h"
#include "common/core/ownership.h"
#include "common/net/translation_prefix.h"
#include "vnfs/nat/address_book.h"
#include "vnfs/nat/alg_records.h"
#include "vnfs/nat/mapped_networks.h"
#include "vnfs/nat/pool.h"
#include "vnfs/nat/records.h"
#include "vnfs/nat/static_map.h"
#include "vnfs/nat/timeouts.h"

namespace millrace::nat {

enum class Role : std::uint8_t { kOther, kInside, kOutside };

struct Rule {
  std::vector<core::InterfaceId> interfaces{};  // of arrival; empty: all
  std::vector<net::Prefix> sources{};           // empty: all, as are the next
  std::vector<net::Prefix> destinations{};
  std::optional<std::uint16_t> pool{};  // place in Policy::pools; none: not translated
  Dependence mapping = Dependence::kEndpoint;
  Dependence filtering = Dependence::kAddressAndPort;

  [[nodiscard]] bool matches(core::InterfaceId interface, const net::IpAddress& source,
                             const net::IpAddress& destination) const noexcept;
};

// What the workers note for the logs.
struct LoggedEvents {
  bool blocks = false;  // blocks of ports, and mappings whose port is in none
  bool sessions = false;
  bool destinations = false;  // with sessions, RFC 6888 REQ-12
  bool refusals = false;      // pools without a port, subscribers and tables with as much as they may have
};

// RFC 6146: hosts of IPv6 inside reach those of IPv4 outside by addresses of the prefix.
struct Nat64 {
  net::TranslationPrefix prefix;
  Rule rule;                             // by which such packets are translated
  std::uint16_t lowest_ipv6_mtu = 1280;  // RFC 7915 section 4
};

// PCP and NAT-PMP, answered on inside interfaces whose Interface::function_port says so.
struct PortControl {
  std::uint32_t longest = 86'400;  // seconds, as is the next: lifetimes that are granted
  std::uint32_t shortest = 120;
  bool nat_pmp = true;
  bool third_party = false;
  bool prefer_failure = false;
  std::uint32_t mappings_per_subscriber = 64;
};

class Policy final : public core::Policy, public core::Ownership {
 public:
  std::uint16_t generation = 0;
  bool draining = false;
  bool hairpin = true;
  Timeouts timeouts;
  LoggedEvents logged;
  std::vector<Role> roles;  // by InterfaceId
  std::vector<Pool> pools;
  std::vector<Rule> rules;  // the first that matches decides
  StaticMap statics;        // before all rules
  std::optional<Nat64> nat64;
  MappedNetworks mapped_networks;  // RFC 6296
  std::optional<PortControl> port_control;
  AlgSet algs;
  std::vector<core::InterfaceId> outside_of;  // by DomainId: one of its outside interfaces, or none

  // All addresses of the pools, by domain and address; to be sorted by settle() once they are there.
  struct Place {
    OutsideAddress* address;
    std::uint16_t pool;
  };
  void settle();

  // A route that leads nowhere has no interface.
  [[nodiscard]] Role role(core::InterfaceId interface) const noexcept {
    return interface.value() < roles.size() ? roles[interface.value()] : Role::kOther;
  }
  // Where a packet comes from, as the translation sees it.
  [[nodiscard]] Role side(const core::Packet& packet) const noexcept {
    return packet.restarted ? Role::kOutside : role(packet.ingress);
  }
  // Whether the address is inside, or the appliance's, so that nobody outside has it: RFC 3704 section 2.
  [[nodiscard]] bool is_ours(const net::IpAddress& address, core::DomainId domain,
                             const core::Network& network) const noexcept;
  // Null when no rule says how the packet is translated.
  [[nodiscard]] const Rule* match(core::InterfaceId interface, const net::IpAddress& source,
                                  const net::IpAddress& destination) const noexcept;
  // Null when no pool has the address.
  [[nodiscard]] const Place* find(net::Ipv4Address address, std::uint16_t domain) const noexcept;
  // The bucket that has the outside endpoint; nothing when nobody has.
  [[nodiscard]] std::optional<unsigned> owner_of_outside(Endpoint outside, std::uint8_t protocol,
                                                         std::uint16_t domain) const noexcept;
  // The same for a call of PPTP.
  [[nodiscard]] std::optional<unsigned> owner_of_call(net::Ipv4Address outside, be16 call,
                                                      std::uint16_t domain) const noexcept;
  // Whether some rule gives the subscriber ports of that pool.
  [[nodiscard]] bool gives(const net::IpAddress& subscriber, std::uint16_t pool) const noexcept;
  // Whether what was asked for may stay.
  [[nodiscard]] bool keeps(const net::IpAddress& subscriber, const Lease& lease,
                           const Mapping& mapping) const noexcept;
  // How long a port of that address rests; nothing when the policy does not have it any more.
  [[nodiscard]] Tick quarantine_of(const Place* place) const noexcept {
    return place == nullptr ? 0 : pools[place->pool].quarantine;
  }

  // How long a block rests.
  [[nodiscard]] Tick rest_of_blocks(const AddressBook& book, const Subscriber& subscriber) const noexcept {
    if (subscriber.block_count == 0) return 0;
    const OutsideAddress& address = book[subscriber.blocks[0].address];
    return quarantine_of(find(address.address(), address.domain()));
  }

  [[nodiscard]] const core::Ownership* ownership() const noexcept override { return this; }
  [[nodiscard]] unsigned bucket_of(const core::Packet& packet, bool with_ports) const noexcept override;

 private:
  std::vector<Place> places_;
};

// The bucket of an inside address: what a NIC's RSS over source addresses alone gives.
[[nodiscard]] unsigned bucket_of_inside(const net::IpAddress& address) noexcept;

}  // namespace millrace::nat
