// SPDX-License-Identifier: BSD-3-Clause
// A firewall rule as the data path sees it: names resolved to ids, units gone. The profile is lowered to
// this.
//
// linear_match() is the definition of what a list of rules means; RuleMatcher is the fast way to the same
// answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/acceleration/dpi/applications.h"
#include "common/base/rate_bucket.h"
#include "common/base/strong_id.h"
#include "common/net/address.h"

namespace millrace::firewall {

using ZoneId = StrongId<struct ZoneTag, std::uint16_t>;
using SetId = StrongId<struct SetTag, std::uint32_t>;       // a place in the list of AddressSets
using RuleIndex = StrongId<struct RuleTag, std::uint32_t>;  // a place in the list of Rules; none(): no rule

// In a rule: sessions whose application could not be named.
inline constexpr dpi::ApplicationId kOtherApplication{0xffff};

enum class Action : std::uint8_t { kAccept, kDrop, kReject };

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  constexpr bool operator==(const PortRange&) const noexcept = default;
  [[nodiscard]] constexpr bool is_any() const noexcept { return first == 0 && last == 65535; }
  [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept {
    return first <= port && port <= last;
  }
  [[nodiscard]] constexpr bool contains(const PortRange& other) const noexcept {
    return first <= other.first && other.last <= last;
  }
};

// One service. Port ranges mean nothing for ICMP and ICMPv6, type and code nothing for the rest.
struct Service {
  std::optional<std::uint8_t> protocol{};  // empty: any
  PortRange source{};
  PortRange destination{};
  std::optional<std::uint8_t> icmp_type{};
  std::optional<std::uint8_t> icmp_code{};  // only together with a type

  bool operator==(const Service&) const noexcept = default;
};

// A group of addresses by name, of either or both families. Prefixes may overlap.
struct AddressSet {
  std::string name;
  std::vector<net::Prefix> prefixes;
};

// Matches an address that is (or with `negated`, is not) in one of the prefixes or sets, or with `any`, all.
struct AddressMatch {
  bool any = true;
  bool negated = false;
  std::vector<net::Prefix> prefixes{};
  std::vector<SetId> sets{};

  bool operator==(const AddressMatch&) const noexcept = default;
};

// A TCP packet whose flags under `mask` are `value`: {SYN, SYN | ACK} is a connection's first packet.
struct TcpFlagsMatch {
  std::uint8_t value = 0;
  std::uint8_t mask = 0;

  bool operator==(const TcpFlagsMatch&) const noexcept = default;
};

// 0: no limit.
struct RuleLimits {
  Pace new_sessions{};
  std::uint32_t sessions = 0;
  Pace new_sessions_per_source{};
  std::uint32_t sessions_per_source = 0;
  std::uint32_t new_sessions_burst = 0;  // 0: new_sessions.burst()

  bool operator==(const RuleLimits&) const noexcept = default;
};

// A packet matches when every condition holds; within a list one hit is enough, and an empty list holds
// always.
struct Rule {
  std::string name;
  std::vector<ZoneId> from{};
  std::vector<ZoneId> to{};
  std::vector<std::uint16_t> interfaces{};  // ingress, by id
  AddressMatch source{};
  AddressMatch destination{};
  std::vector<Service> services{};
  std::vector<std::uint8_t> dscp{};  // 0 to 63
  std::optional<TcpFlagsMatch> tcp_flags{};
  std::vector<dpi::ApplicationId> applications{};
  Action action = Action::kDrop;
  bool log = false;
  RuleLimits limits{};
};

// What a packet shows to the rules.
struct RuleKey {
  net::IpAddress source;
  net::IpAddress destination;
  ZoneId from;
  ZoneId to;
  std::uint16_t interface = 0xffff;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t dscp = 0;
  std::uint8_t tcp_flags = 0;
  // A name of its session, or kOtherApplication. kUnknown: it may be any, so that rules for applications
  // match that perhaps will not. A session with two names (tls, youtube) has a key for each: ruling.h.
  dpi::ApplicationId application = dpi::ApplicationId::kUnknown;
  // False for a fragment whose first one was not seen: ports, ICMP type and TCP flags are unknown, and no
  // rule that asks for them matches.
  bool has_ports = true;
};

// How to say zones and interfaces to a person. An id past the end is said as a number.
struct RuleNames {
  std::span<const std::string> zones;
  std::span<const std::string> interfaces;
};

// "tls", or "other".
[[nodiscard]] std::string_view rule_application_name(dpi::ApplicationId application);

[[nodiscard]] bool contains(const AddressMatch& match, std::span<const AddressSet> sets,
                            const net::IpAddress& address) noexcept;
[[nodiscard]] bool matches(const Rule& rule, std::span<const AddressSet> sets, const RuleKey& key) noexcept;

// The first rule that matches, or none().
[[nodiscard]] RuleIndex linear_match(std::span<const Rule> rules, std::span<const AddressSet> sets,
                                     const RuleKey& key) noexcept;

// The first condition of the rule that the packet does not meet, in words ("destination 192.0.2.77 is not in
// @web_servers"); empty when it meets all of them.
[[nodiscard]] std::string why_not(const Rule& rule, std::span<const AddressSet> sets, const RuleKey& key,
                                  const RuleNames& names);

struct RuleExplanation {
  RuleIndex rule;
  std::string why_not;  // empty: this is the rule that matched
};

// Every rule up to and with the one that matches.
[[nodiscard]] std::vector<RuleExplanation> explain(std::span<const Rule> rules,
                                                   std::span<const AddressSet> sets, const RuleKey& key,
                                                   const RuleNames& names);

}  // namespace millrace::firewall
