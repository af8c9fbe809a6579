// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_check.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/load_balancer/profile_types.h"

namespace millrace::load_balancer::profile {
namespace {

using control::quote;

// Of the paper: with 100 entries for each backend their shares differ by 1 % at most.
constexpr std::uint64_t kEntriesPerBackend = 100;

class Checker {
 public:
  Checker(Section& profile, const control::CheckContext& context) : profile_(profile), context_(context) {
    for (const SourcePool& pool : profile.source_pools) {
      if (pool.name.at.known()) pools_.push_back(*pool.name);
    }
  }

  void run() {
    if (context_.common.transparent()) {
      error(context_.common.forwarding.at,
            "load balancing needs routes, and transparent forwarding has none; give forwarding: routed");
    }
    check_table();
    std::map<std::string_view, Position> names;
    for (Service& service : profile_.services) {
      if (service.name.at.known()) {
        const auto [first, added] = names.emplace(*service.name, service.name.at);
        if (!added) {
          error(
              service.name.at,
              fmt::format("service {} is given twice, first in line {}; give each service a name of its own",
                          quote(*service.name), first->second.line));
        }
      }
      if (!service.complete) continue;
      check_shares(service);
      check_forwarding(service);
      check_client_address(service);
      check_per(service);
      check_last_resort(service);
      if (service.quic) {
        check_quic(service);
      } else {
        check_no_server_ids(service);
      }
      check_tcp(service);
    }
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_table() {
    const std::uint32_t size = *profile_.table_size;
    const std::uint32_t prime = next_prime(size);
    if (prime == size) return;
    error(profile_.table_size.at,
          fmt::format("{} is no prime, and Maglev's table has a prime size; give {}", size, prime));
  }

  void check_shares(const Service& service) {
    const std::size_t backends = service.backends.size();
    const std::uint32_t size = *profile_.table_size;
    if (*service.scheduler == Scheduler::kMaglev && backends > size) {
      const std::uint64_t enough = std::min<std::uint64_t>(kEntriesPerBackend * backends, kMostTable);
      error(profile_.table_size.at.known() ? profile_.table_size.at : service.name.at,
            fmt::format("table_size {} is less than the {} backends of service {}; give {}", size, backends,
                        quote(*service.name), next_prime(static_cast<std::uint32_t>(enough))));
    }
    if (service.discover) return;
    if (backends == 0) {
      error(service.name.at,
            fmt::format("service {} has no backends; give backends, or discover", quote(*service.name)));
    } else if (std::ranges::all_of(service.backends, [](const Backend& one) { return one.weight == 0; })) {
      error(service.name.at,
            fmt::format("all backends of service {} have weight 0, and none gets a connection; give one of "
                        "them more",
                        quote(*service.name)));
    }
  }

  void check_forwarding(const Service& service) {
    const bool full_nat = *service.forwarding == Forwarding::kFullNat;
    const auto& pool = service.source_pool;
    if (full_nat && !pool.value) {
      error(service.forwarding.at, "full_nat has no addresses to come from; give source_pool: NAME");
    } else if (!full_nat && pool.value) {
      error(pool.at, fmt::format("forwarding {} leaves the client's address, and has no use for a source "
                                 "pool; remove source_pool, or give forwarding: full_nat",
                                 name_of(*service.forwarding)));
    } else if (pool.value && profile_.source_pool(*pool.value) == nullptr) {
      error(pool.at, control::undefined("source pool", *pool.value, pools_));
    }
  }

  void check_client_address(const Service& service) {
    if (*service.client_address == ClientAddress::kNone) return;
    const Position at = service.client_address.at;
    if (*service.forwarding != Forwarding::kFullNat) {
      error(at,
            fmt::format("with forwarding {} the backend sees the client's address; remove client_address, "
                        "or give forwarding: full_nat",
                        name_of(*service.forwarding)));
    }
    if (!service.takes_only(Protocol::kTcp)) {
      const bool toa = *service.client_address == ClientAddress::kToa;
      error(at, fmt::format("{}, and the service takes more than TCP; give ports of TCP alone",
                            toa ? "toa is an option of TCP" : "proxy_protocol is text at the start of TCP"));
    }
  }

  void check_per(const Service& service) {
    if (*service.per != Per::kPacket) return;
    if (!service.takes_only(Protocol::kUdp)) {
      error(
          service.per.at,
          "only of UDP each packet may go elsewhere, and the service takes more; give ports of UDP alone, or "
          "per: connection");
    }
    if (*service.forwarding == Forwarding::kFullNat) {
      error(service.per.at,
            "full_nat has a source port for each connection, and with per: packet there is none; give one of "
            "them");
    }
    if (service.affinity == Affinity::kClient) {
      error(service.per.at, "affinity: client keeps together what per: packet scatters; give one of them");
    }
    if (service.quic) {
      error(service.per.at, "quic keeps together what per: packet scatters; give one of them");
    }
  }

  void check_last_resort(Service& service) {
    Located<AllDown>& all_down = service.all_down;
    if (!service.last_resort) {
      if (*all_down == AllDown::kLastResort) {
        error(all_down.at, "there is no server of last resort; give last_resort: {address: ADDRESS}");
      }
      return;
    }
    if (!all_down.at.known()) all_down.value = AllDown::kLastResort;
    if (*all_down == AllDown::kLastResort) return;
    error(
        service.last_resort->at,
        fmt::format("all_down is {}, and a server of last resort gets nothing; remove it, or give all_down: "
                    "last_resort",
                    *all_down == AllDown::kDrop ? "drop" : "reject"));
  }

  void check_no_server_ids(const Service& service) {
    for (const Backend& backend : service.backends) {
      if (!backend.server_id.value) continue;
      error(backend.server_id.at,
            "server_id is for quic, which the service has not; remove it, or give quic");
    }
  }

  void check_quic(const Service& service) {
    if (service.ports.empty() || !service.takes(Protocol::kUdp)) {
      error(service.quic->at,
            "QUIC is over UDP, and no ports of it are given; give ports, such as udp/443, or remove quic");
    }
    if (service.discover) {
      error(service.discover->at,
            "what is discovered has no server_id, by which quic finds it; remove discover, or quic");
    }
    const std::size_t bytes = service.quic->server_id_bytes;
    std::map<std::string_view, Position> ids;
    for (const Backend& backend : service.backends) {
      const auto& id = backend.server_id;
      if (!id.value) {
        error(backend.at,
              fmt::format("{} has no server_id, by which quic finds it; give {} hexadecimal digits",
                          backend.address->to_string(), 2 * bytes));
        continue;
      }
      if (id.value->size() != 2 * bytes) {
        error(id.at, fmt::format("server_id {} has {} bytes, where quic has {}; give {} hexadecimal digits",
                                 quote(*id.value), id.value->size() / 2, bytes, 2 * bytes));
        continue;
      }
      const auto [first, added] = ids.emplace(*id.value, id.at);
      if (added) continue;
      error(id.at, fmt::format("server_id {} is that of another backend, in line {}; give each its own",
                               quote(*id.value), first->second.line));
    }
  }

  // What only TCP has.
  void check_tcp(const Service& service) {
    const Protect& protect = service.protect;
    const auto& proxy = protect.syn_proxy_above;
    if (!service.takes(Protocol::kTcp)) {
      const auto useless = [this](std::string_view key, Position at) {
        if (!at.known()) return;
        error(at, fmt::format(
                      "{} is of TCP, which the service does not take; remove it, or give ports of TCP", key));
      };
      useless("passive", service.passive ? service.passive->at : Position{});
      useless("mss", service.mss.at);
      useless("syn_proxy", proxy.at);
      useless("connections_per_client", protect.connections_per_client.at);
      useless("new_connections_per_client", protect.new_connections_per_client.at);
      useless("connections", protect.connections.at);
      return;
    }
    if (!proxy.value || *service.forwarding == Forwarding::kNat) return;
    if (*service.forwarding == Forwarding::kFullNat) {
      error(proxy.at,
            "with forwarding full_nat SYNs are not answered for the backend; remove syn_proxy, or give "
            "forwarding: nat");
      return;
    }
    error(proxy.at,
          fmt::format("with forwarding {} answers do not pass here, and SYNs cannot be answered for "
                      "the backend; remove syn_proxy, or give forwarding: nat",
                      name_of(*service.forwarding)));
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> pools_;
};

bool is_prime(std::uint32_t number) noexcept {
  for (std::uint32_t i = 2; i * i <= number; ++i) {
    if (number % i == 0) return false;
  }
  return number >= 2;
}

}  // namespace

void check(Section& profile, const control::CheckContext& context) {
  const bool routes_known = context.diagnostics.empty();
  Checker(profile, context).run();
  check_addresses(profile, context);
  check_backends(profile, context, routes_known);
  check_health(profile, context);
}

std::string_view name_of(Forwarding forwarding) noexcept {
  switch (forwarding) {
    case Forwarding::kNat:
      return "nat";
    case Forwarding::kFullNat:
      return "full_nat";
    case Forwarding::kDirect:
      return "direct";
    case Forwarding::kIpip:
      return "ipip";
    case Forwarding::kGue:
      return "gue";
    case Forwarding::kGre:
      break;
  }
  return "gre";
}

std::uint32_t next_prime(std::uint32_t least) noexcept {
  while (!is_prime(least)) ++least;
  return least;
}

bool Service::takes(Protocol protocol) const noexcept {
  return ports.empty() ||
         std::ranges::any_of(ports, [&](const auto& one) { return one->protocol == protocol; });
}

bool Service::takes_only(Protocol protocol) const noexcept {
  return !ports.empty() &&
         std::ranges::all_of(ports, [&](const auto& one) { return one->protocol == protocol; });
}

const Service* Section::service(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find_if(services, [&](const Service& one) { return *one.name == wanted; });
  return found == services.end() ? nullptr : &*found;
}

const SourcePool* Section::source_pool(std::string_view wanted) const noexcept {
  const auto found =
      std::ranges::find_if(source_pools, [&](const SourcePool& one) { return *one.name == wanted; });
  return found == source_pools.end() ? nullptr : &*found;
}

}  // namespace millrace::load_balancer::profile
