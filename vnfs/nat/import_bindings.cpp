// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/appliance/table_slices.h"
#include "common/core/owner.h"
#include "common/net/translate_header.h"
#include "vnfs/nat/allowance.h"
#include "vnfs/nat/binding_stream.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/transfer_bindings.h"

namespace millrace::nat {
namespace {

// Puts bindings of a stream, whose domains are this instance's by now, into one worker's table. On the
// worker's thread.
class Importer {
 public:
  Importer(BindingTable& bindings, const Policy& policy) : bindings_(bindings), policy_(policy) {}

  bool take(const PortableMapping& from) noexcept {
    const Tick now = bindings_.now();
    const auto domain = static_cast<std::uint16_t>(from.domain);
    if (!from.inside.is_v4() && !policy_.nat64) return false;
    const SubscriberIndex subscriber =
        bindings_.open_subscriber(from.inside, domain, bucket_of_inside(from.inside), now);
    if (subscriber == kNoIndex) return false;
    const MappingIndex index = open(from, subscriber, now);
    if (index == kNoIndex) {
      bindings_.forget_unused(subscriber, now);
      return false;
    }
    if (from.rests) bindings_.rest_since(index, now - from.rested, now);
    return true;
  }

  bool take(const PortableSession& from) noexcept {
    const Tick now = bindings_.now();
    const MappingIndex index = find(from.of);
    if (index == kNoIndex) return false;
    const Mapping& mapping = bindings_.mapping(index);
    const Subscriber& subscriber = bindings_.subscriber(mapping.subscriber);
    const bool mixed = !subscriber.address.is_v4();
    if (mixed && !policy_.nat64) return false;
    const Endpoint inside{mixed ? mapping.subscriber : subscriber.address.v4().value.wire(),
                          from.source_port[0]};
    const Tuple outward = Tuple::of(inside, {from.remote, from.destination_port[0]}, mapping.protocol,
                                    subscriber.domain, mixed ? Tuple::kSubscriber : Tuple::kIpv4);
    const Tuple inward =
        Tuple::of({from.remote, from.source_port[1]}, {mapping.outside_address, from.destination_port[1]},
                  mapping.protocol, mapping.domain);
    if (from.source_port[0] != mapping.inside_port || from.destination_port[1] != mapping.outside_port)
      return false;
    if (bindings_.find(outward).session != kNoIndex || bindings_.find(inward).session != kNoIndex)
      return false;
    std::optional<net::ChecksumSum> inside_addresses;
    if (mixed) {
      inside_addresses = net::sum_object(
          net::Ipv6Ends{.source = subscriber.address.v6(),
                        .destination = policy_.nat64->prefix.embed(Endpoint{from.remote, 0}.ipv4())});
    }
    const SessionIndex opened =
        bindings_.open_session({.mapping = index,
                                .outward = outward,
                                .inward = inward,
                                .first = from.inward_first ? Direction::kReverse : Direction::kForward,
                                .list_remote = mapping.filters_by_address(),
                                .generation = policy_.generation,
                                .inside_addresses = inside_addresses},
                               policy_.timeouts, now);
    return opened != kNoIndex && go_on(opened, from, now);
  }

  bool take(const PortableLease& from) noexcept {
    const Tick now = bindings_.now();
    const MappingIndex mapping = find(from.of);
    if (mapping == kNoIndex || from.left == 0) return false;
    std::uint32_t binding = mapping;
    if (from.kind == Lease::Kind::kSession) {
      const Mapping& of = bindings_.mapping(mapping);
      binding = bindings_.find(Tuple::of(from.remote, of.outside(), of.protocol, of.domain)).session;
      if (binding == kNoIndex) return false;
    }
    const Lease::Nonce& nonce = from.pinhole ? bindings_.algs().nonce() : from.nonce;
    const LeaseIndex index = bindings_.lease(from.kind, binding, nonce, from.left, now);
    if (index == kNoIndex) return false;
    Lease& lease = bindings_.leases()[index];
    lease.pinhole = from.pinhole;
    if (!policy_.keeps(bindings_.subscriber(lease.subscriber).address, lease, bindings_.mapping(mapping))) {
      bindings_.end_lease(index, 0, now);
      return false;
    }
    lease.remote_count = static_cast<std::uint8_t>(from.remotes.size());
    std::ranges::copy(from.remotes, lease.remotes.begin());
    return true;
  }

  bool take(const PortableAlg& from) noexcept {
    const MappingIndex mapping = find(from.of);
    if (mapping == kNoIndex) return false;
    const Mapping& of = bindings_.mapping(mapping);
    const SessionIndex session =
        bindings_.find(Tuple::of(from.remote, of.outside(), of.protocol, of.domain)).session;
    if (session == kNoIndex || bindings_.session(session).has(Session::kAlg)) return false;
    AlgRecord record{};
    record.kind = from.kind;
    record.mid_line = from.mid_line;
    record.offered = from.offered;
    for (std::size_t way = 0; way < 2; ++way) {
      record.shift[way] = SequenceShift::of(from.shift[way]);
      // The next segment may begin with a message.
      record.sip.streams[way].step = SipState::Stream::Step::kLost;
    }
    bindings_.adopt_alg(record, session);
    return bindings_.session(session).has(Session::kAlg);
  }

  // What came without a session, does not rest and was not asked for is of no use.
  void end_unused(const PortableMapping& from) noexcept {
    const MappingIndex index = find(from.outside);
    if (index != kNoIndex && !bindings_.mapping(index).has(Mapping::kQuarantined))
      bindings_.close_unused(index, bindings_.now());
  }

 private:
  [[nodiscard]] MappingIndex find(const OutsideEnd& outside) const noexcept {
    return bindings_.find_mapping(outside.end, outside.protocol, static_cast<std::uint16_t>(outside.domain));
  }

  [[nodiscard]] MappingIndex open(const PortableMapping& from, SubscriberIndex subscriber,
                                  Tick now) noexcept {
    const OutsideEnd& outside = from.outside;
    const auto outside_domain = static_cast<std::uint16_t>(outside.domain);
    if (find(outside) != kNoIndex ||
        bindings_.find_mapping(subscriber, from.inside_port, outside.protocol, from.remote) != kNoIndex)
      return kNoIndex;
    BindingTable::NewMapping wanted{.subscriber = subscriber,
                                    .inside_port = from.inside_port,
                                    .protocol = outside.protocol,
                                    .flags = Mapping::filtering_flags(from.filtering),
                                    .remote = from.remote,
                                    .suggested = outside.end,
                                    .only_suggested = true};
    if (from.inside.is_v4()) {
      const auto own = policy_.statics.outside_of({from.inside.v4().value.wire(), from.inside_port},
                                                  outside.protocol, static_cast<std::uint16_t>(from.domain));
      const bool same = own && own->end == outside.end && own->domain == outside_domain;
      if (from.is_static != own.has_value() || (own && !same)) return kNoIndex;
      if (same) return bindings_.open_static(wanted, outside.end, outside_domain, now).mapping;
    }
    const Policy::Place* place = policy_.find(outside.end.ipv4(), outside_domain);
    if (from.is_static || place == nullptr || !port_space(outside.protocol)) return kNoIndex;
    return bindings_.open_mapping(wanted, policy_.pools[place->pool], now).mapping;
  }

  // The session has its past from here on; false when that makes it over, or the policy does not allow it.
  [[nodiscard]] bool go_on(SessionIndex index, const PortableSession& from, Tick now) noexcept {
    Session& session = bindings_.session(index);
    session.tcp = from.tcp;
    if (from.replied) session.flags |= Session::kReplied;
    session.bytes = from.bytes;
    session.last_seen = now - from.idle;
    const bool over = from.idle >= BindingTable::timeout_of(session, policy_.timeouts);
    const bool allowed = is_allowed(session, core::InterfaceId::none(), bindings_, policy_);
    if (over || !allowed) {
      bindings_.close_session(index, over ? SessionEnd::kTimeout : SessionEnd::kPolicy, 0, now);
      return false;
    }
    bindings_.reschedule(index, policy_.timeouts, now);
    return true;
  }

  BindingTable& bindings_;
  const Policy& policy_;
};

// The domains of the stream by this instance's numbers.
class Domains {
 public:
  Domains(const std::vector<std::string>& names, const core::Network& network) {
    for (const std::string& name : names) {
      const auto found = std::ranges::find(network.domains, name, &core::Domain::name);
      ids_.push_back(found == network.domains.end()
                         ? kNoIndex
                         : static_cast<std::uint32_t>(found - network.domains.begin()));
    }
  }
  // False when there is no such domain here.
  bool localise(OutsideEnd& outside) const { return localise(outside.domain); }
  bool localise(PortableMapping& mapping) const {
    return localise(mapping.outside) && localise(mapping.domain);
  }
  bool localise(std::uint32_t& domain) const {
    domain = ids_[domain];
    return domain != kNoIndex;
  }

 private:
  std::vector<std::uint32_t> ids_;
};

struct HashOutsideEnd {
  std::size_t operator()(const OutsideEnd& end) const noexcept {
    return flow::hash_words(end.end.bits(), end.protocol | std::uint64_t{end.domain} << 8, 0);
  }
};

// The bindings of a stream, by the worker that is to have them.
class Shares {
 public:
  Shares(BindingStream&& stream, const core::Network& network, unsigned workers) : shares_(workers) {
    const Domains domains(stream.domains, network);
    std::unordered_map<OutsideEnd, unsigned, HashOutsideEnd> owner;
    for (PortableMapping& mapping : stream.bindings.mappings) {
      if (!domains.localise(mapping)) {
        ++refused_;
        continue;
      }
      const unsigned worker = core::owner_of(bucket_of_inside(mapping.inside), workers);
      owner.emplace(mapping.outside, worker);
      shares_[worker].mappings.push_back(mapping);
    }
    const auto share_out = [&](auto Bindings::*kind) {
      for (auto& binding : stream.bindings.*kind) {
        const bool known = domains.localise(binding.of);
        const auto found = known ? owner.find(binding.of) : owner.end();
        if (found == owner.end()) {
          ++refused_;
        } else {
          (shares_[found->second].*kind).push_back(std::move(binding));
        }
      }
    };
    share_out(&Bindings::sessions);
    share_out(&Bindings::leases);
    share_out(&Bindings::algs);
    for (Bindings& share : shares_) {  // those that rest longest first, as their table keeps them
      std::ranges::stable_sort(share.mappings, std::greater<>{}, &PortableMapping::rested);
    }
  }

  [[nodiscard]] const Bindings& of(unsigned worker) const { return shares_[worker]; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  std::vector<Bindings> shares_;
  std::uint64_t refused_ = 0;
};

}  // namespace

Result<control::Appliance::Imported> import_bindings(appliance::Workers workers,
                                                     const core::Snapshot& snapshot, std::string_view stream,
                                                     const std::function<void()>& between) {
  auto read = read_binding_stream(stream);
  if (!read) return tl::unexpected(read.error());
  const Shares shares(std::move(*read), *snapshot.network, static_cast<unsigned>(workers.size()));

  control::Appliance::Imported imported{.taken = 0, .refused = shares.refused()};
  for (unsigned w = 0; w < workers.size(); ++w) {
    Importer importer(bindings_of(*workers[w]), static_cast<const Policy&>(*snapshot.policy));
    const auto each = [&](const auto& bindings, auto&& handle) {
      for (std::size_t at = 0; at < bindings.size(); at += appliance::kSlice) {
        workers[w]->execute([&] {
          for (std::size_t i = at; i < std::min(bindings.size(), at + appliance::kSlice); ++i)
            handle(bindings[i]);
        });
        between();
      }
    };
    // What belongs to a mapping that was refused is refused too: its outside end may be another host's here.
    std::unordered_set<OutsideEnd, HashOutsideEnd> taken;
    std::vector<char> took;
    took.reserve(shares.of(w).mappings.size());
    each(shares.of(w).mappings, [&](const PortableMapping& mapping) {
      took.push_back(importer.take(mapping) ? 1 : 0);
      ++(took.back() != 0 ? imported.taken : imported.refused);
    });
    for (std::size_t i = 0; i < took.size(); ++i) {
      if (took[i] != 0) taken.insert(shares.of(w).mappings[i].outside);
    }
    const auto take = [&](const auto& binding) {
      ++(taken.contains(binding.of) && importer.take(binding) ? imported.taken : imported.refused);
    };
    each(shares.of(w).sessions, take);
    each(shares.of(w).leases, take);
    each(shares.of(w).algs, take);
    each(shares.of(w).mappings, [&](const PortableMapping& mapping) {
      if (taken.contains(mapping.outside)) importer.end_unused(mapping);
    });
  }
  return imported;
}

}  // namespace millrace::nat
