// SPDX-License-Identifier: BSD-3-Clause
// Who wants which addresses. Everything that names an address is a claim on a range of them; two claims that
// overlap are an error of the more special one, or of the later.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/nat/profile_check.h"
#include "vnfs/nat/profile_types.h"

namespace millrace::nat::profile {
namespace {

using control::quote;

// From the general to the special.
enum class Kind : std::uint8_t { kPool, kDeterministic, kStatic };

struct Claim {
  AddressRange range;
  PortRange ports;
  MappedProtocol protocol = MappedProtocol::kTcpAndUdp;
  Kind kind = Kind::kStatic;
  std::string_view domain;     // empty: whichever it is
  const Pool* pool = nullptr;  // of a kPool
  Position at;
};

// What is wrong with addresses that are no host's; empty when nothing is.
std::string_view not_unicast(const AddressRange& range) {
  const auto overlaps = [&](std::uint32_t first, std::uint32_t last) {
    return range.first.value.host() <= last && range.last.value.host() >= first;
  };
  if (overlaps(0, 0x00ffffff)) return "is in 0.0.0.0/8, which names no host";
  if (overlaps(0x7f000000, 0x7fffffff)) return "has loopback addresses";
  if (overlaps(0xe0000000, 0xefffffff)) return "has multicast addresses";
  if (overlaps(0xf0000000, 0xffffffff)) return "is in 240.0.0.0/4, which is reserved";
  return {};
}

// The same addresses: ascending, none overlapping or adjoining another.
std::vector<AddressRange> merged(const std::vector<Located<AddressRange>>& written) {
  std::vector<AddressRange> all;
  for (const auto& one : written) {
    if (one.at.known()) all.push_back(*one);
  }
  std::ranges::sort(all, {}, &AddressRange::first);
  std::vector<AddressRange> out;
  for (const AddressRange& one : all) {
    if (!out.empty() && one.first.value.host() <= std::uint64_t{out.back().last.value.host()} + 1) {
      out.back().last = std::max(out.back().last, one.last);
    } else {
      out.push_back(one);
    }
  }
  return out;
}

// Both as merged() gives them.
std::vector<AddressRange> without(const std::vector<AddressRange>& from,
                                  const std::vector<AddressRange>& taken) {
  std::vector<AddressRange> out;
  for (const AddressRange& whole : from) {
    std::uint64_t next = whole.first.value.host();  // the first address not dealt with
    const auto keep_until = [&](std::uint64_t end) {
      if (next >= end) return;
      out.push_back({net::Ipv4Address{be32(static_cast<std::uint32_t>(next))},
                     net::Ipv4Address{be32(static_cast<std::uint32_t>(end - 1))}});
    };
    for (const AddressRange& one : taken) {
      if (!one.overlaps(whole)) continue;
      keep_until(one.first.value.host());
      next = std::uint64_t{one.last.value.host()} + 1;
    }
    keep_until(std::uint64_t{whole.last.value.host()} + 1);
  }
  return out;
}

class Addresses {
 public:
  Addresses(Section& profile, const control::CheckContext& context)
      : profile_(profile), context_(context), outside_domains_(domains_of(profile.outside, context.common)) {}

  void run() {
    for (Pool& pool : profile_.pools) add_pool(pool);
    for (const Deterministic& one : profile_.deterministic) add_deterministic(one);
    for (const Static& one : profile_.statics) add_static(one);
    for (const Claim& claim : outside_) check_not_inside(claim);
    check_overlaps(outside_, true);
    check_overlaps(inside_, false);
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_unicast(const AddressRange& range, Position at) {
    const std::string_view wrong = not_unicast(range);
    if (wrong.empty()) return;
    error(at, fmt::format("{} {}; give addresses of hosts", print_range(range), wrong));
  }

  void check_list(const std::vector<Located<AddressRange>>& list) {
    std::vector<const Located<AddressRange>*> sorted;
    for (const auto& one : list) {
      if (one.at.known()) sorted.push_back(&one);
    }
    std::ranges::sort(sorted, {}, [](const auto* one) { return (*one)->first; });
    const Located<AddressRange>* before = nullptr;  // of those so far, the one that reaches furthest
    for (const auto* one : sorted) {
      if (before != nullptr && (*before)->overlaps(**one)) {
        const bool in_order = before->at < one->at;
        const Located<AddressRange>& earlier = in_order ? *before : *one;
        const Located<AddressRange>& later = in_order ? *one : *before;
        error(later.at, fmt::format("{} overlaps {} in the same list; give each address once",
                                    print_range(*later), print_range(*earlier)));
      }
      if (before == nullptr || (*before)->last < (*one)->last) before = one;
    }
  }

  void add_pool(Pool& pool) {
    check_list(pool.addresses);
    check_list(pool.exclude);
    for (const auto& one : pool.addresses) {
      if (one.at.known()) check_unicast(*one, one.at);
    }
    const std::vector<AddressRange> all = merged(pool.addresses);
    for (const auto& one : pool.exclude) {
      if (!one.at.known() || all.empty() ||
          std::ranges::any_of(all, [&](const AddressRange& part) { return part.overlaps(*one); })) {
        continue;
      }
      error(one.at, fmt::format("{} is not among the pool's addresses; remove it", print_range(*one)));
    }
    pool.usable = without(all, merged(pool.exclude));
    if (pool.usable.empty() && !all.empty()) {
      error(pool.name.at,
            fmt::format("pool {} has no address that is not excluded; give it one", quote(*pool.name)));
    }
    const std::uint64_t before = pool_addresses_;
    for (const AddressRange& one : pool.usable) {
      pool_addresses_ += one.size();
      outside_.push_back({.range = one,
                          .ports = *pool.ports,
                          .kind = Kind::kPool,
                          .domain = domain_of(pool.domain),
                          .pool = &pool,
                          .at = {}});
    }
    if (before <= kMostPoolAddresses && pool_addresses_ > kMostPoolAddresses) {
      error(pool.name.at, fmt::format("with pool {} there are {} addresses in pools; give at most {} in all",
                                      quote(*pool.name), pool_addresses_, kMostPoolAddresses));
    }
  }

  void add_deterministic(const Deterministic& one) {
    if (!one.inside.at.known() || !one.outside.at.known()) return;
    const AddressRange inside = range_of(*one.inside);
    const AddressRange outside = range_of(*one.outside);
    check_unicast(inside, one.inside.at);
    check_unicast(outside, one.outside.at);
    const std::uint64_t each = outside.size() * one.ports.size() / inside.size();
    if (each < kLeastPortsPerSubscriber) {
      error(one.outside.at,
            fmt::format(
                "{} has {} ports, which are {} for each of {} subscribers; give more outside addresses, so "
                "that there are at least {}",
                one.outside->to_string(), outside.size() * one.ports.size(), each, inside.size(),
                kLeastPortsPerSubscriber));
    }
    Claim claim{
        .range = outside, .ports = {}, .kind = Kind::kDeterministic, .domain = {}, .at = one.outside.at};
    outside_.push_back(claim);
    claim.range = inside;
    claim.domain = domain_of(one.domain);
    claim.at = one.inside.at;
    inside_.push_back(claim);
  }

  void add_static(const Static& one) {
    if (!one.at.known()) return;
    Claim claim{.range = range_of(net::Prefix::of(*one.outside, one.length)),
                .ports = one.outside_ports.value_or(PortRange{}),
                .protocol = one.protocol,
                .domain = {},
                .at = one.outside.at};
    check_unicast(claim.range, claim.at);
    outside_.push_back(claim);
    claim.range = range_of(net::Prefix::of(*one.inside, one.length));
    claim.ports = one.inside_ports.value_or(PortRange{});
    claim.domain = domain_of(one.domain);
    claim.at = one.inside.at;
    check_unicast(claim.range, claim.at);
    inside_.push_back(claim);
  }

  static std::string_view domain_of(const Located<std::optional<std::string>>& domain) {
    return domain.value ? std::string_view(*domain.value) : "default";
  }

  // Where the claim is written: of a pool, the entry that has the address.
  static Position place(const Claim& claim, net::Ipv4Address address) {
    if (claim.pool == nullptr) return claim.at;
    const auto found = std::ranges::find_if(claim.pool->addresses, [&](const auto& one) {
      return one.at.known() && one->overlaps({address, address});
    });
    return found->at;
  }

  // An outside address that hosts inside have as a neighbour would never be answered.
  void check_not_inside(const Claim& claim) {
    for (const auto& name : profile_.inside) {
      const control::Interface* interface = context_.common.interface(*name);
      if (interface == nullptr) continue;
      const std::string& domain = *interface->domain;
      if (claim.domain.empty() ? std::ranges::find(outside_domains_, domain) == outside_domains_.end()
                               : claim.domain != domain) {
        continue;
      }
      for (const auto& own : interface->address) {
        if (!own->address.is_v4()) continue;
        const AddressRange subnet = range_of(own->subnet());
        if (!subnet.overlaps(claim.range)) continue;
        error(place(claim, std::max(subnet.first, claim.range.first)),
              fmt::format("{} is within {} of the inside interface {}; give addresses that are routed to the "
                          "gateway from outside",
                          print_range(claim.range), print_range(subnet), quote(*name)));
      }
    }
  }

  static bool clash(const Claim& a, const Claim& b, bool outside) {
    if (!a.range.overlaps(b.range)) return false;
    if (!a.domain.empty() && !b.domain.empty() && a.domain != b.domain) return false;
    if (a.kind != b.kind && !outside) return false;  // a static mapping may be of a deterministic subscriber
    if (a.kind != Kind::kStatic && b.kind != Kind::kStatic) return true;
    if (a.kind == Kind::kDeterministic || b.kind == Kind::kDeterministic) return true;
    return a.ports.overlaps(b.ports) &&
           (a.protocol == b.protocol || a.protocol == MappedProtocol::kTcpAndUdp ||
            b.protocol == MappedProtocol::kTcpAndUdp);
  }

  void check_overlaps(std::vector<Claim>& claims, bool outside) {
    std::ranges::sort(claims, {},
                      [](const Claim& one) { return std::pair(one.range.first, one.ports.first); });
    std::vector<const Claim*> open;  // those that one yet to come can overlap
    for (const Claim& claim : claims) {
      std::erase_if(open, [&](const Claim* one) {
        return one->range.last < claim.range.first ||
               (one->kind == Kind::kStatic && one->range.last == claim.range.first &&
                one->ports.last < claim.ports.first);
      });
      for (const Claim* other : open) {
        if (clash(*other, claim, outside)) report(*other, claim, outside);
      }
      open.push_back(&claim);
    }
  }

  void report(const Claim& a, const Claim& b, bool outside) {
    const net::Ipv4Address shared = std::max(a.range.first, b.range.first);
    const Position place_a = place(a, shared);
    const Position place_b = place(b, shared);
    const bool blame_a = a.kind != b.kind ? a.kind > b.kind : place_a > place_b;
    const Claim& wrong = blame_a ? a : b;
    const Claim& other = blame_a ? b : a;
    const Position at = blame_a ? place_a : place_b;
    if (!reported_.insert(at).second) return;
    error(at, fmt::format("{} overlaps {} of {} (line {}); {}", text_of(wrong), text_of(other), owner(other),
                          (blame_a ? place_b : place_a).line, advice(wrong, other, outside)));
  }

  static std::string text_of(const Claim& claim) {
    const std::string range = print_range(claim.range);
    return claim.kind == Kind::kStatic && !claim.ports.any()
               ? fmt::format("{}:{}", range, control::print_ports(claim.ports))
               : range;
  }

  static std::string owner(const Claim& claim) {
    switch (claim.kind) {
      case Kind::kPool:
        return fmt::format("pool {}", quote(*claim.pool->name));
      case Kind::kDeterministic:
        return "a deterministic mapping";
      case Kind::kStatic:
        break;
    }
    return "a static mapping";
  }

  static std::string advice(const Claim& wrong, const Claim& other, bool outside) {
    if (!outside) return "give each inside address and port one mapping";
    if (other.kind == Kind::kDeterministic) return "give addresses that no deterministic mapping has";
    if (other.kind == Kind::kStatic) return "give each outside address and port to one mapping";
    if (wrong.kind == Kind::kPool) return "give each address to one pool of a domain";
    if (wrong.kind == Kind::kDeterministic) return "give addresses that no pool has, or exclude them there";
    return fmt::format("exclude the address from the pool, or give a port that is not among its {}",
                       control::print_ports(other.ports));
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> outside_domains_;
  std::vector<Claim> outside_;
  std::vector<Claim> inside_;
  std::set<Position> reported_;
  std::uint64_t pool_addresses_ = 0;
};

}  // namespace

void check_addresses(Section& profile, const control::CheckContext& context) {
  Addresses(profile, context).run();
}

}  // namespace millrace::nat::profile
