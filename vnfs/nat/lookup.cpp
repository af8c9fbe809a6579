// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/lookup.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "common/control/flow_log/json_format.h"
#include "common/control/protocol.h"
#include "common/core/owner.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/lookup_question.h"

namespace millrace::nat {
namespace {

using boost::json::array;
using boost::json::object;
using control::WallTime;

constexpr std::array kProtocols{net::protocol::kTcp, net::protocol::kUdp, net::protocol::kIcmp};

class Finder final {
 public:
  Finder(appliance::Workers workers, const core::Snapshot& snapshot, const LookupQuestion& question)
      : workers_(workers),
        network_(*snapshot.network),
        policy_(static_cast<const Policy&>(*snapshot.policy)),
        question_(question) {}

  object run() {
    bool ours = false;
    for (std::size_t i = 0; i < network_.domains.size(); ++i) {
      const auto domain = static_cast<std::uint16_t>(i);
      if (question_.domain && *question_.domain != domain) continue;
      ours = look_outside(domain) || ours;
      if (!ours) look_inside(domain);
    }
    object out{{"address", question_.address.to_string()},
               {"port", question_.port ? boost::json::value(*question_.port) : nullptr},
               {"at", control::rfc3339(question_.at)}};
    out["summary"] = summary(ours);
    out["answers"] = std::move(answers_);
    return out;
  }

 private:
  struct Answer {
    net::IpAddress inside;
    std::optional<std::uint16_t> inside_port{};
    net::Ipv4Address outside;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 65535;
    std::uint8_t protocol = 0;  // 0: all
    std::uint16_t domain = 0;   // of the inside
    std::string_view by;
    std::optional<Tick> age{};  // none: by the profile alone
  };

  void answer(const Answer& found) {
    WallTime since{};
    if (found.age) since = question_.now - std::chrono::milliseconds(*found.age);
    // A time that is asked for to the second is meant to its end.
    const bool then = !found.age || since <= question_.at + std::chrono::seconds(1);
    if (then && !certain_) {
      certain_ = true;
      summary_ = sentence(found, since);
    }
    object one{{"inside", found.inside.to_string()},
               {"outside", found.outside.to_string()},
               {"first_port", found.first_port},
               {"last_port", found.last_port},
               {"protocol", nullptr},
               {"domain", network_.domains[found.domain].name},
               {"by", found.by},
               {"since", nullptr},
               {"then", then}};
    one["inside_port"] = found.inside_port ? boost::json::value(*found.inside_port) : nullptr;
    if (found.protocol != 0) one["protocol"] = control::protocol_name(found.protocol);
    if (found.age) one["since"] = control::rfc3339(since);
    answers_.push_back(std::move(one));
  }

  // "192.0.2.10 port 51420 has it, since ..."
  [[nodiscard]] std::string sentence(const Answer& found, WallTime since) const {
    std::string who = found.inside.to_string();
    if (found.inside_port) who += fmt::format(" port {}", *found.inside_port);
    if (question_.address == found.inside) {
      who += " is called " + found.outside.to_string();
    } else {
      who += question_.at == question_.now ? " has it" : " had it then";
    }
    return found.age ? fmt::format("{}, since {} at the latest", who, control::rfc3339(since))
                     : who + ", by the profile";
  }

  // The worker that has the inside addresses of a bucket.
  [[nodiscard]] core::Worker& owner_of(unsigned bucket) const {
    return *workers_[core::owner_of(bucket, static_cast<unsigned>(workers_.size()))];
  }

  // False when the address is none of ours there.
  bool look_outside(std::uint16_t domain) {
    if (!question_.address.is_v4()) return false;
    const net::Ipv4Address address = question_.address.v4();
    if (const auto inside = policy_.statics.inside_of_whole(address, domain)) {
      answer({.inside = *inside, .outside = address, .by = "static"});
      return true;
    }
    const Policy::Place* place = policy_.find(address, domain);
    const bool ours = place != nullptr || has_static_port(address, domain);
    if (ours && question_.port) {
      for (const std::uint8_t protocol : kProtocols) {
        if (!question_.protocol || *question_.protocol == protocol)
          look_at_port(place, Endpoint::of(address, be16(*question_.port)), protocol, domain);
      }
    }
    return ours;
  }

  // Whether ports of the address are forwarded.
  [[nodiscard]] bool has_static_port(net::Ipv4Address address, std::uint16_t domain) const {
    if (!question_.port) return false;
    return std::ranges::any_of(kProtocols, [&](std::uint8_t protocol) {
      return policy_.statics.inside_of(Endpoint::of(address, be16(*question_.port)), protocol, domain)
          .has_value();
    });
  }

  void look_at_port(const Policy::Place* place, Endpoint outside, std::uint8_t protocol,
                    std::uint16_t domain) {
    const std::uint16_t port = outside.wire_port().host();
    if (const auto inside = policy_.statics.inside_of(outside, protocol, domain)) {
      return answer({.inside = inside->end.ipv4(),
                     .inside_port = inside->end.wire_port().host(),
                     .outside = outside.ipv4(),
                     .first_port = port,
                     .last_port = port,
                     .protocol = protocol,
                     .domain = inside->domain,
                     .by = "static"});
    }
    if (place == nullptr) return;
    look_at_mapping(outside, protocol, domain);
    const Pool& pool = policy_.pools[place->pool];
    if (pool.arithmetic) look_by_arithmetic(pool, outside, protocol);
  }

  // A mapping, and the block that its port is in.
  void look_at_mapping(Endpoint outside, std::uint8_t protocol, std::uint16_t domain) {
    const auto bucket = policy_.owner_of_outside(outside, protocol, domain);
    if (!bucket) return;
    core::Worker& worker = owner_of(*bucket);
    const BindingTable& bindings = bindings_of(worker);
    const std::uint16_t port = outside.wire_port().host();
    const Policy::Place& place = *policy_.find(outside.ipv4(), domain);
    std::optional<Answer> mapped;
    std::optional<Answer> block;
    worker.execute([&] {
      const Tick now = bindings.now();
      if (const MappingIndex index = bindings.find_mapping(outside, protocol, domain); index != kNoIndex) {
        const Mapping& mapping = bindings.mapping(index);
        const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
        mapped = Answer{.inside = subscriber.address,
                        .inside_port = be16::from_wire(mapping.inside_port).host(),
                        .outside = outside.ipv4(),
                        .first_port = port,
                        .last_port = port,
                        .protocol = protocol,
                        .domain = subscriber.domain,
                        .by = mapping.has(Mapping::kQuarantined) ? "resting mapping" : "mapping",
                        .age = now - mapping.since};
      }
      const unsigned run = port / OutsideAddress::kRunPorts;
      const std::uint32_t mark = place.address->run(run).holder;
      if (mark == 0) return;
      const Subscriber& subscriber = bindings.subscriber(mark - 1);
      for (unsigned i = 0; i < subscriber.block_count; ++i) {
        const Block& one = subscriber.blocks[i];
        if (one.address != place.address->id() || run < one.first_run || run >= one.first_run + one.runs)
          continue;
        block = answer_of(subscriber, one, now);
      }
    });
    if (mapped) answer(*mapped);
    // All protocols share a block: it is told of once.
    if (!block || is_deterministic(place) || (!question_.protocol && protocol != kProtocols.front())) return;
    block->outside = outside.ipv4();
    answer(*block);
  }

  [[nodiscard]] bool is_deterministic(const Policy::Place& place) const {
    return policy_.pools[place.pool].arithmetic.has_value();
  }

  [[nodiscard]] static Answer answer_of(const Subscriber& subscriber, const Block& block, Tick now) {
    constexpr unsigned kRunPorts = OutsideAddress::kRunPorts;
    Answer found;
    found.inside = subscriber.address;
    found.first_port = static_cast<std::uint16_t>(block.first_run * kRunPorts);
    found.last_port = static_cast<std::uint16_t>((block.first_run + block.runs) * kRunPorts - 1);
    found.domain = subscriber.domain;
    found.by = "block";
    found.age = now - block.since;
    return found;
  }

  // RFC 7422: needs no state, and holds for all times.
  void look_by_arithmetic(const Pool& pool, Endpoint outside, std::uint8_t protocol) {
    if (!question_.protocol && protocol != kProtocols.front()) return;
    const unsigned ports = pool.block_runs * OutsideAddress::kRunPorts;
    const unsigned block = outside.wire_port().host() / ports;
    if (block < pool.first_block() || block >= pool.end_block()) return;
    const auto at = std::ranges::lower_bound(pool.addresses, outside.ipv4(), {}, &OutsideAddress::address);
    const unsigned blocks = pool.end_block() - pool.first_block();
    const auto place =
        static_cast<std::uint32_t>(at - pool.addresses.begin()) * blocks + block - pool.first_block();
    if (place >= pool.arithmetic->insides) return;
    answer(by_arithmetic(pool, place, outside.ipv4()));
  }
  // The routing domain of the hosts that have ports by the pool's arithmetic.
  [[nodiscard]] std::uint16_t domain_of_hosts(const Pool& pool) const {
    const auto number = static_cast<std::uint16_t>(&pool - policy_.pools.data());
    for (const Rule& rule : policy_.rules) {
      if (rule.pool == number && !rule.interfaces.empty())
        return network_.interfaces[rule.interfaces.front().value()].domain.value();
    }
    return 0;
  }
  [[nodiscard]] Answer by_arithmetic(const Pool& pool, std::uint32_t place, net::Ipv4Address outside) const {
    const unsigned ports = pool.block_runs * OutsideAddress::kRunPorts;
    const unsigned blocks = pool.end_block() - pool.first_block();
    const unsigned first = (pool.first_block() + place % blocks) * ports;
    Answer found;
    found.inside = net::Ipv4Address{be32(pool.arithmetic->first_inside + place)};
    found.outside = outside;
    found.first_port = static_cast<std::uint16_t>(first);
    found.last_port = static_cast<std::uint16_t>(first + ports - 1);
    found.domain = domain_of_hosts(pool);
    found.by = "deterministic";
    return found;
  }

  void look_inside(std::uint16_t domain) {
    const net::IpAddress& inside = question_.address;
    if (inside.is_v4()) {
      const Endpoint end = Endpoint::of(inside.v4(), be16(question_.port.value_or(0)));
      for (const std::uint8_t protocol : kProtocols) {
        if (question_.protocol && *question_.protocol != protocol) continue;
        if (const auto outside = policy_.statics.outside_of(end, protocol, domain)) {
          const bool whole =
              policy_.statics.inside_of_whole(outside->end.ipv4(), outside->domain).has_value();
          const std::uint16_t port = outside->end.wire_port().host();
          Answer found{.inside = inside, .outside = outside->end.ipv4(), .domain = domain, .by = "static"};
          if (!whole) found.first_port = found.last_port = port;
          if (!whole) found.protocol = protocol;
          answer(found);
          if (whole) break;
        }
      }
      for (const Pool& pool : policy_.pools) {
        if (!pool.arithmetic || domain_of_hosts(pool) != domain) continue;
        const std::uint32_t place = inside.v4().value.host() - pool.arithmetic->first_inside;
        const unsigned blocks = pool.end_block() - pool.first_block();
        if (place < pool.arithmetic->insides && place / blocks < pool.addresses.size())
          answer(by_arithmetic(pool, place, pool.addresses[place / blocks]->address()));
      }
    }
    look_at_subscriber(inside, domain);
  }

  // Its blocks, and the address it is paired with.
  void look_at_subscriber(const net::IpAddress& inside, std::uint16_t domain) {
    core::Worker& worker = owner_of(bucket_of_inside(inside));
    const BindingTable& bindings = bindings_of(worker);
    std::optional<Subscriber> known;
    Tick now = 0;
    worker.execute([&] {
      const SubscriberIndex index = bindings.find_subscriber(inside, domain);
      if (index != kNoIndex) known = bindings.subscriber(index);
      now = bindings.now();
    });
    if (!known) return;
    const AddressBook& book = bindings.book();
    for (unsigned i = 0; i < known->block_count; ++i) {
      const OutsideAddress& address = book[known->blocks[i].address];
      const Policy::Place* place = policy_.find(address.address(), address.domain());
      if (place != nullptr && is_deterministic(*place)) continue;
      Answer found = answer_of(*known, known->blocks[i], now);
      found.outside = address.address();
      answer(found);
    }
    if (known->block_count == 0 && known->paired != kNoAddress) {
      answer({.inside = inside,
              .outside = book[known->paired].address(),
              .domain = domain,
              .by = "pairing",
              .age = now - known->since});
    }
  }

  [[nodiscard]] std::string summary(bool ours) const {
    if (answers_.empty()) {
      if (!ours) return "neither an outside address of the profile nor a host that is known now";
      if (!question_.port) return "an outside address that hosts share: give a port as well";
      return "nobody has this port now; who had it before is in the log";
    }
    if (!certain_) return "who has it now did not have it then; who had it is in the log";
    return summary_;
  }

  appliance::Workers workers_;
  const core::Network& network_;
  const Policy& policy_;
  const LookupQuestion& question_;
  array answers_;
  bool certain_ = false;
  std::string summary_;  // by the first answer that held then
};

}  // namespace

boost::json::value lookup(appliance::Workers workers, const core::Snapshot& snapshot,
                          control::Members& query) {
  const auto question = read_question(*snapshot.network, query);
  if (!question) return nullptr;
  return Finder(workers, snapshot, *question).run();
}

}  // namespace millrace::nat
