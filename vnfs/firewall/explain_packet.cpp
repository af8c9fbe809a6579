// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/explain_packet.h"

#include <algorithm>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/packet_answer.h"
#include "common/control/protocol.h"
#include "common/core/owner.h"
#include "common/core/packet_segment.h"
#include "common/net/wire.h"
#include "vnfs/firewall/check_opening.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/guard_link.h"
#include "vnfs/firewall/list_reports.h"
#include "vnfs/firewall/reports.h"
#include "vnfs/firewall/ruling.h"
#include "vnfs/firewall/session_json.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::size_t kMostRulesShown = 50;  // that do not match

const core::DropReason& reason_of(std::uint8_t id) { return appliance::reason_of(id, drop_reasons()); }

// "10/min", as the profile writes it: by the shortest time that makes it whole.
std::string text_of(const Pace& pace) {
  for (const auto& [seconds, unit] : {std::pair(1U, "s"), std::pair(60U, "min"), std::pair(3600U, "h")}) {
    if (seconds % pace.seconds != 0) continue;
    return fmt::format("{}/{}", std::uint64_t{pace.events} * (seconds / pace.seconds), unit);
  }
  return fmt::format("{} in {} s", pace.events, pace.seconds);
}

class Explanation {
 public:
  Explanation(appliance::Workers workers, const core::Snapshot& snapshot, const RuleSlots& slots,
              const control::PacketDescription& described, Tick now)
      : workers_(workers),
        network_(*snapshot.network),
        policy_(static_cast<const Policy&>(*snapshot.policy)),
        slots_(slots),
        described_(described),
        now_(now),
        built_(described),
        packet_(built_.packet()) {}

  Result<object> run() {
    auto path = appliance::find_path(network_, described_.interface, packet_);
    if (!path) return tl::unexpected(std::move(path.error()));
    path_ = std::move(*path);
    out_["packet"] = appliance::describe(described_);
    describe_path();
    judge();
    out_["checks"] = appliance::describe(path_.checks, drop_reasons());
    return std::move(out_);
  }

 private:
  struct Found {
    Session session;
    unsigned worker;
    Tick now;
  };

  // A name, or null.
  static boost::json::value name_or_null(const std::vector<std::string>& names, std::size_t id) {
    return id < names.size() ? boost::json::value(names[id]) : nullptr;
  }
  boost::json::value interface_name(core::InterfaceId id) const {
    if (id.valid() && id.value() < network_.interfaces.size())
      return network_.interfaces[id.value()].name.c_str();
    return nullptr;
  }
  boost::json::value zone_name(core::InterfaceId id) const {
    const ZoneId zone = policy_.zone(id);
    return zone.valid() ? name_or_null(policy_.zone_names, zone.value()) : boost::json::value(nullptr);
  }

  void describe_path() {
    const std::uint16_t domain = packet_.domain.value();
    out_["ingress"] =
        object{{"interface", interface_name(packet_.ingress)},
               {"zone", zone_name(packet_.ingress)},
               {"domain", domain < network_.domains.size() ? network_.domains[domain].name : ""},
               {"found_by", path_.ingress_found_by}};
    if (path_.hop != nullptr) {
      out_["route"] = object{{"egress", interface_name(packet_.egress)},
                             {"zone", zone_name(packet_.egress)},
                             {"next_hop", appliance::kind_name(path_.hop->kind)}};
    } else {
      out_["route"] = nullptr;
    }
    out_["session"] = nullptr;
  }

  void verdict(std::string_view action, std::string_view summary, std::uint8_t reason = 0,
               std::string_view rule = {}) {
    object verdict{{"action", action}};
    if (!rule.empty()) verdict["rule"] = rule;
    if (reason != 0) {
      verdict["reason"] = reason_of(reason).name;
      verdict["sentence"] = reason_of(reason).sentence;
    }
    out_["verdict"] = std::move(verdict);
    out_["summary"] = summary;
  }
  template <class Reason>
  void drop(std::string_view when, Reason reason, std::string_view rule = {}) {
    const auto id = static_cast<std::uint8_t>(reason);
    verdict("drop", fmt::format("dropped {} ({}): {}", when, reason_of(id).name, reason_of(id).sentence), id,
            rule);
  }

  void judge() {
    if (path_.refused()) return drop("before the rules", path_.checks.back().reason);
    if (path_.to_host) {
      return verdict(
          "to_host",
          "given to the Linux twin, because it is for the appliance itself: the rules are not asked");
    }
    if (network_.forwarding == core::Forwarding::kTransparent && is_of_the_link(packet_)) {
      return leave(
          "accepted, because it is ICMPv6 that stays on its link: the rules are not asked, but neighbour "
          "discovery that can not be true is dropped (nd_spoofed)",
          {});
    }
    const auto found = find_session();
    if (found && !reopens(found->session)) {
      out_["session"] =
          to_json(found->session, found->worker, found->now, {network_, policy_.timeouts, slots_});
      if (found->session.inspection == Session::kBlocked) {
        return drop("with its session, in which inspection found what ended it", Drop::kInspectionBlocked,
                    slots_.name(found->session.rule_slot));
      }
      const std::string rule = slots_.name(found->session.rule_slot);
      if (found->session.has(Session::kRefused) && found->session.generation == policy_.generation)
        return drop("with its session, because of its application", Drop::kApplication, rule);
      if (found->session.generation == policy_.generation) {
        return leave(
            fmt::format(
                "accepted, because it belongs to an open session that rule {} accepted{}{}", rule,
                found->session.naming == Naming::kUndecided ? " until its application is known" : "",
                described_.protocol == net::protocol::kTcp ? "; its TCP numbers must be in the window" : ""),
            rule);
      }
      return judge_by_rules(rule_key(found->session, policy_), &found->session);
    }
    check_opening(packet_, network_, policy_, now_, path_);
    if (path_.refused()) return drop("before the rules", path_.checks.back().reason);
    judge_by_rules(rule_key(packet_, policy_), nullptr);
  }

  // True when a threat list refuses an end of what the rules let through.
  bool judge_by_lists(const RuleKey& key, bool has_session, std::string_view rule) {
    const ListedEnds listed = find_listed(policy_, key);
    if (listed.empty()) return false;
    out_["threat_lists"] = listed_report(policy_, listed);
    if (!listed.blocks()) return false;
    const bool reject = !has_session && listed.action == inspection::ListAction::kReject;
    verdict(reject ? "reject" : "drop",
            fmt::format("{}{} {}; rule {} would accept it", reject ? "rejected" : "dropped",
                        has_session ? " with its session" : "", why_refused(policy_, listed),
                        rule.empty() ? "default" : rule),
            static_cast<std::uint8_t>(has_session ? Drop::kPolicyChanged : Drop::kThreatList), rule);
    return true;
  }

  void judge_by_rules(RuleKey key, const Session* session) {
    const bool has_session = session != nullptr;
    const Session* settled = has_session && session->application_settled() ? session : nullptr;
    const Ruling ruling = rule_on(policy_, key, policy_.matcher.match(key), settled);
    const RuleIndex match = ruling.rule;
    if (settled != nullptr) {
      key.application = settled->naming == Naming::kNamed ? settled->named().protocol : kOtherApplication;
      list_rules(key, match, match);
    } else {
      list_rules(key, match, ruling.by_application ? list_applications(key) : match);
    }
    if (ruling.undecided) out_["undecided"] = true;
    const RuleOutcome& outcome = policy_.outcome(match);
    const std::string rule = match.valid() ? policy_.rules[match.value()].name : std::string();
    std::string by =
        match.valid() ? fmt::format("by rule {}, because it is the first of the rules that matches", rule)
                      : fmt::format("by default, because none of the {} rules matches", policy_.rules.size());
    if (ruling.undecided)
      by = fmt::format(
          "provisionally by {}, the first that may accept it: its application is not known yet, and what "
          "becomes of it then stands under by_application",
          match.valid() ? "rule " + rule : "default");
    if (outcome.action != Action::kAccept) {
      if (has_session)
        return drop("with its session, which an earlier policy accepted",
                    settled != nullptr && ruling.by_application ? Drop::kApplication : Drop::kPolicyChanged,
                    rule);
      const bool reject = outcome.action == Action::kReject;
      const Drop reason = match.valid() ? (reject ? Drop::kRejectedByRule : Drop::kDeniedByRule)
                                        : (reject ? Drop::kRejectedByDefault : Drop::kDeniedByDefault);
      return verdict(action_name(outcome.action), fmt::format("{} {}", reject ? "rejected" : "dropped", by),
                     static_cast<std::uint8_t>(reason), rule);
    }
    if (judge_by_lists(key, has_session, rule)) return;
    if (ruling.inspection != 0) {
      const std::string& inspection = policy_.inspections[ruling.inspection - 1U]->name;
      out_["inspection"] = inspection;
      out_["inspected"] = "what is inside may still end the session: vnfctl alerts";
    }
    if (has_session) return leave("accepted " + by + "; its session goes on", rule);
    if (policy_.draining) return drop("after the rules", Drop::kDraining, rule);
    list_limits(outcome);
    leave("accepted " + by + "; it opens a session", rule);
  }

  // What egress decides of a packet that the rules let through.
  void leave(std::string accepted, std::string_view rule) {
    if (const auto refused = appliance::refused_at_egress(network_, *path_.hop))
      return drop("after the rules", *refused, rule);
    if (path_.hop->kind == core::NextHop::Kind::kResolve)
      accepted += "; it waits until the next hop's MAC address is known";
    verdict("accept", std::move(accepted), 0, rule);
  }

  // What would become of the session, by the applications that rules name which fit it otherwise. Returns the
  // first rule that fits and names none.
  RuleIndex list_applications(RuleKey key) {
    RuleIndex certain;
    std::vector<dpi::ApplicationId> asked;
    policy_.matcher.each_match(key, [&](RuleIndex rule) {
      const auto& listed = policy_.rules[rule.value()].applications;
      if (listed.empty()) certain = rule;
      for (const dpi::ApplicationId one : listed) {
        if (std::ranges::find(asked, one) == asked.end()) asked.push_back(one);
      }
      return !certain.valid() && asked.size() < kMostRulesShown;
    });
    array list;
    const auto add = [&](std::string_view name, RuleIndex rule) {
      list.push_back(object{{"application", name},
                            {"rule", rule.valid() ? policy_.rules[rule.value()].name : "default"},
                            {"action", action_name(policy_.outcome(rule).action)}});
    };
    for (const dpi::ApplicationId one : asked) {
      key.application = one;
      add(rule_application_name(one), policy_.matcher.match(key));
    }
    add("(any other)", certain);
    out_["by_application"] = std::move(list);
    return certain;
  }

  // Up to the rule `last`, which decides or would if none before it did.
  void list_rules(const RuleKey& key, RuleIndex match, RuleIndex last) {
    const RuleNames names{policy_.zone_names, policy_.interface_names};
    const std::size_t before = last.valid() ? last.value() : policy_.rules.size();
    array list;
    for (std::size_t i = 0; i < std::min(before, kMostRulesShown); ++i) {
      const Rule& rule = policy_.rules[i];
      const bool active = i >= policy_.listings.size() || policy_.listings[i].active;
      std::string why = active ? why_not(rule, policy_.sets, key, names)
                               : fmt::format("it is outside its schedule {}", policy_.listings[i].schedule);
      if (why.empty()) why = "it depends on the application, which is not known yet";
      list.push_back(object{{"name", rule.name},
                            {"action", action_name(rule.action)},
                            {"matched", match == RuleIndex(static_cast<std::uint32_t>(i))},
                            {"why_not", std::move(why)}});
    }
    if (last.valid()) {
      const Rule& rule = policy_.rules[last.value()];
      list.push_back(
          object{{"name", rule.name}, {"action", action_name(rule.action)}, {"matched", last == match}});
      if (last != match)
        list.back().as_object()["why_not"] =
            "rules before it depend on the application, which is not known yet";
    }
    out_["rules"] = std::move(list);
    out_["rules_skipped"] = before - std::min(before, kMostRulesShown);
  }

  void list_limits(const RuleOutcome& outcome) {
    object limits;
    const auto add = [&](std::string_view name, std::uint32_t limit) {
      if (limit != 0) limits[name] = limit;
    };
    const auto add_pace = [&](std::string_view name, const Pace& pace) {
      if (pace.limits()) limits[name] = text_of(pace);
    };
    add_pace("rule_new_sessions", outcome.limits.new_sessions);
    add("rule_new_sessions_burst", outcome.limits.new_sessions_burst);
    add("rule_sessions", outcome.limits.sessions);
    add_pace("rule_new_sessions_per_source", outcome.limits.new_sessions_per_source);
    add("rule_sessions_per_source", outcome.limits.sessions_per_source);
    add_pace("new_sessions_per_source", policy_.protection.new_sessions_per_source);
    add("sessions_per_source", policy_.protection.sessions_per_source);
    add("syn_cookies_above_per_second_and_worker", policy_.protection.syn_cookies_above);
    if (outcome.limits.sessions != 0) {
      std::uint64_t open = 0;
      for (core::Worker* worker : workers_)
        open += state_of(*worker).rule_counters[outcome.slot].open_sessions.read();
      limits["rule_sessions_open"] = open;
    }
    out_["limits"] = std::move(limits);
  }

  // A first SYN on the ports of a connection that has ended: the rules are asked anew.
  [[nodiscard]] bool reopens(const Session& session) const {
    return session.tcp_state >= flow::TcpState::kTimeWait &&
           (packet_.headers.tcp_flags & (net::tcp_flag::kSyn | net::tcp_flag::kAck)) == net::tcp_flag::kSyn;
  }

  // Of an ICMP query the identifier is not known, so its session is not either.
  [[nodiscard]] std::optional<Found> find_session() {
    if (workers_.empty() || net::protocol::is_icmp(described_.protocol)) return std::nullopt;
    const net::Headers& headers = packet_.headers;
    const unsigned owner = core::owner_of(core::owner_hash(headers, packet_.l3(), headers.has_ports),
                                          static_cast<unsigned>(workers_.size()));
    core::Worker& worker = *workers_[owner];
    SessionTable& sessions = state_of(worker).sessions;
    flow::FlowLookup lookup;
    flow::make_lookup(lookup, headers, packet_.l3(), packet_.domain.value(), sessions.flows().seed());
    const flow::Segment segment = core::segment_of(packet_, network_);
    if (segment.on_wire()) flow::enter_wire(lookup, segment, sessions.flows().seed());
    std::optional<Found> found;
    worker.execute([&] {
      const SessionIndex index = sessions.flows().find(lookup);
      if (index != kNoSession) found = Found{sessions[index], owner, sessions.now()};
    });
    return found;
  }

  appliance::Workers workers_;
  const core::Network& network_;
  const Policy& policy_;
  const RuleSlots& slots_;
  const control::PacketDescription& described_;
  Tick now_;
  appliance::DescribedPacket built_;
  core::Packet& packet_;
  appliance::PacketPath path_;
  object out_;
};

}  // namespace

Result<object> explain_packet(appliance::Workers workers, const core::Snapshot& snapshot,
                              const RuleSlots& slots, Tick now, const object& description) {
  const auto packet = control::read_packet(description);
  if (!packet) return tl::unexpected(packet.error());
  return Explanation(workers, snapshot, slots, *packet, now).run();
}

}  // namespace millrace::firewall
