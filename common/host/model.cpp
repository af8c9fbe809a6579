// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/model.h"

#include <algorithm>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "common/host/netlink_socket.h"

namespace millrace::host {
namespace {

bool same_to_forwarding(const Neighbor& a, const Neighbor& b) noexcept {
  return a.usable() == b.usable() && (!a.usable() || a.mac == b.mac);
}

std::vector<Route> all_routes(const Model& model) {
  std::vector<Route> routes;
  model.each_route([&](const Route& route) { routes.push_back(route); });
  return routes;
}

}  // namespace

const Neighbor* Model::find_neighbor(const NeighborKey& key) const noexcept {
  const auto found = neighbors_.find(key);
  return found == neighbors_.end() ? nullptr : &found->second;
}

std::optional<Route> Model::find_route(RouteTable table, const net::Prefix& prefix) const {
  const auto found = routes_.find(Destination{table, prefix});
  if (found == routes_.end()) return std::nullopt;
  Route room;
  const Route* route = best(found->second, room);
  return route == nullptr ? std::nullopt : std::optional(*route);
}

const Route* Model::best(const std::vector<Candidate>& candidates, Route& room) const {
  for (const Candidate& candidate : candidates) {
    if (candidate.nexthop_id == 0) return &candidate.route;
    if (resolve(candidate, room)) return &room;
  }
  return nullptr;
}

bool Model::resolve(const Candidate& candidate, Route& room) const {
  room = candidate.route;
  const auto object = nexthop_objects_.find(candidate.nexthop_id);
  if (object != nexthop_objects_.end()) {
    room.next_hops.clear();
    add_object(object->second, 1, false, room);
  } else if (!candidate.gives_next_hops) {
    room.kind = RouteKind::kUnreachable;
  }
  return is_discard(room.kind) || !room.next_hops.empty();
}

// A group's members are never groups themselves (nexthop.c, valid_group_nh), so a false one cannot recurse
// deeper.
void Model::add_object(const NexthopEvent& object, std::uint16_t weight, bool in_group, Route& route) const {
  if (object.blackhole) route.kind = RouteKind::kBlackhole;
  if (object.hop && followed_links_.contains(object.hop->link)) {
    NextHop hop = *object.hop;
    hop.weight = weight;
    route.next_hops.push_back(hop);
  }
  if (in_group) return;
  for (const auto& member : object.group) {
    const auto found = nexthop_objects_.find(member.id);
    if (found != nexthop_objects_.end()) add_object(found->second, member.weight, true, route);
  }
}

void ModelBuilder::follow(std::set<LinkIndex> links, std::set<RouteTable> tables) {
  model_.followed_links_ = std::move(links);
  model_.followed_tables_ = std::move(tables);
}

void ModelBuilder::clear() {
  Model fresh;
  fresh.followed_links_ = std::move(model_.followed_links_);
  fresh.followed_tables_ = std::move(model_.followed_tables_);
  model_ = std::move(fresh);
  routes_stale_ = false;
}

void ModelBuilder::begin_routes() {
  saved_ = {std::exchange(model_.routes_, {}), std::exchange(model_.nexthop_objects_, {})};
}

bool ModelBuilder::end_routes() {
  const std::vector<Route> now = all_routes(model_);
  swap_saved();
  const bool changed = all_routes(model_) != now;
  swap_saved();
  saved_ = {};
  routes_stale_ = false;
  return changed;
}

void ModelBuilder::abandon_routes() {
  swap_saved();
  saved_ = {};
  routes_stale_ = true;
}

void ModelBuilder::swap_saved() {
  std::swap(model_.routes_, saved_.routes);
  std::swap(model_.nexthop_objects_, saved_.nexthop_objects);
}

bool ModelBuilder::apply_all(Bytes messages, Source source) {
  bool changed = false;
  while (const nlmsghdr* message = next_message(messages)) changed |= apply(*message, source);
  return changed;
}

bool ModelBuilder::apply(const nlmsghdr& message, Source source) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
      return apply_link(message, false);
    case RTM_DELLINK:
      return apply_link(message, true);
    case RTM_NEWADDR:
      return apply_address(message, false);
    case RTM_DELADDR:
      return apply_address(message, true);
    case RTM_NEWNEIGH:
      return apply_neighbor(message, false);
    case RTM_DELNEIGH:
      return apply_neighbor(message, true);
    case RTM_NEWROUTE:
      return apply_route(message, false, source);
    case RTM_DELROUTE:
      return apply_route(message, true, source);
    case RTM_NEWNEXTHOP:
      return apply_nexthop(message, false);
    case RTM_DELNEXTHOP:
      return apply_nexthop(message, true);
    default:
      return false;
  }
}

bool ModelBuilder::apply_link(const nlmsghdr& message, bool remove) {
  const auto event = decode_link(message);
  if (!event || !model_.followed_links_.contains(event->link.index)) return false;
  const LinkIndex index = event->link.index;
  if (remove) {
    routes_stale_ = true;
    model_.addresses_.erase(index);
    std::erase_if(model_.neighbors_, [&](const auto& entry) { return entry.first.link == index; });
    return model_.links_.erase(index) != 0;
  }
  const auto [place, added] = model_.links_.try_emplace(index, event->link);
  if (added) return true;
  if (place->second == event->link) return false;
  if (place->second.up != event->link.up || place->second.running != event->link.running)
    routes_stale_ = true;
  place->second = event->link;
  return true;
}

bool ModelBuilder::apply_address(const nlmsghdr& message, bool remove) {
  const auto event = decode_address(message);
  if (!event || !model_.followed_links_.contains(event->link)) return false;
  if (!remove && event->usable) return model_.addresses_[event->link].insert(event->address).second;
  const auto list = model_.addresses_.find(event->link);
  if (list == model_.addresses_.end() || list->second.erase(event->address) == 0) return false;
  if (list->second.empty()) model_.addresses_.erase(list);
  routes_stale_ = true;
  return true;
}

bool ModelBuilder::apply_neighbor(const nlmsghdr& message, bool remove) {
  const auto event = decode_neighbor(message);
  if (!event || !model_.followed_links_.contains(event->neighbor.key.link)) return false;
  const auto found = model_.neighbors_.find(event->neighbor.key);
  if (remove) {
    if (found == model_.neighbors_.end()) return false;
    model_.neighbors_.erase(found);
    return true;
  }
  if (found == model_.neighbors_.end()) {
    model_.neighbors_.emplace(event->neighbor.key, event->neighbor);
    return true;
  }
  const bool changed = !same_to_forwarding(found->second, event->neighbor);
  found->second = event->neighbor;
  return changed;
}

bool ModelBuilder::apply_nexthop(const nlmsghdr& message, bool remove) {
  auto event = decode_nexthop(message);
  if (!event) return false;
  const std::uint32_t id = event->id;
  if (remove) {
    const bool used = names_object(id);
    routes_stale_ = routes_stale_ || used;
    return model_.nexthop_objects_.erase(id) != 0 && used;
  }
  auto& object = model_.nexthop_objects_[id];
  if (object == *event) return false;
  object = std::move(*event);
  return std::any_of(model_.nexthop_objects_.begin(), model_.nexthop_objects_.end(), [&](const auto& entry) {
    const auto& group = entry.second.group;
    const bool member = std::any_of(group.begin(), group.end(), [&](const auto& m) { return m.id == id; });
    return (entry.first == id || member) && names_object(entry.first);
  });
}

bool ModelBuilder::names_object(std::uint32_t id) const {
  return std::any_of(model_.routes_.begin(), model_.routes_.end(), [&](const auto& entry) {
    return std::any_of(entry.second.begin(), entry.second.end(),
                       [&](const auto& c) { return c.nexthop_id == id; });
  });
}

bool ModelBuilder::apply_route(const nlmsghdr& message, bool remove, Source source) {
  const auto event = decode_route(message);
  if (!event || !model_.followed_tables_.contains(event->route.table)) return false;
  if (event->selective) {
    if (!remove) ++counters_.unsupported_routes;
    return false;
  }
  auto place = model_.routes_.try_emplace(Destination{event->route.table, event->route.prefix}).first;
  Route before_room;
  const Route* best_before = model_.best(place->second, before_room);
  const std::optional<Route> before = best_before == nullptr ? std::nullopt : std::optional(*best_before);
  if (remove) {
    remove_candidate(place->second, *event);
  } else {
    add_candidate(place->second, *event, message.nlmsg_flags, source);
  }
  Route after_room;
  const Route* after = model_.best(place->second, after_room);
  const bool changed = (after != nullptr) != before.has_value() || (after != nullptr && *after != *before);
  if (place->second.empty()) model_.routes_.erase(place);
  return changed;
}

// What of the route is on followed links; nothing when that leaves no way.
std::optional<Model::Candidate> ModelBuilder::admit(const RouteEvent& event) {
  Model::Candidate candidate{event.route, event.nexthop_id, event.gives_next_hops};
  std::erase_if(candidate.route.next_hops,
                [&](const NextHop& hop) { return !model_.followed_links_.contains(hop.link); });
  if (event.encapsulated && !candidate.route.next_hops.empty()) {
    candidate.route.kind = RouteKind::kUnreachable;
    candidate.route.next_hops.clear();
  }
  if (candidate.nexthop_id != 0 || is_discard(candidate.route.kind)) return candidate;
  return candidate.route.next_hops.empty() ? std::nullopt : std::optional(std::move(candidate));
}

namespace {

bool is_v6(const Route& route) noexcept { return !route.prefix.address.is_v4(); }

// IPv6 routes with a gateway and without a nexthop object merge into one multipath route, and each message
// about one of them shows them all (ip6_fib.h, rt6_qualify_for_ecmp).
bool merges(const Route& route, std::uint32_t nexthop_id) noexcept {
  return is_v6(route) && nexthop_id == 0 && !route.next_hops.empty() &&
         route.next_hops.front().gateway.has_value();
}

}  // namespace

void ModelBuilder::add_candidate(std::vector<Model::Candidate>& list, const RouteEvent& event,
                                 std::uint16_t flags, Source source) {
  const std::uint32_t metric = event.route.metric;
  const bool merging = merges(event.route, event.nexthop_id);
  const bool replaces = source == Source::kEvent && (flags & NLM_F_REPLACE) != 0;
  const auto same_metric = [&](const Model::Candidate& c) { return c.route.metric == metric; };
  const auto merges_too = [&](const Model::Candidate& c) {
    return same_metric(c) && merges(c.route, c.nexthop_id) == merging;
  };
  if (merging) {
    const auto erased = std::erase_if(list, merges_too);
    if (replaces && erased == 0) {
      if (const auto first = std::find_if(list.begin(), list.end(), same_metric); first != list.end()) {
        list.erase(first);
      }
    }
  } else if (replaces) {
    auto first = std::find_if(list.begin(), list.end(), merges_too);
    if (first == list.end()) {
      std::erase_if(list, same_metric);  // a multipath route goes whole
    } else {
      list.erase(first);
    }
  }

  if (event.encapsulated) ++counters_.unsupported_routes;
  auto candidate = admit(event);
  if (!candidate) return;
  if (candidate->nexthop_id != 0 && !candidate->gives_next_hops &&
      !model_.nexthop_objects_.contains(candidate->nexthop_id) && !is_discard(candidate->route.kind)) {
    ++counters_.unknown_nexthop_objects;
  }
  // The same route may be both in a dump and in an event that waited during the dump.
  std::erase_if(list, [&](const Model::Candidate& c) {
    return c.route == candidate->route && c.nexthop_id == candidate->nexthop_id;
  });
  // IPv4 puts a route before its equals unless told to append (fib_trie.c, fib_table_insert).
  const bool behind = source == Source::kDump || (flags & NLM_F_APPEND) != 0 || is_v6(candidate->route);
  const auto place = std::find_if(list.begin(), list.end(), [&](const Model::Candidate& c) {
    return behind ? c.route.metric > metric : c.route.metric >= metric;
  });
  list.insert(place, std::move(*candidate));
}

void ModelBuilder::remove_candidate(std::vector<Model::Candidate>& list, const RouteEvent& event) {
  const auto gone = admit(event);
  const auto found = std::find_if(list.begin(), list.end(), [&](const Model::Candidate& c) {
    return gone && c.route == gone->route && c.nexthop_id == gone->nexthop_id;
  });
  if (found != list.end()) {
    list.erase(found);
    return;
  }
  // One next hop of several, or a next hop that died meanwhile: only the kernel knows what is left.
  if (std::any_of(list.begin(), list.end(),
                  [&](const Model::Candidate& c) { return c.route.metric == event.route.metric; })) {
    routes_stale_ = true;
  }
}

bool forward_alike(const Model& a, const Model& b) {
  if (a.links() != b.links() || a.addresses() != b.addresses()) return false;
  const auto same = [](const auto& x, const auto& y) {
    return x.first == y.first && same_to_forwarding(x.second, y.second);
  };
  if (!std::equal(a.neighbors().begin(), a.neighbors().end(), b.neighbors().begin(), b.neighbors().end(),
                  same)) {
    return false;
  }
  return all_routes(a) == all_routes(b);
}

}  // namespace millrace::host
