// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/explain_packet.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/described_packet.h"
#include "common/appliance/packet_path.h"
#include "common/control/endpoint_text.h"
#include "common/control/protocol.h"
#include "common/core/owner.h"
#include "common/flow/tcp.h"
#include "common/net/icmp.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/packet_answer.h"

namespace millrace::nat {
namespace {

using boost::json::object;

std::string text_of(Endpoint end, bool with_port = true) {
  const net::Ipv4Address address = end.ipv4();
  return with_port ? control::endpoint_text(address, end.wire_port().host()) : address.to_string();
}

class Explanation {
 public:
  Explanation(appliance::Workers workers, const core::Snapshot& snapshot,
              const control::PacketDescription& described)
      : workers_(workers),
        network_(*snapshot.network),
        policy_(static_cast<const Policy&>(*snapshot.policy)),
        described_(described),
        built_(described),
        packet_(built_.packet()),
        answer_(network_, policy_) {}

  Result<object> run() {
    auto path = appliance::find_path(network_, described_.interface, packet_);
    if (!path) return tl::unexpected(std::move(path.error()));
    path_ = std::move(*path);
    answer_.path(described_, path_, packet_);
    judge();
    return answer_.take();
  }

 private:
  // What the tables hold of the packet.
  struct Seen {
    std::optional<Session> session;
    std::size_t way = 0;  // whose tuple of the session the packet shows
    std::optional<Mapping> mapping;
    net::IpAddress inside;
    std::optional<Subscriber> subscriber;
    bool lets_in = false;
    std::optional<Drop> refused;
  };

  // What egress decides of a packet that is not translated.
  void pass(std::string_view summary) {
    if (const auto refused = appliance::refused_at_egress(network_, *path_.hop))
      return answer_.drop(*refused);
    answer_.verdict("pass", summary);
  }
  [[nodiscard]] bool goes_to_function() const {
    return path_.hop != nullptr && path_.hop->kind == core::NextHop::Kind::kFunction;
  }
  // ICMP queries have an identifier, which a description does not give.
  [[nodiscard]] bool has_port() const { return control::has_ports(described_.protocol); }
  [[nodiscard]] Endpoint source() const {
    return Endpoint::of(described_.source.v4(), be16(described_.source_port));
  }
  [[nodiscard]] Endpoint destination() const {
    return Endpoint::of(described_.destination.v4(), be16(described_.destination_port));
  }
  [[nodiscard]] std::uint8_t protocol() const {
    return described_.protocol == net::protocol::kIcmpv6 ? net::protocol::kIcmp : described_.protocol;
  }

  void judge() {
    if (path_.refused()) return answer_.drop(path_.checks.back().reason);
    if (asks_for_ports()) {
      return answer_.verdict("answer", "answered by the gateway, because it is a request of PCP or NAT-PMP");
    }
    if (path_.to_host)
      return answer_.verdict("to_host", "given to the Linux twin, because it is for the appliance itself");
    const Role side = policy_.role(packet_.ingress);
    if (described_.source.is_v4()) {
      if (side == Role::kInside) return judge_outward();
      if (side == Role::kOutside) return judge_inward();
    } else if (policy_.nat64 && side == Role::kInside && goes_to_function() &&
               policy_.nat64->prefix.contains(described_.destination.v6())) {
      return judge_through();
    } else if (!policy_.mapped_networks.empty() && judge_prefixes(side)) {
      return;
    }
    pass(side == Role::kOther ? "routed as it is, because its interface is neither inside nor outside"
                              : "routed as it is: its addresses are in no prefix that is translated");
  }

  // RFC 6296: TranslatePrefix. False when it leaves the packet alone.
  bool judge_prefixes(Role side) {
    const MappedNetworks& networks = policy_.mapped_networks;
    net::Ipv6Address from = described_.source.v6();
    net::Ipv6Address to = described_.destination.v6();
    const bool outward = side == Role::kInside;
    const bool leaves = outward && (goes_to_function() || policy_.role(packet_.egress) == Role::kOutside);
    const MappedNetwork* own = leaves ? networks.of_inside(packet_.domain, from) : nullptr;
    const MappedNetwork* other =
        side != Role::kOther && goes_to_function() ? networks.of_outside(to) : nullptr;
    if (side == Role::kOutside && !goes_to_function() && policy_.role(packet_.egress) == Role::kInside &&
        networks.of_inside(packet_.domain, to) != nullptr) {
      answer_.drop(Drop::kNotTranslated);
      return true;
    }
    if (own == nullptr && other == nullptr) return false;
    if (outward && other != nullptr && !policy_.hairpin) {
      answer_.drop(Drop::kHairpinOff);
      return true;
    }
    if ((own != nullptr && !own->map.to_outside(from)) || (other != nullptr && !other->map.to_inside(to))) {
      answer_.drop(Drop::kNoCounterpart);
      return true;
    }
    answer_.becomes(from.to_string(), to.to_string());
    answer_.verdict("translate",
                    fmt::format("translated by its prefix: {} is {} on the other side",
                                own != nullptr ? own->inside.to_string() : other->outside.to_string(),
                                own != nullptr ? own->outside.to_string() : other->inside.to_string()));
    return true;
  }

  [[nodiscard]] bool asks_for_ports() const {
    const core::Interface& arrival = network_.interfaces[packet_.ingress.value()];
    return policy_.port_control && path_.to_host && described_.protocol == net::protocol::kUdp &&
           arrival.function_port != 0 && described_.destination_port == arrival.function_port;
  }

  // Looks at the tables of the worker that has the bucket.
  template <class Look>
  Seen look(unsigned bucket, Look&& look_at) {
    Seen found;
    if (workers_.empty()) return found;
    core::Worker& worker = *workers_[core::owner_of(bucket, static_cast<unsigned>(workers_.size()))];
    worker.execute([&] { look_at(bindings_of(worker), found); });
    return found;
  }
  void note_mapping(const BindingTable& bindings, MappingIndex index, Seen& found) const {
    if (index == kNoIndex) return;
    found.mapping = bindings.mapping(index);
    found.inside = bindings.subscriber(found.mapping->subscriber).address;
  }
  void note_session(const BindingTable& bindings, const Tuple& tuple, Seen& found) const {
    const nat::Found session = bindings.find(tuple);
    if (session.session == kNoIndex) return;
    found.session = bindings.session(session.session);
    found.way = static_cast<std::size_t>(session.direction);
    note_mapping(bindings, found.session->mapping, found);
  }

  void judge_outward() {
    const Endpoint from = source();
    const std::uint16_t domain = packet_.domain.value();
    const Tuple tuple = Tuple::of(from, destination(), protocol(), domain);
    Seen found = look(bucket_of_inside(described_.source), [&](const BindingTable& bindings, Seen& seen) {
      if (has_port()) note_session(bindings, tuple, seen);
    });
    if (found.session) return translate_by_session(found);
    if (goes_to_function() && !policy_.owner_of_outside(destination(), protocol(), domain))
      return answer_.verdict("to_host",
                             "given to the Linux twin: it is to an outside address, but to nobody's port");
    if (!goes_to_function() && policy_.role(packet_.egress) != Role::kOutside)
      return pass("routed as it is, because it does not leave by an outside interface");
    if (const auto outside = policy_.statics.outside_of(from, protocol(), domain)) {
      answer_.binding({{"by", "static"}, {"inside", text_of(from)}, {"outside", text_of(outside->end)}});
      if (const auto refused = refused_opening(true)) return answer_.drop(*refused);
      answer_.becomes(text_of(outside->end, has_port()), text_of(destination(), has_port()));
      return answer_.verdict("translate", fmt::format("translated to {}, because a static mapping says so",
                                                      text_of(outside->end, has_port())));
    }
    const Rule* rule = find_rule(packet_.ingress, described_.source, described_.destination);
    if (rule == nullptr) return answer_.drop(Drop::kNoRule);
    const auto number = static_cast<std::size_t>(rule - policy_.rules.data()) + 1;
    if (!rule->pool) {
      return pass(fmt::format("routed as it is, because rule {} bypasses the translation", number));
    }
    if (goes_to_function() && !policy_.hairpin) return answer_.drop(Drop::kHairpinOff);
    if (const auto refused = refused_opening(false)) return answer_.drop(*refused);
    translate_by_rule(*rule, fmt::format("rule {}", number));
  }

  // A session that the rule would open.
  void translate_by_rule(const Rule& rule, const std::string& by) {
    const Pool& pool = policy_.pools[*rule.pool];
    const Endpoint remote = described_.source.is_v4()
                                ? destination()
                                : Endpoint::of(policy_.nat64->prefix.extract(described_.destination.v6()),
                                               be16(described_.destination_port));
    OutsideAddress* paired = nullptr;
    const Seen found =
        look(bucket_of_inside(described_.source), [&](const BindingTable& bindings, Seen& seen) {
          const SubscriberIndex index = bindings.find_subscriber(described_.source, packet_.domain.value());
          paired = bindings.outside_address(described_.source, packet_.domain.value(), pool);
          if (index == kNoIndex) return;
          seen.subscriber = bindings.subscriber(index);
          if (!has_port()) return;
          note_mapping(bindings,
                       bindings.find_outward(index, be16(described_.source_port).wire(), protocol(),
                                             masked(remote, rule.mapping)),
                       seen);
        });
    if (found.subscriber && found.subscriber->sessions >= pool.sessions_per_subscriber)
      return answer_.drop(Drop::kSubscriberSessions);
    object binding{{"by", by}, {"pool", pool.name}};
    if (found.mapping) {
      binding["outside"] = text_of(found.mapping->outside());
      answer_.binding(std::move(binding));
      answer_.becomes(text_of(found.mapping->outside()), text_of(remote, has_port()));
      return answer_.verdict("translate",
                             fmt::format("translated to {}, the outside end that its port has already",
                                         text_of(found.mapping->outside())));
    }
    const auto space = static_cast<std::size_t>(*port_space(protocol()));
    if (found.subscriber && found.subscriber->ports[space] >= pool.ports_per_subscriber)
      return answer_.drop(Drop::kSubscriberPorts);
    answer_.binding(std::move(binding));
    const bool told = pool.paired && paired != nullptr;
    const std::string address = told ? paired->address().to_string() : "an address of the pool";
    if (told) answer_.becomes(address, text_of(remote, has_port()));
    answer_.verdict("translate",
                    fmt::format("translated to {} with a port of pool {} drawn at random, because {} is "
                                "the first that matches; it opens a session",
                                address, pool.name, by));
  }

  void judge_through() {
    const net::TranslationPrefix& prefix = policy_.nat64->prefix;
    const net::Ipv4Address to = prefix.extract(described_.destination.v6());
    if (!prefix.may_embed(to) || prefix.contains(described_.source.v6()))
      return answer_.drop(Drop::kUntranslatable);
    const Endpoint remote = Endpoint::of(to, be16(described_.destination_port));
    const Seen found =
        look(bucket_of_inside(described_.source), [&](const BindingTable& bindings, Seen& seen) {
          const SubscriberIndex index = bindings.find_subscriber(described_.source, packet_.domain.value());
          if (index == kNoIndex || !has_port()) return;
          note_session(bindings,
                       Tuple::of({index, be16(described_.source_port).wire()}, remote, protocol(),
                                 packet_.domain.value(), Tuple::kSubscriber),
                       seen);
        });
    if (found.session) return translate_by_session(found);
    if (const auto refused = refused_opening(false)) return answer_.drop(*refused);
    translate_by_rule(policy_.nat64->rule, "NAT64");
  }

  void judge_inward() {
    if (!goes_to_function()) {
      const Rule* rule = find_rule(packet_.egress, described_.destination, described_.source);
      if (rule == nullptr || rule->pool) return answer_.drop(Drop::kNotTranslated);
      return pass("routed as it is, because a rule bypasses the translation of its destination");
    }
    const Endpoint to = destination();
    const std::uint16_t domain = packet_.domain.value();
    const auto bucket = policy_.owner_of_outside(to, protocol(), domain);
    const auto static_inside = policy_.statics.inside_of(to, protocol(), domain);
    Seen found;
    if (bucket && has_port()) {
      found = look(*bucket, [&](const BindingTable& bindings, Seen& seen) {
        note_session(bindings, Tuple::of(source(), to, protocol(), domain), seen);
        if (seen.session) return;
        const MappingIndex index = bindings.find_mapping(to, protocol(), domain);
        note_mapping(bindings, index, seen);
        if (seen.mapping && !seen.mapping->has(Mapping::kQuarantined))
          seen.lets_in = bindings.lets_in(index, source());
      });
    }
    if (found.session) return translate_by_session(found);
    const bool lie = policy_.is_ours(described_.source, packet_.domain, network_);
    if (static_inside) {
      if (lie) return answer_.drop(Drop::kSpoofed);
      answer_.binding({{"by", "static"}, {"inside", text_of(static_inside->end)}, {"outside", text_of(to)}});
      if (const auto refused = refused_opening(true)) return answer_.drop(*refused);
      answer_.becomes(text_of(source(), has_port()), text_of(static_inside->end, has_port()));
      return answer_.verdict("translate", fmt::format("let in to {}, because a static mapping says so",
                                                      text_of(static_inside->end, has_port())));
    }
    if (!found.mapping || found.mapping->has(Mapping::kQuarantined)) return answer_.drop(Drop::kNoBinding);
    const std::string inside =
        control::endpoint_text(found.inside, be16::from_wire(found.mapping->inside_port).host());
    answer_.binding({{"by", "mapping"}, {"inside", inside}, {"outside", text_of(to)}});
    if (!found.lets_in) return answer_.drop(Drop::kFiltered);
    if (lie) return answer_.drop(Drop::kSpoofed);
    if (const auto refused = refused_opening(false)) return answer_.drop(*refused);
    answer_.becomes(text_of(source()), inside);
    answer_.verdict("translate",
                    fmt::format("let in to {}, because its port is open to this sender", inside));
  }

  void translate_by_session(const Seen& found) {
    const Session& session = *found.session;
    const Tuple& other = session.tuple[found.way ^ 1U];
    const bool outward = found.way == 0;
    const std::string inside =
        control::endpoint_text(found.inside, be16::from_wire(found.mapping->inside_port).host());
    answer_.binding({{"by", "session"},
                     {"inside", inside},
                     {"outside", text_of(session.outside())},
                     {"remote", text_of(session.remote())}});
    if (outward || found.inside.is_v4())
      answer_.becomes(text_of(other.destination()), text_of(other.source()));
    answer_.verdict("translate",
                    fmt::format("translated, because it belongs to an open session of {}", inside));
  }

  // The first rule that matches; all that were asked are told of.
  const Rule* find_rule(core::InterfaceId interface, const net::IpAddress& from, const net::IpAddress& to) {
    const Rule* found = policy_.match(interface, from, to);
    answer_.rules(found, interface, from, to);
    return found;
  }

  // Whether the packet could begin a session, whatever the rules say: OpenBinding::may_open().
  [[nodiscard]] std::optional<Drop> refused_opening(bool is_static) const {
    const net::Headers& headers = packet_.headers;
    if (!is_static && !port_space(protocol())) return Drop::kUnsupportedProtocol;
    if (headers.protocol == net::protocol::kTcp) {
      using namespace net::tcp_flag;
      if (!flow::tcp_flags_valid(headers.tcp_flags)) return Drop::kTcpInvalidFlags;
      if ((headers.tcp_flags & (kSyn | kAck | kRst | kFin)) != kSyn) return Drop::kTcpNotSyn;
    } else if (net::is_icmp_error(headers)) {
      return Drop::kIcmpUnrelated;
    } else if (net::protocol::is_icmp(headers.protocol) && net::is_icmp_reply(headers)) {
      return Drop::kIcmpUnsolicited;
    }
    if (policy_.draining) return Drop::kDraining;
    return std::nullopt;
  }

  appliance::Workers workers_;
  const core::Network& network_;
  const Policy& policy_;
  const control::PacketDescription& described_;
  appliance::DescribedPacket built_;
  core::Packet& packet_;
  appliance::PacketPath path_;
  PacketAnswer answer_;
};

}  // namespace

Result<object> explain_packet(appliance::Workers workers, const core::Snapshot& snapshot,
                              const object& description) {
  const auto packet = control::read_packet(description);
  if (!packet) return tl::unexpected(packet.error());
  return Explanation(workers, snapshot, *packet).run();
}

}  // namespace millrace::nat
