// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/check_opening.h"

#include "common/core/packet_segment.h"
#include "common/net/icmp.h"
#include "vnfs/firewall/check_source.h"
#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

template <class Reason>
std::uint8_t number(Reason reason) noexcept {
  return static_cast<std::uint8_t>(reason);
}

}  // namespace

void check_opening(const core::Packet& packet, const core::Network& network, const Policy& policy, Tick now,
                   appliance::PacketPath& path) {
  const net::Headers& headers = packet.headers;
  const auto add = [&](std::string_view name, std::uint8_t reason) {
    path.checks.push_back({name, reason});
    return reason == 0;
  };
  if (net::is_icmp_error(headers) && !add("icmp_error", number(Drop::kIcmpUnrelated))) return;
  const auto source = refuse_source(packet, network, policy.protection.reverse_path);
  if (!add("source", source ? number(*source) : std::uint8_t{0})) return;
  if (policy.blocked_sources != nullptr) {
    const bool blocked =
        policy.blocked_sources->get().blocks(packet.source(), core::segment_of(packet, network), now);
    if (!add("blocked_source", blocked ? number(Drop::kBlockedSource) : std::uint8_t{0})) return;
  }
  if (headers.protocol == net::protocol::kTcp) {
    using namespace net::tcp_flag;
    const bool valid = flow::tcp_flags_valid(headers.tcp_flags);
    if (!add("tcp_flags", valid ? std::uint8_t{0} : number(Drop::kTcpInvalidFlags))) return;
    const bool first = (headers.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn;
    add("tcp_opening", first || policy.tcp.midstream_pickup ? std::uint8_t{0} : number(Drop::kTcpNotSyn));
  } else if (headers.protocol == net::protocol::kIcmp || headers.protocol == net::protocol::kIcmpv6) {
    add("icmp_query", net::is_icmp_reply(headers) ? number(Drop::kIcmpUnsolicited) : std::uint8_t{0});
  }
}

}  // namespace millrace::firewall
