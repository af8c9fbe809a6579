// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/move_bindings.h"

#include <algorithm>
#include <vector>

#include "common/core/owner.h"
#include "vnfs/nat/bindings_of.h"

namespace millrace::nat {
namespace {

// What became of one old worker's records.
class Mover {
 public:
  Mover(BindingTable& from, appliance::Workers after, const Policy& policy, Tick now)
      : from_(from), after_(after), policy_(policy), now_(now) {}

  std::uint64_t run() {
    move_subscribers();
    move_mappings();
    const std::uint64_t moved = move_sessions();
    move_leases();
    move_algs();
    end_empty();
    return moved;
  }

 private:
  struct Place {
    BindingTable* table = nullptr;
    std::uint32_t index = kNoIndex;
  };

  void move_subscribers() {
    subscribers_.resize(from_.subscribers().reach());
    for (SubscriberIndex i = 0; i < subscribers_.size(); ++i) {
      if (!from_.subscribers().in_use(i)) continue;
      const Subscriber& subscriber = from_.subscriber(i);
      const unsigned owner = core::owner_of(subscriber.bucket, static_cast<unsigned>(after_.size()));
      BindingTable& to = bindings_of(*after_[owner]);
      subscribers_[i] = {&to, to.adopt_subscriber(subscriber)};
    }
  }

  void move_mappings() {
    mappings_.resize(from_.mappings().reach());
    std::vector<MappingIndex> order;
    for (MappingIndex i = 0; i < mappings_.size(); ++i) {
      if (from_.mappings().in_use(i)) order.push_back(i);
    }
    std::ranges::stable_sort(order, [&](MappingIndex a, MappingIndex b) {
      return tick_after(from_.mapping(b).quarantined, from_.mapping(a).quarantined);
    });
    for (const MappingIndex i : order) {
      const Place subscriber = subscribers_[from_.mapping(i).subscriber];
      if (subscriber.index == kNoIndex) continue;
      mappings_[i] = {subscriber.table, subscriber.table->adopt_mapping(from_.mapping(i), subscriber.index)};
    }
  }

  std::uint64_t move_sessions() {
    std::uint64_t moved = 0;
    sessions_.resize(from_.sessions().reach());
    for (SessionIndex i = 0; i < from_.sessions().reach(); ++i) {
      if (!from_.sessions().in_use(i)) continue;
      const Session& session = from_.session(i);
      const Place mapping = mappings_[session.mapping];
      if (mapping.index == kNoIndex) {  // the old table gives the port back
        from_.close_session(i, SessionEnd::kStopped, 0, now_);
        continue;
      }
      sessions_[i] = {mapping.table,
                      mapping.table->adopt_session(session, mapping.index, policy_.timeouts, now_)};
      moved += sessions_[i].index == kNoIndex ? 0 : 1;
    }
    return moved;
  }

  void move_leases() {
    const Leases& leases = from_.leases();
    for (LeaseIndex i = 0; i < leases.records().reach(); ++i) {
      if (!leases.records().in_use(i)) continue;
      const Lease& lease = leases[i];
      const auto& places = lease.kind == Lease::Kind::kMapping ? mappings_ : sessions_;
      const Place place = places[lease.binding];
      if (place.index != kNoIndex) place.table->adopt_lease(lease, place.index, now_);
    }
  }

  void move_algs() {
    const AlgRecords& algs = from_.algs();
    for (AlgIndex i = 0; i < algs.records().reach(); ++i) {
      if (!algs.records().in_use(i)) continue;
      const Place place = sessions_[algs[i].session];
      if (place.index != kNoIndex) place.table->adopt_alg(algs[i], place.index);
    }
  }

  // Mappings none of whose sessions found room, and those that rested where there was none.
  void end_empty() {
    for (MappingIndex i = 0; i < mappings_.size(); ++i) {
      const Place place = mappings_[i];
      if (place.index != kNoIndex) {
        const Mapping& mapping = place.table->mapping(place.index);
        const bool kept = mapping.has(Mapping::kQuarantined) || mapping.has(Mapping::kKept);
        if (mapping.sessions == 0 && !kept) place.table->close_mapping(place.index, now_);
      } else if (from_.mappings().in_use(i) && from_.mapping(i).sessions == 0) {
        from_.close_mapping(i, now_);
      }
    }
    // What is left of subscribers for whom there was no room: their blocks.
    for (SubscriberIndex i = 0; i < subscribers_.size(); ++i) {
      if (subscribers_[i].index == kNoIndex && from_.subscribers().in_use(i))
        from_.tidy_subscriber(i, 0, now_);
    }
  }

  BindingTable& from_;
  appliance::Workers after_;
  const Policy& policy_;
  Tick now_;
  std::vector<Place> subscribers_;
  std::vector<Place> mappings_;
  std::vector<Place> sessions_;
};

}  // namespace

std::uint64_t move_bindings(appliance::Workers before, appliance::Workers after,
                            const core::Snapshot& snapshot) {
  const auto& policy = static_cast<const Policy&>(*snapshot.policy);
  std::uint64_t moved = 0;
  for (core::Worker* worker : before)
    moved += Mover(bindings_of(*worker), after, policy, state_of(*after[0]).services.now).run();
  return moved;
}

}  // namespace millrace::nat
