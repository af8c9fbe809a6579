// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/mirror.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "common/host/netlink_request.h"

namespace millrace::host {
namespace {

constexpr std::array<unsigned, 7> kGroups = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                             RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH,
                                             RTNLGRP_NEXTHOP};

// Datagrams per process(): the thread also serves the TAPs.
constexpr int kDatagramsPerCall = 1024;

// A table that changes without end is not worth more dumps; its events bring the model up to date.
constexpr int kDumpAttempts = 4;

}  // namespace

Result<Mirror> Mirror::open(const Options& options) {
  auto events = NetlinkSocket::open(kGroups, options.receive_buffer_bytes);
  if (!events) return tl::unexpected(events.error());
  auto requests = NetlinkSocket::open({});
  if (!requests) return tl::unexpected(requests.error());
  return Mirror(std::move(*events), std::move(*requests));
}

Result<void> Mirror::follow(std::set<LinkIndex> links, std::set<RouteTable> tables) {
  builder_.follow(std::move(links), std::move(tables));
  all_stale_ = true;
  auto done = process();
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<bool> Mirror::process() {
  bool changed = false;
  // After an overrun, what still waits is older than what was lost, so it is thrown away to the end: the
  // kernel queues nothing new before the queue is empty (af_netlink.c, NETLINK_S_CONGESTED).
  for (int left = kDatagramsPerCall; left > 0 || all_stale_; --left) {
    auto received = events_.receive();
    if (!received) return tl::unexpected(received.error());
    if (received->outcome == NetlinkSocket::Outcome::kEmpty) break;
    if (received->outcome == NetlinkSocket::Outcome::kOverrun) {
      ++counters_.overruns;
      all_stale_ = true;
    } else if (!all_stale_) {
      changed |= builder_.apply_all(received->messages, ModelBuilder::Source::kEvent);
    }
  }
  if (all_stale_) {
    auto differs = dump_everything();
    if (!differs) return differs;
    changed |= *differs;
  } else if (builder_.routes_stale()) {
    auto differs = dump_routes();
    if (!differs) return differs;
    changed |= *differs;
  }
  return changed;
}

Result<bool> Mirror::dump_everything() {
  ++counters_.full_dumps;
  ModelBuilder fresh = builder_;
  fresh.clear();
  struct Table {
    std::uint16_t type;
    std::uint8_t family;
  };
  // Nexthop objects before the routes that name them.
  for (const auto& [type, family] :
       {Table{RTM_GETLINK, AF_UNSPEC}, Table{RTM_GETADDR, AF_UNSPEC}, Table{RTM_GETNEIGH, AF_INET},
        Table{RTM_GETNEIGH, AF_INET6}, Table{RTM_GETNEXTHOP, AF_UNSPEC}, Table{RTM_GETROUTE, AF_INET},
        Table{RTM_GETROUTE, AF_INET6}}) {
    if (auto dumped = dump_until_whole(type, family, fresh); !dumped) return tl::unexpected(dumped.error());
  }
  const bool changed = !forward_alike(builder_.model(), fresh.model());
  builder_ = std::move(fresh);
  all_stale_ = false;
  return changed;
}

Result<bool> Mirror::dump_routes() {
  ++counters_.route_dumps;
  builder_.begin_routes();
  for (const auto& [type, family] : {std::pair{RTM_GETNEXTHOP, AF_UNSPEC}, std::pair{RTM_GETROUTE, AF_INET},
                                     std::pair{RTM_GETROUTE, AF_INET6}}) {
    auto dumped =
        dump_until_whole(static_cast<std::uint16_t>(type), static_cast<std::uint8_t>(family), builder_);
    if (!dumped) {
      builder_.abandon_routes();
      return tl::unexpected(dumped.error());
    }
  }
  return builder_.end_routes();
}

Result<void> Mirror::dump_until_whole(std::uint16_t type, std::uint8_t family, ModelBuilder& builder) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    const auto whole = dump(type, family, builder);
    if (!whole) return tl::unexpected(whole.error());
    if (*whole) break;
    ++counters_.interrupted_dumps;
  }
  return {};
}

Result<bool> Mirror::dump(std::uint16_t type, std::uint8_t family, ModelBuilder& builder) {
  NetlinkRequest request(type, NLM_F_DUMP);
  switch (type) {
    case RTM_GETLINK:
      request.header<ifinfomsg>().ifi_family = family;
      break;
    case RTM_GETADDR:
      request.header<ifaddrmsg>().ifa_family = family;
      break;
    case RTM_GETNEIGH:
      request.header<ndmsg>().ndm_family = family;
      break;
    case RTM_GETNEXTHOP:
      request.header<nhmsg>().nh_family = family;
      break;
    default:
      request.header<rtmsg>().rtm_family = family;
      break;
  }
  const auto answer = requests_.request(request.message(), [&](const nlmsghdr& message) {
    builder.apply(message, ModelBuilder::Source::kDump);
  });
  if (!answer) return failure("read the kernel's tables", answer.error().message());
  // A kernel without nexthop objects (before 5.3) or without IPv6 has none to give.
  if (answer->code == EOPNOTSUPP || answer->code == EAFNOSUPPORT) return true;
  if (answer->code != 0) {
    return failure("read the kernel's tables",
                   answer->text.empty() ? errno_text(answer->code) : answer->text);
  }
  return !answer->interrupted;
}

Mirror::Counters Mirror::counters() const noexcept {
  Counters all = counters_;
  all.model = builder_.counters();
  return all;
}

Result<std::size_t> refresh_neighbors(Netlink& netlink, const Model& model,
                                      const std::set<NeighborKey>& in_use) {
  std::size_t asked = 0;
  std::optional<Error> refused;
  for (const NeighborKey& key : in_use) {
    const auto link = model.links().find(key.link);
    if (link == model.links().end() || !link->second.up) continue;
    const Neighbor* known = model.find_neighbor(key);
    if (known != nullptr && known->state != NeighborState::kStale && known->state != NeighborState::kFailed)
      continue;
    if (auto probed = netlink.probe_neighbor(key); probed) {
      ++asked;
    } else if (!refused) {
      refused = probed.error();
    }
  }
  if (refused) return tl::unexpected(*refused);
  return asked;
}

}  // namespace millrace::host
