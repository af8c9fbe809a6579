// SPDX-License-Identifier: BSD-3-Clause
// Address sets and the index of headers, beside a look at each signature in turn.
#include "vnfs/firewall/inspection/header_index.h"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

class AddressGenerator {
 public:
  explicit AddressGenerator(unsigned seed) : random_(seed) {}

  std::uint32_t upto(std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(0, most)(random_);
  }
  net::IpAddress address() {
    if (upto(3) == 0) {
      net::Ipv6Address v6;
      v6.bytes[0] = 0xfd;
      v6.bytes[15] = static_cast<std::uint8_t>(upto(7));
      return v6;
    }
    return net::Ipv4Address{be32(0x0a000000U | upto(3) << 16U | upto(15))};
  }
  std::vector<net::Prefix> prefixes(std::uint32_t most) {
    std::vector<net::Prefix> made;
    for (std::uint32_t count = upto(most); count > 0; --count) {
      const net::IpAddress base = address();
      made.push_back(net::Prefix::of(base, base.bits() - std::min(upto(3) * upto(8), base.bits())));
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

bool lies_in(const std::vector<net::Prefix>& prefixes, const net::IpAddress& address) {
  return std::ranges::any_of(prefixes, [&](const net::Prefix& prefix) { return prefix.contains(address); });
}

bool holds(const AddressSpec& spec, const net::IpAddress& address) {
  return (spec.within.empty() || lies_in(spec.within, address)) && !lies_in(spec.except, address);
}

TEST(HeaderIndex, AgreesWithALookAtEach) {
  std::size_t found_in_all = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    AddressGenerator generate(seed);
    std::vector<AddressSpec> specs{{}};
    for (int i = 0; i < 20; ++i) specs.push_back({generate.prefixes(3), generate.prefixes(1)});
    const AddressSets addresses(specs);
    std::vector<HeaderIndex::Header> headers;
    for (std::uint32_t i = 0; i < 150; ++i) {
      PortSpec ports;
      if (generate.upto(2) != 0) {
        const auto first = static_cast<std::uint16_t>(generate.upto(30));
        ports.push_back({first, static_cast<std::uint16_t>(first + generate.upto(3))});
        if (generate.upto(2) == 0) ports.push_back({65000, 65535});
      }
      headers.push_back({i, generate.upto(20), generate.upto(20), ports});
    }
    const HeaderIndex index(headers, addresses);
    for (int i = 0; i < 200; ++i) {
      const net::IpAddress source = generate.address();
      const net::IpAddress destination = generate.address();
      const auto port =
          static_cast<std::uint16_t>(generate.upto(4) == 0 ? 65535 - generate.upto(600) : generate.upto(35));
      std::set<std::uint32_t> expected;
      for (const HeaderIndex::Header& header : headers) {
        const bool port_fits = header.destination_ports.empty() ||
                               std::ranges::any_of(header.destination_ports, [&](const Ports& ports) {
                                 return port >= ports.first && port <= ports.last;
                               });
        if (port_fits && holds(specs[header.source], source) && holds(specs[header.destination], destination))
          expected.insert(header.signature);
      }
      std::set<std::uint32_t> found;
      index.find(addresses.class_of(source), addresses.class_of(destination), port,
                 [&](std::uint32_t signature) { found.insert(signature); });
      ASSERT_EQ(found, expected) << "seed " << seed;
      for (std::uint32_t spec = 0; spec < specs.size(); ++spec)
        ASSERT_EQ(addresses.holds(addresses.class_of(source), spec), holds(specs[spec], source));
      found_in_all += found.size();
    }
  }
  EXPECT_GT(found_in_all, 1000U);
}

TEST(HeaderIndex, OfNoneFindsNone) {
  const AddressSets addresses({{AddressSpec{}}});
  const HeaderIndex index({}, addresses);
  EXPECT_TRUE(index.empty());
  index.find(0, 0, 80, [](std::uint32_t) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace millrace::firewall::inspection
