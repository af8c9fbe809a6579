// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/net/wire.h"
#include "vnfs/firewall/rule.h"

namespace millrace::firewall {

// Rules and packets drawn from small pools, so that they meet often; every field takes part.
class RuleGenerator {
 public:
  explicit RuleGenerator(unsigned seed) : random_(seed) {
    for (int i = 0; i < 24; ++i) prefixes_.push_back(random_prefix());
    for (int i = 0; i < 6; ++i) {
      AddressSet set{fmt::format("set{}", i), {}};
      for (unsigned n = below(30); n > 0; --n) set.prefixes.push_back(random_prefix());
      sets_.push_back(std::move(set));
    }
  }

  std::vector<Rule> rules(std::size_t count) {
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < count; ++i) {
      Rule rule;
      rule.name = fmt::format("r{}", i);
      rule.source = match();
      rule.destination = match();
      if (one_in(3)) rule.from = some<ZoneId>([&] { return ZoneId(static_cast<std::uint16_t>(below(5))); });
      if (one_in(3)) rule.to = some<ZoneId>([&] { return ZoneId(static_cast<std::uint16_t>(below(5))); });
      if (one_in(6)) {
        rule.interfaces = some<std::uint16_t>([&] { return static_cast<std::uint16_t>(below(4)); });
      }
      if (one_in(8)) rule.dscp = some<std::uint8_t>([&] { return static_cast<std::uint8_t>(8 * below(8)); });
      if (one_in(8)) {
        const auto mask = static_cast<std::uint8_t>(random_());
        rule.tcp_flags =
            TcpFlagsMatch{static_cast<std::uint8_t>(random_() & (one_in(8) ? 0xffU : mask)), mask};
      }
      if (one_in(5)) rule.applications = some<dpi::ApplicationId>([&] { return application(); });
      if (!one_in(3)) rule.services = some<Service>([&] { return service(); });
      rules.push_back(std::move(rule));
    }
    return rules;
  }

  RuleKey key() {
    RuleKey key;
    key.source = any_address();
    do key.destination = any_address();
    while (key.destination.family() != key.source.family());
    if (!one_in(10)) key.from = ZoneId(static_cast<std::uint16_t>(below(6)));
    if (!one_in(10)) key.to = ZoneId(static_cast<std::uint16_t>(below(6)));
    key.interface = static_cast<std::uint16_t>(one_in(10) ? 0xffff : below(5));
    key.protocol = protocol();
    key.source_port = port();
    key.destination_port = port();
    key.icmp_type = static_cast<std::uint8_t>(below(10));
    key.icmp_code = static_cast<std::uint8_t>(below(3));
    key.dscp = static_cast<std::uint8_t>(below(64));
    key.tcp_flags = static_cast<std::uint8_t>(random_());
    key.has_ports = !one_in(8);
    if (!one_in(4)) key.application = application();
    return key;
  }

  const std::vector<AddressSet>& sets() const { return sets_; }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool one_in(unsigned n) { return below(n) == 0; }

  template <class T, class Make>
  std::vector<T> some(Make make) {
    std::vector<T> list;
    for (unsigned n = 1 + below(3); n > 0; --n) list.push_back(make());
    return list;
  }

  dpi::ApplicationId application() {
    return one_in(4) ? kOtherApplication : dpi::ApplicationId{static_cast<std::uint16_t>(1 + below(9))};
  }

  // Few bits differ, so prefixes nest and repeat.
  net::IpAddress base_address() {
    if (one_in(2))
      return net::Ipv4Address{be32(0x0a000000U | (static_cast<std::uint32_t>(random_()) & 0x030f00ffU))};
    net::Ipv6Address v6 = net::IpAddress::parse("2001:db8::")->v6();
    for (const std::size_t at : {4U, 7U, 8U, 15U}) v6.bytes[at] = static_cast<std::uint8_t>(random_() & 3);
    return v6;
  }
  net::Prefix random_prefix() {
    const net::IpAddress base = base_address();
    if (one_in(20)) return net::Prefix::of(base, 0);
    const unsigned lowest = base.is_v4() ? 6 : 30;
    return net::Prefix::of(base, lowest + below(base.bits() - lowest + 1));
  }
  net::IpAddress any_address() { return one_in(3) ? prefixes_[below(24)].address : base_address(); }

  AddressMatch match() {
    AddressMatch match;
    if (one_in(3)) {
      match.negated = one_in(12);  // "not any" matches nothing
      return match;
    }
    match.any = false;
    match.negated = one_in(4);
    for (unsigned n = below(4); n > 0; --n) match.prefixes.push_back(prefixes_[below(24)]);
    for (unsigned n = below(3); n > 0; --n) match.sets.push_back(SetId(below(6)));
    return match;  // may be empty, which matches nothing
  }

  std::uint8_t protocol() {
    constexpr std::uint8_t kChoices[] = {net::protocol::kTcp,
                                         net::protocol::kUdp,
                                         net::protocol::kSctp,
                                         net::protocol::kIcmp,
                                         net::protocol::kIcmpv6,
                                         net::protocol::kGre,
                                         0,
                                         255};
    return kChoices[below(std::size(kChoices))];
  }
  std::uint16_t port() {
    constexpr std::uint16_t kChoices[] = {0, 1, 22, 79, 80, 81, 443, 1023, 1024, 8080, 65534, 65535};
    return kChoices[below(std::size(kChoices))];
  }
  PortRange range() {
    if (one_in(2)) return {};
    const std::uint16_t a = port();
    const std::uint16_t b = one_in(2) ? a : port();
    return {std::min(a, b), std::max(a, b)};
  }
  Service service() {
    Service service;
    if (!one_in(6)) service.protocol = protocol();
    service.source = one_in(3) ? range() : PortRange{};
    service.destination = range();
    if (one_in(2)) service.icmp_type = static_cast<std::uint8_t>(below(10));
    if (service.icmp_type && one_in(2)) service.icmp_code = static_cast<std::uint8_t>(below(3));
    return service;
  }

  std::mt19937 random_;
  std::vector<net::Prefix> prefixes_;
  std::vector<AddressSet> sets_;
};

}  // namespace millrace::firewall
