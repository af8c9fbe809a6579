// SPDX-License-Identifier: BSD-3-Clause
// IPv6 networks that have another prefix outside (RFC 6296): which prefixes can be mapped, and that no two
// claims on one overlap.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "common/net/prefix_map.h"
#include "vnfs/nat/profile_check.h"

namespace millrace::nat::profile {
namespace {

using control::quote;

// What is wrong with a prefix that hosts cannot have (RFC 4291 section 2.4); empty when nothing is.
std::string_view not_unicast(const net::Prefix& prefix) {
  const auto overlaps = [&](std::string_view other) { return prefix.overlaps(*net::Prefix::parse(other)); };
  if (overlaps("ff00::/8")) return "has multicast addresses";
  if (overlaps("fe80::/10")) return "has link-local addresses";
  if (overlaps("::/127")) return "has the unspecified address";
  return {};
}

class Prefixes {
 public:
  Prefixes(const Section& profile, const control::CheckContext& context)
      : profile_(profile), context_(context) {}

  void run() {
    for (const Nptv6& one : profile_.nptv6) {
      if (!one.inside.at.known() || !one.outside.at.known()) continue;
      if (!check_lengths(one)) continue;
      for (const auto* side : {&one.inside, &one.outside}) check_kind(*side);
      check_overlaps(one);
      check_not_inside(one);
    }
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  static const std::string& domain_of(const Nptv6& one) {
    static const std::string kDefault = "default";
    return one.domain.value ? *one.domain.value : kDefault;
  }

  bool check_lengths(const Nptv6& one) {
    if (one.inside->length > net::PrefixMap::kLongest) {
      error(one.inside.at, fmt::format("{} has more than 64 bits, which RFC 6296 does not translate; give a "
                                       "shorter prefix",
                                       one.inside->to_string()));
      return false;
    }
    if (one.outside->length != one.inside->length) {
      error(one.outside.at, fmt::format("inside is a /{} and outside a /{}; give prefixes of the same length",
                                        one.inside->length, one.outside->length));
      return false;
    }
    return true;
  }

  void check_kind(const Located<net::Prefix>& side) {
    if (const std::string_view wrong = not_unicast(*side); !wrong.empty())
      error(side.at, fmt::format("{} {}; give a prefix of hosts", side->to_string(), wrong));
    if (!profile_.nat64 || !profile_.nat64->prefix.at.known() || !side->overlaps(*profile_.nat64->prefix))
      return;
    error(side.at, fmt::format("{} overlaps {} of nat64 (line {}); give prefixes that have no address in "
                               "common",
                               side->to_string(), profile_.nat64->prefix->to_string(),
                               profile_.nat64->prefix.at.line));
  }

  void overlap(const Located<net::Prefix>& mine, const Located<net::Prefix>& earlier) {
    if (!mine->overlaps(*earlier)) return;
    error(mine.at, fmt::format("{} overlaps {} (line {}); a network has one prefix on the other side",
                               mine->to_string(), earlier->to_string(), earlier.at.line));
  }

  // With itself, and with those before it. An inside network is of its own domain, outside is `default`.
  void check_overlaps(const Nptv6& one) {
    const bool own = domain_of(one) == "default";
    if (own) overlap(one.outside, one.inside);
    for (const Nptv6& other : profile_.nptv6) {
      if (&other == &one) return;
      if (!other.inside.at.known() || !other.outside.at.known()) continue;
      if (domain_of(one) == domain_of(other)) overlap(one.inside, other.inside);
      overlap(one.outside, other.outside);
      if (own) overlap(one.inside, other.outside);
      if (domain_of(other) == "default") overlap(one.outside, other.inside);
    }
  }

  // Hosts on that link would be asked for as neighbours.
  void check_not_inside(const Nptv6& one) {
    for (const auto& name : profile_.inside) {
      const control::Interface* interface = context_.common.interface(*name);
      if (interface == nullptr || *interface->domain != "default") continue;
      for (const auto& own : interface->address) {
        const net::Prefix subnet = own->subnet();
        if (own->address.is_v4() || !subnet.overlaps(*one.outside)) continue;
        error(one.outside.at, fmt::format("{} overlaps {} of the inside interface {}; give a prefix that is "
                                          "routed to the gateway from outside",
                                          one.outside->to_string(), subnet.to_string(), quote(*name)));
      }
    }
  }

  const Section& profile_;
  const control::CheckContext& context_;
};

}  // namespace

void check_prefixes(const Section& profile, const control::CheckContext& context) {
  Prefixes(profile, context).run();
}

}  // namespace millrace::nat::profile
