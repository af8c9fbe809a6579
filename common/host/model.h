// SPDX-License-Identifier: BSD-3-Clause
// The kernel's links, addresses, routes and neighbours as far as the data path cares: a set of links and a
// set of route tables that the owner chose. ModelBuilder keeps it from netlink messages; readers get it
// const. One thread.
//
// A route whose next hops all lie on other links is left out, and so is each such next hop of a multipath
// route: what the management network reaches is not reachable through the appliance.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "common/base/reader.h"
#include "common/host/decode.h"
#include "common/host/types.h"

struct nlmsghdr;

namespace millrace::host {

struct Destination {
  RouteTable table;
  net::Prefix prefix;

  auto operator<=>(const Destination&) const = default;  // NOLINT(modernize-use-nullptr)
};

class Model {
 public:
  [[nodiscard]] const std::map<LinkIndex, Link>& links() const noexcept { return links_; }
  [[nodiscard]] const std::map<LinkIndex, std::set<net::InterfaceAddress>>& addresses() const noexcept {
    return addresses_;
  }
  [[nodiscard]] const std::map<NeighborKey, Neighbor>& neighbors() const noexcept { return neighbors_; }
  [[nodiscard]] const Neighbor* find_neighbor(const NeighborKey& key) const noexcept;

  // Calls visit(const Route&) for the best route of each table and prefix, ordered by table and prefix.
  template <class Visit>
  void each_route(Visit visit) const {
    for (const auto& [destination, candidates] : routes_) {
      Route room;
      if (const Route* route = best(candidates, room)) visit(*route);
    }
  }
  // The best route of exactly this prefix.
  [[nodiscard]] std::optional<Route> find_route(RouteTable table, const net::Prefix& prefix) const;

 private:
  friend class ModelBuilder;

  // Kept in the kernel's order: by metric, then as the kernel has them.
  struct Candidate {
    Route route;
    std::uint32_t nexthop_id = 0;
    bool gives_next_hops = false;
  };

  // The first candidate that can be used, or null. Those by nexthop object are worked out into `room`.
  const Route* best(const std::vector<Candidate>& candidates, Route& room) const;
  bool resolve(const Candidate& candidate, Route& room) const;
  void add_object(const NexthopEvent& object, std::uint16_t weight, bool in_group, Route& route) const;

  std::set<LinkIndex> followed_links_;
  std::set<RouteTable> followed_tables_;
  std::map<LinkIndex, Link> links_;
  std::map<LinkIndex, std::set<net::InterfaceAddress>> addresses_;
  std::map<NeighborKey, Neighbor> neighbors_;
  std::map<Destination, std::vector<Candidate>> routes_;
  std::map<std::uint32_t, NexthopEvent> nexthop_objects_;
};

class ModelBuilder {
 public:
  enum class Source : bool { kEvent, kDump };

  struct Counters {
    // Selected by TOS or source prefix (left out), or encapsulated (kept as unreachable, so that the packets
    // do not take a less specific way).
    std::uint64_t unsupported_routes = 0;
    // Routes that name an object not known; unreachable until it is.
    std::uint64_t unknown_nexthop_objects = 0;
  };

  void follow(std::set<LinkIndex> links, std::set<RouteTable> tables);

  // True when the change matters to forwarding: a neighbour that goes from reachable to stale does not.
  bool apply(const nlmsghdr& message, Source source);
  // Whole buffers, as they are read from a socket.
  bool apply_all(Bytes messages, Source source);

  // The kernel removes routes without a message when a link, an address or a nexthop object goes (fib_flush).
  // After such an event the routes must be read again: begin_routes(), the dumps of nexthop objects and of
  // routes, and end_routes(), which says whether anything changed.
  [[nodiscard]] bool routes_stale() const noexcept { return routes_stale_; }
  void begin_routes();
  [[nodiscard]] bool end_routes();
  void abandon_routes();  // back to what was there at begin_routes(), which stays stale
  // Forgets all but what to follow.
  void clear();

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  struct SavedRoutes {
    std::map<Destination, std::vector<Model::Candidate>> routes;
    std::map<std::uint32_t, NexthopEvent> nexthop_objects;
  };

  bool apply_link(const nlmsghdr& message, bool remove);
  bool apply_address(const nlmsghdr& message, bool remove);
  bool apply_neighbor(const nlmsghdr& message, bool remove);
  bool apply_route(const nlmsghdr& message, bool remove, Source source);
  bool apply_nexthop(const nlmsghdr& message, bool remove);
  // Whether a route names the nexthop object itself, not only through a group.
  [[nodiscard]] bool names_object(std::uint32_t id) const;
  void swap_saved();
  [[nodiscard]] std::optional<Model::Candidate> admit(const RouteEvent& event);
  void add_candidate(std::vector<Model::Candidate>& list, const RouteEvent& event, std::uint16_t flags,
                     Source source);
  void remove_candidate(std::vector<Model::Candidate>& list, const RouteEvent& event);

  Model model_;
  Counters counters_;
  SavedRoutes saved_;
  bool routes_stale_ = false;
};

// Whether two models would forward alike; states of neighbours within "usable" do not count.
[[nodiscard]] bool forward_alike(const Model& a, const Model& b);

}  // namespace millrace::host
