// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/explain_packet.h"

#include <algorithm>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/described_packet.h"
#include "common/appliance/packet_answer.h"
#include "common/appliance/packet_path.h"
#include "vnfs/vpn/association_json.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/esp_datagram.h"

namespace millrace::vpn {
namespace {

using boost::json::object;

// The policy that packets of these ends meet first: of all, or of an interface (AssociationSpec::interface).
const PolicySpec* policy_for(const Associations& in_force, const Ends& ends, std::uint32_t interface = 0) {
  const PolicySpec* first = nullptr;
  for (const PolicySpec& policy : in_force.content().policies->policies()) {
    if (policy.interface != interface) continue;
    if (!SelectorMatch(policy.selector).matches(ends)) continue;
    if (first == nullptr || policy.priority < first->priority) first = &policy;
  }
  return first;
}

class Explanation {
 public:
  Explanation(const core::Snapshot& snapshot, const Associations& in_force,
              const control::PacketDescription& described)
      : network_(*snapshot.network),
        in_force_(in_force),
        described_(described),
        built_(described),
        packet_(built_.packet()),
        answer_(network_, drop_reasons()) {}

  Result<object> run() {
    auto path = appliance::find_path(network_, described_.interface, packet_);
    if (!path) return tl::unexpected(std::move(path.error()));
    path_ = std::move(*path);
    answer_.path(described_, path_, packet_);
    answer_.set("policy", nullptr);
    answer_.set("came_by", nullptr);
    answer_.set("association", nullptr);
    judge();
    return answer_.take();
  }

 private:
  // It is for our own, and goes as it is: RFC 7296 section 2.
  [[nodiscard]] bool is_key_exchange() const {
    return path_.to_host && packet_.headers.protocol == net::protocol::kUdp &&
           is_key_exchange_port(be16(described_.destination_port));
  }

  void judge() {
    const bool only_without_route =
        path_.refused() && path_.checks.back().reason == static_cast<std::uint8_t>(core::Drop::kNoRoute);
    if (path_.refused() && !only_without_route) return answer_.drop(path_.checks.back().reason);
    // What comes in by a tunnel's interface has come by the tunnel.
    const bool by_tunnel = network_.interfaces[packet_.ingress.value()].tunnel != 0;
    const bool trusted = by_tunnel || is_key_exchange();
    const PolicySpec* came_by = trusted ? nullptr : policy_for(in_force_, Ends::of(packet_, false));
    if (came_by != nullptr) answer_.set("came_by", to_json(*came_by));
    if (came_by != nullptr && came_by->action == Action::kProtect) return answer_.drop(Drop::kClearText);
    if (came_by != nullptr && came_by->action == Action::kDiscard) return answer_.drop(Drop::kDiscarded);
    if (path_.to_host)
      return answer_.verdict("to_host", "given to the Linux twin, because it is for the appliance itself");
    const PolicySpec* policy = policy_for(in_force_, Ends::of(packet_, true));
    if (policy != nullptr) answer_.set("policy", to_json(*policy));
    if (policy == nullptr || policy->action == Action::kBypass) {
      if (path_.hop == nullptr || path_.hop->kind != core::NextHop::Kind::kTunnel)
        return pass(policy, only_without_route);
      policy = policy_for(in_force_, Ends::of(packet_, true),
                          network_.interfaces[path_.hop->interface.value()].tunnel);
      if (policy == nullptr) return answer_.drop(Drop::kTunnelDown);
      answer_.set("policy", to_json(*policy));
    }
    if (policy->action == Action::kDiscard) return answer_.drop(Drop::kDiscarded);
    protect(*policy);
  }

  void pass(const PolicySpec* policy, bool without_route) {
    if (without_route) return answer_.drop(core::Drop::kNoRoute);
    if (const auto refused = appliance::refused_at_egress(network_, *path_.hop))
      return answer_.drop(*refused);
    answer_.verdict("pass", policy == nullptr ? "passes as it is: no policy means it"
                                              : "passes as it is: a policy says so");
  }

  void protect(const PolicySpec& policy) {
    const auto& all = *in_force_.content().outbound;
    const auto found = std::ranges::find_if(
        all, [&](const auto& association) { return policy.outbound == association->key; });
    if (found == all.end()) return answer_.drop(Drop::kNoAssociation);
    const Outbound& association = **found;
    answer_.set("association", object{{"spi", spi_text(association.key.spi)},
                                      {"local", association.local.to_string()},
                                      {"remote", association.key.remote.to_string()},
                                      {"suite", suite_name(association.state->key->suite())},
                                      {"bucket", association.bucket}});
    if (!network_.find_route(packet_.domain, association.key.remote).valid())
      return answer_.drop(Drop::kNoWay);
    answer_.verdict("protect",
                    fmt::format("leaves by the association {} to {}", spi_text(association.key.spi),
                                association.key.remote.to_string()));
  }

  const core::Network& network_;
  const Associations& in_force_;
  const control::PacketDescription& described_;
  appliance::DescribedPacket built_;
  core::Packet& packet_;
  appliance::PacketPath path_;
  appliance::PacketAnswer answer_;
};

}  // namespace

Result<object> explain_packet(const core::Snapshot& snapshot, const Associations& in_force,
                              const object& description) {
  const auto described = control::read_packet(description);
  if (!described) return tl::unexpected(described.error());
  return Explanation(snapshot, in_force, *described).run();
}

}  // namespace millrace::vpn
