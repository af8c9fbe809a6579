// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_addresses.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

using net::IpAddress;
using net::Prefix;

Prefix prefix(std::string_view text) { return *Prefix::parse(text); }

// Every address of 10.0.0.0/24 and 2001:db8::/120, and one of each family outside.
std::vector<IpAddress> all_addresses() {
  std::vector<IpAddress> all{
      *IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8:1::1"),
      *IpAddress::parse("0.0.0.0"),   *IpAddress::parse("255.255.255.255"),
      *IpAddress::parse("::"),        *IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")};
  for (unsigned i = 0; i < 256; ++i) {
    all.push_back(net::Ipv4Address{be32(0x0a000000 + i)});
    net::Ipv6Address v6 = IpAddress::parse("2001:db8::")->v6();
    v6.bytes[15] = static_cast<std::uint8_t>(i);
    all.push_back(v6);
  }
  return all;
}

bool in_any(const std::vector<Prefix>& prefixes, const IpAddress& address) {
  return std::ranges::any_of(prefixes, [&](const Prefix& one) { return one.contains(address); });
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  Prefix some_prefix() {
    if (below(20) == 0) return below(2) == 0 ? prefix("0.0.0.0/0") : prefix("::/0");
    const unsigned length = 24 + below(9);
    if (below(2) == 0) return Prefix::of(net::Ipv4Address{be32(0x0a000000 + below(256))}, length);
    net::Ipv6Address v6 = IpAddress::parse("2001:db8::")->v6();
    v6.bytes[15] = static_cast<std::uint8_t>(below(256));
    return Prefix::of(v6, 96 + length);
  }
  std::vector<Prefix> some_prefixes(unsigned most) {
    std::vector<Prefix> all(below(most + 1));
    for (Prefix& one : all) one = some_prefix();
    return all;
  }

 private:
  std::mt19937 random_;
};

TEST(CompileAddresses, DifferenceHoldsWhatIsInTheFirstAndNotInTheSecond) {
  Generator generator(1);
  const auto addresses = all_addresses();
  for (unsigned round = 0; round < 300; ++round) {
    const auto plain = generator.some_prefixes(6);
    const auto negated = generator.some_prefixes(6);
    const auto left = difference(plain, negated);
    for (const IpAddress& address : addresses) {
      ASSERT_EQ(in_any(left, address), in_any(plain, address) && !in_any(negated, address))
          << address.to_string() << " in round " << round;
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      for (std::size_t j = 0; j < left.size(); ++j) ASSERT_TRUE(i == j || !left[i].overlaps(left[j]));
    }
  }
}

TEST(CompileAddresses, DifferenceOfTheWholeSpaceAndOneAddress) {
  const auto left = difference(std::vector{prefix("0.0.0.0/0"), prefix("::/0")},
                               std::vector{prefix("128.0.0.0/32"), prefix("::/1")});
  // One prefix of each length around the address; the upper half of IPv6.
  EXPECT_EQ(left.size(), 33U);
  EXPECT_EQ(left.back(), prefix("8000::/1"));
}

// What the profile says a list of terms means, read word by word.
bool direct_reading(const profile::Section& section, const profile::AddressTerms& terms,
                    const IpAddress& address) {
  bool any_plain = false;
  bool in_plain = false;
  for (const auto& term : terms) {
    const bool inside =
        in_any(term->group.empty() ? term->prefixes : section.group(term->group)->prefixes, address);
    if (term->negated && inside) return false;
    if (term->negated) continue;
    any_plain = true;
    in_plain = in_plain || inside;
  }
  return in_plain || !any_plain;
}

TEST(CompileAddresses, TermsMeanWhatTheProfileSays) {
  Generator generator(2);
  const auto addresses = all_addresses();
  for (unsigned round = 0; round < 200; ++round) {
    profile::Section section;
    for (const char* name : {"a", "b", "c"}) {
      profile::Group group;
      group.name.value = name;
      group.prefixes = generator.some_prefixes(5);
      section.groups.push_back(group);
    }
    AddressCompiler compiler(section);
    std::vector<profile::AddressTerms> lists(8);
    std::vector<AddressMatch> matches;
    for (profile::AddressTerms& terms : lists) {
      terms.resize(generator.below(5));
      for (auto& term : terms) {
        term.value.negated = generator.below(2) == 0;
        if (generator.below(2) == 0) {
          term.value.group = section.groups[generator.below(3)].name.value;
        } else {
          term.value.prefixes = {generator.some_prefix()};
        }
      }
      matches.push_back(compiler.lower(terms));
    }
    const auto sets = compiler.take_sets();
    for (std::size_t i = 0; i < lists.size(); ++i) {
      for (const IpAddress& address : addresses) {
        ASSERT_EQ(contains(matches[i], sets, address), direct_reading(section, lists[i], address))
            << address.to_string() << ", list " << i << " in round " << round;
      }
    }
  }
}

TEST(CompileAddresses, TheSameExceptionIsMadeOnce) {
  profile::Section section;
  profile::Group group;
  group.name.value = "web";
  group.prefixes = {prefix("10.0.0.0/24")};
  section.groups.push_back(group);
  AddressCompiler compiler(section);
  profile::AddressTerms terms(2);
  terms[0].value.group = "web";
  terms[1].value = {.group = {}, .prefixes = {prefix("10.0.0.4/32")}, .negated = true};
  const AddressMatch first = compiler.lower(terms);
  EXPECT_EQ(first, compiler.lower(terms));
  const auto sets = compiler.take_sets();
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[1].name, "(@web except 10.0.0.4/32)");
}

}  // namespace
}  // namespace millrace::firewall
