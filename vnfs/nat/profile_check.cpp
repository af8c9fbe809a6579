// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/profile_check.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::nat::profile {
namespace {

using control::listing;
using control::quote;
using control::undefined;

constexpr std::string_view name_of(Dependence dependence) noexcept {
  switch (dependence) {
    case Dependence::kEndpointIndependent:
      return "endpoint_independent";
    case Dependence::kAddressDependent:
      return "address_dependent";
    case Dependence::kAddressAndPortDependent:
      break;
  }
  return "address_and_port_dependent";
}

class Checker {
 public:
  Checker(Section& profile, const control::CheckContext& context)
      : profile_(profile),
        context_(context),
        inside_domains_(domains_of(profile.inside, context.common)),
        outside_domains_(domains_of(profile.outside, context.common)) {
    for (const Pool& pool : profile.pools) {
      if (pool.name.at.known()) pools_.push_back(*pool.name);
    }
  }

  void run() {
    if (context_.common.transparent()) {
      error(context_.common.forwarding.at,
            "address translation needs routes, and transparent forwarding has none; give forwarding: routed");
    }
    check_interfaces();
    if (sides_known_) check_domains();
    for (const Pool& pool : profile_.pools) check_pool(pool);
    for (const Rule& rule : profile_.rules) check_rule(rule);
    if (profile_.nat64) check_nat64(*profile_.nat64);
    check_alg();
    check_times();
    check_log();
  }

  // The last check: what could not be read may be what is missing here.
  void check_purpose() {
    if (!context_.diagnostics.empty() || !profile_.rules.empty() || !profile_.statics.empty() ||
        !profile_.deterministic.empty() || profile_.nat64 || !profile_.nptv6.empty()) {
      return;
    }
    error(profile_.at, "nothing is translated; give rules, static, deterministic, nat64 or nptv6");
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_interfaces() {
    std::vector<std::string> names;
    for (const control::Interface& one : context_.common.interfaces) {
      if (one.name.at.known()) names.push_back(*one.name);
    }
    struct Given {
      const char* side;
      Position at;
    };
    std::map<std::string_view, Given> given;
    const auto check_side = [&](const std::vector<Located<std::string>>& side, const char* called) {
      sides_known_ = sides_known_ && !side.empty();
      for (const auto& one : side) {
        if (!one.at.known()) continue;
        if (context_.common.interface(*one) == nullptr) {
          error(one.at, undefined("interface", *one, names));
          sides_known_ = false;
          continue;
        }
        const auto [first, added] = given.emplace(*one, Given{called, one.at});
        if (added) continue;
        error(one.at, fmt::format("interface {} is {} already, in line {}; an interface is on one side, once",
                                  quote(*one), first->second.side, first->second.at.line));
      }
    };
    check_side(profile_.inside, "inside");
    check_side(profile_.outside, "outside");
  }

  void check_domains() {
    const auto check_domain = [&](const Located<std::optional<std::string>>& domain, Position without,
                                  const std::vector<std::string>& domains, const char* side) {
      const std::string wanted = domain.value.value_or("default");
      const Position at = domain.at.known() ? domain.at : without;
      if (!at.known() || std::ranges::find(domains, wanted) != domains.end()) return;
      error(at, fmt::format("no {} interface is in domain {}; give a domain that has one: {}", side,
                            quote(wanted), listing(domains)));
    };
    for (const Pool& one : profile_.pools) {
      check_domain(one.domain, one.name.at, outside_domains_, "outside");
    }
    for (const Static& one : profile_.statics) check_domain(one.domain, one.at, inside_domains_, "inside");
    for (const Deterministic& one : profile_.deterministic) {
      check_domain(one.domain, one.at, inside_domains_, "inside");
    }
    for (const Nptv6& one : profile_.nptv6) {
      check_domain(one.domain, one.at, inside_domains_, "inside");
      check_domain({}, one.outside.at, outside_domains_, "outside");
    }
  }

  void check_pool(const Pool& pool) {
    if (!pool.block.value) return;
    const std::uint32_t block = *pool.block.value;
    if (block > pool.ports->size()) {
      error(pool.block.at,
            fmt::format("a block of {} ports does not fit into the {} of ports {}; give a smaller block, or "
                        "more ports",
                        block, pool.ports->size(), control::print_ports(*pool.ports)));
    }
    const std::uint32_t most = block * pool.blocks_per_subscriber;
    if (pool.ports_per_subscriber.value && *pool.ports_per_subscriber.value > most) {
      error(pool.ports_per_subscriber.at,
            fmt::format("{} blocks of {} ports are {}, so {} are never reached; give at most {}, or more "
                        "blocks_per_subscriber",
                        pool.blocks_per_subscriber, block, most, *pool.ports_per_subscriber.value, most));
    }
  }

  void check_pool_name(const Located<std::string>& name) {
    if (name.at.known() && profile_.pool(*name) == nullptr) {
      error(name.at, undefined("pool", *name, pools_));
    }
  }

  void check_rule(const Rule& rule) {
    for (const auto& interface : rule.interface) check_rule_interface(interface);
    if (rule.bypass && rule.pool) {
      error(rule.at, "the rule has pool and bypass; give one of them");
    } else if (!rule.bypass && !rule.pool) {
      error(rule.at, "the rule has neither pool nor bypass; give pool: NAME or bypass: true");
    }
    if (rule.pool) check_pool_name(*rule.pool);
    check_filtering(rule);
  }

  // A mapping that depends on the remote end has no other ends that a wider filter could let in.
  void check_filtering(const Rule& rule) {
    if (*rule.filtering >= rule.mapping) return;
    const bool by_address = rule.mapping == Dependence::kAddressDependent;
    error(rule.filtering.at,
          fmt::format(
              "filtering {} has no meaning with mapping {}, where a mapping has one remote {} only; give "
              "filtering: {}, or another mapping",
              name_of(*rule.filtering), name_of(rule.mapping), by_address ? "address" : "end",
              name_of(rule.mapping)));
  }

  void check_rule_interface(const Located<std::string>& interface) {
    const auto& inside = profile_.inside;
    if (!sides_known_ || !interface.at.known() ||
        std::ranges::find(inside, *interface, &Located<std::string>::value) != inside.end()) {
      return;
    }
    std::vector<std::string> names;
    names.reserve(inside.size());
    for (const auto& one : inside) names.push_back(*one);
    error(interface.at, fmt::format("interface {} is not inside; inside interfaces are {}", quote(*interface),
                                    listing(names)));
  }

  void check_nat64(const Nat64& nat64) {
    check_pool_name(nat64.pool);
    if (!nat64.prefix.at.known()) return;
    constexpr std::array kLengths = {32, 40, 48, 56, 64, 96};
    if (std::ranges::find(kLengths, nat64.prefix->length) == kLengths.end()) {
      error(nat64.prefix.at,
            fmt::format("RFC 6052 section 2.2 has no prefix of {} bits; give one of 32, 40, 48, 56, 64 or 96",
                        nat64.prefix->length));
    } else if (nat64.prefix->address.bytes()[8] != 0) {
      error(nat64.prefix.at,
            fmt::format("bits 64 to 71 of {} are not zero, which RFC 6052 section 2.2 demands; give a prefix "
                        "whose ninth byte is 0",
                        nat64.prefix->to_string()));
    }
  }

  void check_alg() {
    for (std::size_t i = 0; i < profile_.alg.size(); ++i) {
      const auto end = profile_.alg.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(profile_.alg.begin(), end, profile_.alg[i]) == end) continue;
      error(profile_.alg[i].at, "the protocol is in the list twice; give it once");
    }
  }

  void check_times() {
    Timeouts& timeouts = profile_.timeouts;
    if (!timeouts.tcp_opening.at.known()) timeouts.tcp_opening.value = timeouts.tcp_transitory;
    if (!timeouts.udp_well_known.at.known()) {
      timeouts.udp_well_known.value = timeouts.udp;
    } else if (*timeouts.udp_well_known > timeouts.udp) {
      error(timeouts.udp_well_known.at,
            fmt::format("udp_well_known is more than the {} of udp, and RFC 4787 REQ-5a allows less only; "
                        "give at most that",
                        control::print_duration(timeouts.udp)));
    }
    if (profile_.port_control && *profile_.port_control->shortest > profile_.port_control->longest) {
      error(profile_.port_control->shortest.at,
            fmt::format("shortest is more than longest, which is {}; give at most that",
                        control::print_duration(profile_.port_control->longest)));
    }
  }

  void check_log() {
    const Log& log = profile_.log;
    if (*log.ipfix && !context_.common.telemetry.ipfix) {
      error(log.ipfix.at,
            "records by IPFIX need a collector; give telemetry: {ipfix: {collector: HOST:PORT}}");
    }
    if (*log.destinations && log.events != LoggedEvents::kSessions) {
      error(log.destinations.at,
            "blocks have no destinations; give events: sessions, or remove destinations");
    }
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> inside_domains_;
  std::vector<std::string> outside_domains_;
  std::vector<std::string> pools_;
  bool sides_known_ = true;  // every interface that is named under inside and outside is there
};

}  // namespace

void check(Section& profile, const control::CheckContext& context) {
  Checker checker(profile, context);
  checker.run();
  check_addresses(profile, context);
  check_prefixes(profile, context);
  checker.check_purpose();
}

std::vector<std::string> domains_of(const std::vector<Located<std::string>>& interfaces,
                                    const control::Profile& common) {
  std::vector<std::string> domains;
  for (const auto& name : interfaces) {
    const control::Interface* interface = common.interface(*name);
    if (interface == nullptr || std::ranges::find(domains, *interface->domain) != domains.end()) continue;
    domains.push_back(*interface->domain);
  }
  return domains;
}

std::vector<Located<Alg>> default_alg() noexcept { return {{.value = Alg::kFtp, .at = {}}}; }

const Pool* Section::pool(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find_if(pools, [&](const Pool& one) { return *one.name == wanted; });
  return found == pools.end() ? nullptr : &*found;
}

}  // namespace millrace::nat::profile
