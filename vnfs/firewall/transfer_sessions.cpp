// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/transfer_sessions.h"

#include <memory>
#include <optional>
#include <unordered_map>

#include "common/core/owner.h"
#include "vnfs/firewall/session_slices.h"
#include "vnfs/firewall/session_stream.h"

namespace millrace::firewall {
namespace {

// What the present policy gives the sessions of a slot.
class Outcomes {
 public:
  explicit Outcomes(const Policy& policy) : policy_(policy) {
    for (const RuleOutcome& outcome : policy.outcomes) by_slot_.emplace(outcome.slot, &outcome);
  }
  [[nodiscard]] const RuleOutcome& of(std::uint32_t slot) const {
    const auto found = by_slot_.find(slot);
    return found == by_slot_.end() ? policy_.otherwise : *found->second;
  }
  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }

 private:
  const Policy& policy_;
  std::unordered_map<std::uint32_t, const RuleOutcome*> by_slot_;
};

// On the worker's thread, or while it does not run.
bool take_over(WorkerState& state, const flow::FlowLookup& lookup, const Session& from,
               const ReportedCounts& reported, const Outcomes& outcomes, Tick now) {
  const Policy& policy = outcomes.policy();
  const SessionIndex index = state.sessions.adopt(lookup, from, policy.timeouts, now);
  if (index == kNoSession) return false;
  Session& session = state.sessions[index];
  state.flow_log.take_over(index, reported);
  state.rule_counters[session.rule_slot].open_sessions.add(1);
  state.limits.adopted(session, ends_of(session).initiator, outcomes.of(session.rule_slot),
                       policy.protection);
  return true;
}

// Hands out the stream piece by piece.
class Exporter {
 public:
  Exporter(appliance::Workers workers, const core::Snapshot& snapshot, const RuleSlots& slots)
      : workers_(workers.begin(), workers.end()), network_(snapshot.network), slots_(slots) {
    found_.reserve(kPiece);
  }

  Result<std::string> next() {
    if (!begun_) {
      begun_ = true;
      return writer_.begin();
    }
    while (worker_ < workers_.size()) {
      core::Worker& worker = *workers_[worker_];
      found_.clear();
      Tick now = 0;
      place_ = visit_sessions(worker, place_, [&](WorkerState& state, SessionIndex index) {
        found_.push_back(state.sessions[index]);
        now = state.sessions.now();
        return found_.size() < kPiece;
      });
      if (place_ == state_of(worker).sessions.flows().capacity()) {
        ++worker_;
        place_ = 0;
      }
      if (!found_.empty()) return piece(now);
    }
    return std::exchange(ended_, true) ? std::string() : writer_.end();
  }

 private:
  static constexpr std::size_t kPiece = 1024;  // sessions, about 128 KiB

  std::string piece(Tick now) {
    std::vector<PortableSession> portable;
    portable.reserve(found_.size());
    for (const Session& session : found_) portable.push_back(describe(session, now));
    return writer_.append(portable);
  }

  PortableSession describe(const Session& session, Tick now) {
    const auto interface = [&](std::uint16_t id) {
      return id < network_->interfaces.size()
                 ? writer_.number(NameKind::kInterface, network_->interfaces[id].name)
                 : kNoName;
    };
    const flow::Segment segment = session.segment();
    const std::uint16_t domain = segment.domain_id();
    PortableSession portable;
    portable.ends = ends_of(session);
    portable.protocol = session.key.protocol();
    portable.domain = domain < network_->domains.size()
                          ? writer_.number(NameKind::kDomain, network_->domains[domain].name)
                          : kNoName;
    portable.tags = segment.tags();
    portable.ingress = interface(session.ingress);
    portable.egress = interface(session.egress);
    // The default's place is no rule, even if a rule has its name.
    portable.rule = session.rule_slot == RuleSlots::kDefault
                        ? kNoName
                        : writer_.number(NameKind::kRule, slots_.name(session.rule_slot));
    portable.naming = session.naming;
    portable.refused = session.has(Session::kRefused);
    portable.application = name_of(session.named().protocol);
    portable.carried = name_of(session.named().service);
    portable.tcp = session.tcp;
    portable.tcp_state = session.tcp_state;
    portable.replied = session.has(Session::kReplied);
    portable.logged = session.has(Session::kLogged);
    portable.dscp = session.dscp;
    portable.icmp_type = session.icmp_type();
    portable.icmp_code = session.icmp_code;
    portable.first_tcp_flags = session.first_tcp_flags;
    portable.proxied = session.has(Session::kProxied);
    portable.joining = session.has(Session::kJoining);
    portable.proxy_sequence = session.proxy_sequence;
    portable.proxy_delta = session.proxy_delta;
    portable.proxy_segment_size = session.proxy_segment_size;
    for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
      portable.packets[static_cast<std::size_t>(direction)] = session.total_packets(direction);
      portable.bytes[static_cast<std::size_t>(direction)] = session.total_bytes(direction);
    }
    portable.age = now - session.created;
    portable.idle = now - session.last_seen;
    return portable;
  }

  std::uint32_t name_of(dpi::ApplicationId application) {
    return application == dpi::ApplicationId::kUnknown
               ? kNoName
               : writer_.number(NameKind::kApplication, dpi::application_name(application));
  }

  std::vector<core::Worker*> workers_;
  std::shared_ptr<const core::Network> network_;
  const RuleSlots& slots_;
  SessionStreamWriter writer_;
  std::vector<Session> found_;
  std::size_t worker_ = 0;
  SessionIndex place_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

// The numbers that names of a stream have in this process.
struct Here {
  Here(const SessionNameTable& names, const core::Network& network, const RuleSlots& slots) {
    const auto place_of = [](const auto& all, const std::string& name) {
      const auto found = std::ranges::find_if(all, [&](const auto& one) { return one.name == name; });
      return found == all.end() ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(found - all.begin());
    };
    for (const std::string& name : names.of(NameKind::kInterface)) {
      interfaces.push_back(place_of(network.interfaces, name));
    }
    for (const std::string& name : names.of(NameKind::kDomain))
      domains.push_back(place_of(network.domains, name));
    for (const std::string& name : names.of(NameKind::kRule)) {
      rules.push_back(slots.find(name).value_or(RuleSlots::kDefault));
    }
    for (const std::string& name : names.of(NameKind::kApplication))
      applications.push_back(dpi::application_named(name).value_or(dpi::ApplicationId::kUnknown));
  }
  [[nodiscard]] dpi::ApplicationId application(std::uint32_t number) const {
    return number < applications.size() ? applications[number] : dpi::ApplicationId::kUnknown;
  }
  static std::uint16_t of(const std::vector<std::uint16_t>& ids, std::uint32_t number) {
    return number < ids.size() ? ids[number] : std::uint16_t{0xffff};
  }

  std::vector<std::uint16_t> interfaces;
  std::vector<std::uint16_t> domains;
  std::vector<std::uint32_t> rules;
  std::vector<dpi::ApplicationId> applications;
};

// Where the session's packets are to be found here; nothing when there is no such place. In transparent mode
// that is the pair of the port it came in by.
std::optional<flow::Segment> segment_of(const PortableSession& portable, const Here& here,
                                        const core::Network& network) {
  const std::uint16_t domain = Here::of(here.domains, portable.domain);
  if (domain == 0xffff) return std::nullopt;
  if (network.forwarding == core::Forwarding::kRouted) {
    if (portable.tags != flow::VlanTags{}) return std::nullopt;
    return flow::Segment::domain(domain);
  }
  const std::uint16_t ingress = Here::of(here.interfaces, portable.ingress);
  if (ingress >= network.interfaces.size()) return std::nullopt;
  const core::PortId port = network.interfaces[ingress].port;
  if (!port.valid() || !network.wire[port.value()].valid()) return std::nullopt;
  return network.segment(port, portable.tags);
}

// The record, with times still as ages, and generation 0: no policy's, so the rules are asked again.
Session record_of(const PortableSession& portable, const Here& here, flow::Segment segment) {
  Session session{};
  set_flow(session, portable.ends, portable.protocol, segment);
  session.tcp = portable.tcp;
  session.tcp_state = portable.tcp_state;
  if (portable.replied) session.flags |= Session::kReplied;
  if (portable.logged) session.flags |= Session::kLogged;
  if (portable.proxied) session.flags |= Session::kProxied;
  if (portable.joining) session.flags |= Session::kJoining;
  if (portable.refused) session.flags |= Session::kRefused;
  session.naming = portable.naming;
  if (portable.naming == Naming::kNamed) {
    dpi::Application named{here.application(portable.application), here.application(portable.carried)};
    if (named.protocol == dpi::ApplicationId::kUnknown) std::swap(named.protocol, named.service);
    session.name(named);
    if (named == dpi::Application{}) session.naming = Naming::kOther;
  }
  session.rule_slot = portable.rule < here.rules.size() ? here.rules[portable.rule] : RuleSlots::kDefault;
  session.ingress = Here::of(here.interfaces, portable.ingress);
  session.egress = Here::of(here.interfaces, portable.egress);
  session.carried_packets = portable.packets;
  session.carried_bytes = portable.bytes;
  session.dscp = portable.dscp & 63U;
  session.icmp_code = portable.icmp_code;
  session.first_tcp_flags =
      net::protocol::is_icmp(portable.protocol) ? portable.icmp_type : portable.first_tcp_flags;
  session.proxy_sequence = portable.proxy_sequence;
  session.proxy_delta = portable.proxy_delta;
  session.proxy_segment_size = portable.proxy_segment_size;
  session.created = portable.age;
  session.last_seen = portable.idle;
  return session;
}

bool is_over(const PortableSession& portable, const Timeouts& timeouts) {
  return portable.idle >= timeout_of(timeouts, portable.protocol, portable.tcp_state, portable.replied);
}

}  // namespace

std::function<Result<std::string>()> export_sessions(appliance::Workers workers,
                                                     const core::Snapshot& snapshot, const RuleSlots& slots) {
  return [exporter = std::make_shared<Exporter>(workers, snapshot, slots)] { return exporter->next(); };
}

Result<control::Appliance::Imported> import_sessions(appliance::Workers workers,
                                                     const core::Snapshot& snapshot, const RuleSlots& slots,
                                                     std::string_view stream) {
  const auto read = read_session_stream(stream);
  if (!read) return tl::unexpected(read.error());
  const auto& policy = static_cast<const Policy&>(*snapshot.policy);
  const Here here(read->names, *snapshot.network, slots);
  const auto count = static_cast<unsigned>(workers.size());

  control::Appliance::Imported imported;
  std::vector<std::vector<Session>> of_owner(count);
  for (const PortableSession& portable : read->sessions) {
    const auto segment = segment_of(portable, here, *snapshot.network);
    if (!segment || is_over(portable, policy.timeouts)) {
      ++imported.refused;
      continue;
    }
    const Session session = record_of(portable, here, *segment);
    of_owner[core::owner_of(owner_hash(session), count)].push_back(session);
  }

  const Outcomes outcomes(policy);
  for (unsigned w = 0; w < count; ++w) {
    WorkerState& state = state_of(*workers[w]);
    for (std::size_t at = 0; at < of_owner[w].size(); at += appliance::kSlice) {
      workers[w]->execute([&] {
        const Tick now = state.sessions.now();
        for (std::size_t i = at; i < std::min(of_owner[w].size(), at + appliance::kSlice); ++i) {
          Session& session = of_owner[w][i];
          session.created = now - session.created;
          session.last_seen = now - session.last_seen;
          session.reported = 1;
          session.reported_at = now;
          const ReportedCounts reported{session.carried_packets, session.carried_bytes};
          const auto lookup = lookup_of(session, state.sessions.flows().seed());
          ++(take_over(state, lookup, session, reported, outcomes, now) ? imported.taken : imported.refused);
        }
      });
    }
  }
  return imported;
}

std::uint64_t move_sessions(appliance::Workers before, appliance::Workers after,
                            const core::Snapshot& snapshot) {
  const Outcomes outcomes(static_cast<const Policy&>(*snapshot.policy));
  const auto count = static_cast<unsigned>(after.size());
  std::uint64_t lost = 0;
  if (count == 0) return lost;

  // Buckets of the tables to come are far apart in memory: their loads are started a few sessions ahead.
  constexpr std::size_t kAhead = 16;
  struct Move {
    WorkerState* from;
    SessionIndex index;
    WorkerState* to;
    flow::FlowLookup lookup;
  };
  std::array<Move, kAhead> waiting;
  std::size_t pending = 0;
  Tick now = 0;
  const auto settle = [&] {
    for (std::size_t i = 0; i < pending; ++i) {
      const auto& [from, index, to, lookup] = waiting[i];
      if (take_over(*to, lookup, from->sessions[index], from->flow_log.reported(index), outcomes, now))
        continue;
      from->sessions.close(index, SessionEnd::kEvicted, now);
      ++lost;
    }
    pending = 0;
  };
  for (core::Worker* worker : before) {
    WorkerState& state = state_of(*worker);
    const auto& flows = state.sessions.flows();
    now = state.sessions.now();
    for (SessionIndex index = 0; index < flows.capacity(); ++index) {
      if (!flows.in_use(index)) continue;
      const Session& session = flows[index];
      WorkerState& to = state_of(*after[core::owner_of(owner_hash(session), count)]);
      Move& move = waiting[pending];
      move = {&state, index, &to, lookup_of(session, to.sessions.flows().seed())};
      to.sessions.flows().prefetch_bucket(move.lookup.hash);
      if (++pending == kAhead) settle();
    }
    settle();
    WorkerState& heir = state_of(*after.front());
    heir.sessions.add_totals(state.sessions.opened(), state.sessions.evicted());
    for (std::size_t slot = 0; slot < state.rule_counters.size(); ++slot) {
      const RuleCounters& from = state.rule_counters[slot];
      RuleCounters& to = heir.rule_counters[slot];
      to.hits.add(from.hits.read());
      to.packets.add(from.packets.read());
      to.bytes.add(from.bytes.read());
      to.last_hit.set(std::max(to.last_hit.read(), from.last_hit.read()));
    }
  }
  return lost;
}

}  // namespace millrace::firewall
