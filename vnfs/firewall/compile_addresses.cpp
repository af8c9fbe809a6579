// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_addresses.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/net/prefix_table.h"

namespace millrace::firewall {
namespace {

using net::Uint128;

struct Interval {
  Uint128 first;
  Uint128 last;
};

// Both families on one line: IPv4 addresses are the numbers below 2^32 of a line of their own.
Uint128 number_of(const net::IpAddress& address) {
  if (address.is_v4()) return address.v4().value.host();
  return (Uint128{address.v6().high()} << 64) | address.v6().low();
}

net::IpAddress address_of(Uint128 number, net::Family family) {
  if (family == net::Family::kIpv4) return net::Ipv4Address{be32(static_cast<std::uint32_t>(number))};
  net::Ipv6Address address;
  const be64 high(static_cast<std::uint64_t>(number >> 64));
  const be64 low(static_cast<std::uint64_t>(number));
  std::memcpy(address.bytes.data(), &high, sizeof high);
  std::memcpy(address.bytes.data() + 8, &low, sizeof low);
  return address;
}

unsigned bits_of(net::Family family) { return family == net::Family::kIpv4 ? 32 : 128; }

// Sorted, disjoint, not touching.
std::vector<Interval> intervals_of(std::span<const net::Prefix> prefixes, net::Family family) {
  std::vector<Interval> all;
  for (const net::Prefix& prefix : prefixes) {
    if (prefix.address.family() != family) continue;
    const unsigned host_bits = bits_of(family) - prefix.length;
    const Uint128 size = host_bits == 128 ? ~Uint128{0} : (Uint128{1} << host_bits) - 1;
    const Uint128 first = number_of(prefix.address);
    all.push_back({first, first + size});
  }
  std::ranges::sort(all, {}, &Interval::first);
  std::vector<Interval> merged;
  for (const Interval& one : all) {
    if (merged.empty() || (one.first > merged.back().last && one.first - merged.back().last > 1)) {
      merged.push_back(one);
    } else {
      merged.back().last = std::max(merged.back().last, one.last);
    }
  }
  return merged;
}

void append_prefixes(Interval interval, net::Family family, std::vector<net::Prefix>& out) {
  const unsigned bits = bits_of(family);
  const auto trailing_zeros = [&](Uint128 number) {
    const auto low = static_cast<std::uint64_t>(number);
    const auto high = static_cast<std::uint64_t>(number >> 64);
    const int zeros = low != 0 ? std::countr_zero(low) : 64 + std::countr_zero(high);
    return std::min(static_cast<unsigned>(zeros), bits);
  };
  for (Uint128 at = interval.first;;) {
    unsigned host_bits = trailing_zeros(at);
    const auto last = [&] { return at + (host_bits == 128 ? ~Uint128{0} : (Uint128{1} << host_bits) - 1); };
    while (last() > interval.last) --host_bits;
    out.push_back(net::Prefix::of(address_of(at, family), bits - host_bits));
    if (last() == interval.last) return;
    at = last() + 1;
  }
}

void subtract(std::span<const Interval> plain, std::span<const Interval> negated, net::Family family,
              std::vector<net::Prefix>& out) {
  auto hole = negated.begin();
  for (const Interval& one : plain) {
    while (hole != negated.end() && hole->last < one.first) ++hole;
    Uint128 at = one.first;
    bool done = false;
    for (auto next = hole; next != negated.end() && next->first <= one.last; ++next) {
      if (next->first > at) append_prefixes({at, next->first - 1}, family, out);
      done = next->last >= one.last;
      if (done) break;
      at = next->last + 1;
    }
    if (!done) append_prefixes({at, one.last}, family, out);
  }
}

// "@web_servers", "192.0.2.0/24"; several prefixes when a range was written.
std::string text_of(const profile::AddressTerm& term) {
  if (!term.group.empty()) return "@" + term.group;
  std::string text;
  for (const net::Prefix& prefix : term.prefixes) text += (text.empty() ? "" : " ") + prefix.to_string();
  return text;
}

}  // namespace

std::vector<net::Prefix> difference(std::span<const net::Prefix> plain,
                                    std::span<const net::Prefix> negated) {
  std::vector<net::Prefix> left;
  for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
    subtract(intervals_of(plain, family), intervals_of(negated, family), family, left);
  }
  return left;
}

AddressCompiler::AddressCompiler(const profile::Section& profile) {
  for (const profile::Group& group : profile.groups) {
    groups_.emplace(*group.name, SetId(static_cast<std::uint32_t>(sets_.size())));
    sets_.push_back({*group.name, group.prefixes});
  }
}

AddressMatch AddressCompiler::lower(const profile::AddressTerms& terms) {
  if (terms.empty()) return {};
  const auto negated = std::ranges::count_if(terms, [](const auto& term) { return term->negated; });
  AddressMatch match{.any = false};
  if (negated != 0 && negated != static_cast<std::ptrdiff_t>(terms.size())) {
    match.sets.push_back(except(terms));
    return match;
  }
  match.negated = negated != 0;
  for (const auto& term : terms) {
    if (!term->group.empty()) match.sets.push_back(groups_.find(term->group)->second);
    match.prefixes.insert(match.prefixes.end(), term->prefixes.begin(), term->prefixes.end());
  }
  return match;
}

SetId AddressCompiler::except(const profile::AddressTerms& terms) {
  std::vector<net::Prefix> sides[2];
  std::string names[2];
  for (const auto& term : terms) {
    const auto& prefixes =
        term->group.empty() ? term->prefixes : sets_[groups_.find(term->group)->second.value()].prefixes;
    auto& side = sides[term->negated ? 1 : 0];
    side.insert(side.end(), prefixes.begin(), prefixes.end());
    std::string& name = names[term->negated ? 1 : 0];
    name += (name.empty() ? "" : ", ") + text_of(*term);
  }
  const auto [known, is_new] = exceptions_.try_emplace("(" + names[0] + " except " + names[1] + ")",
                                                       static_cast<std::uint32_t>(sets_.size()));
  if (is_new) sets_.push_back({known->first, difference(sides[0], sides[1])});
  return known->second;
}

}  // namespace millrace::firewall
