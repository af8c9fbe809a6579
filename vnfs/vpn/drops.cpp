// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/drops.h"

#include <array>

namespace millrace::vpn {
namespace {

constexpr core::DropReason row(Drop drop, std::string_view name, std::string_view sentence,
                               bool shortage = false) {
  return {static_cast<std::uint8_t>(drop), name, sentence, shortage};
}

constexpr std::array kReasons = {
    row(Drop::kUnknownSpi, "unknown_spi",
        "ESP with a number that no inbound association has: it ended, or the peer still uses one from before "
        "a restart."),
    row(Drop::kReplayed, "replayed",
        "ESP with a sequence number that has come before, or is too old for the replay window."),
    row(Drop::kForged, "forged",
        "ESP whose tag is wrong: changed on the way, or sealed with another key. Where all packets of a "
        "tunnel "
        "are, the two ends do not have the same keys."),
    row(Drop::kEspTruncated, "esp_truncated",
        "ESP too short for its headers and tag, or of a length that its cipher can not have."),
    row(Drop::kEspPadding, "esp_padding",
        "Genuine ESP whose padding is not as RFC 4303 section 2.4 wants it: the peer errs."),
    row(Drop::kInnerMalformed, "inner_malformed",
        "Genuine ESP with an IP datagram inside that can not be read."),
    row(Drop::kInnerUnexpected, "inner_unexpected",
        "Genuine ESP with something inside that its association does not carry: no IP in a tunnel."),
    row(Drop::kInnerRefused, "inner_refused",
        "Genuine ESP with a packet inside that no selector of its association means: the peer sends what was "
        "not agreed."),
    row(Drop::kInnerCongestion, "inner_congestion",
        "A router marked the outer datagram as congested, and the inner one can not be told (RFC 6040 "
        "section "
        "4.2)."),
    row(Drop::kDummy, "dummy", "A dummy packet (RFC 4303 section 2.6): it has hidden how much is sent."),
    row(Drop::kKeepalive, "keepalive", "A NAT keepalive (RFC 3948 section 4): it has done its work."),
    row(Drop::kLifetimeOver, "lifetime_over",
        "Its association has carried all that it may, and key exchange has made no new one in time.", true),
    row(Drop::kNumbersUsedUp, "numbers_used_up",
        "Its association has used all its sequence numbers, and key exchange has made no new one in time.",
        true),
    row(Drop::kClearText, "clear_text",
        "It came as it is, and a policy says that such packets come by a tunnel."),
    row(Drop::kDiscarded, "discarded", "A policy says that such packets go nowhere."),
    row(Drop::kNoAssociation, "no_association",
        "A policy says that it goes by a tunnel which is not up; key exchange was asked for it."),
    row(Drop::kTunnelDown, "tunnel_down",
        "Its route leads to a tunnel's interface, and no tunnel is up there that carries it."),
    row(Drop::kNoWay, "no_way", "There is no route to the other end of its tunnel."),
    row(Drop::kNoHeadroom, "no_headroom", "Its buffer has no room for the headers of a tunnel.", true),
    row(Drop::kNoTailroom, "no_tailroom", "Its buffer has no room for padding and tag.", true),
    row(Drop::kTransportUnfit, "transport_unfit",
        "A fragment, or an IPv6 packet with extension headers, by an association of transport mode."),
    row(Drop::kPathMtu, "path_mtu",
        "A router said what it carries of what goes through a tunnel: the next packets are made to fit."),
    row(Drop::kJoined, "joined",
        "A fragment of ESP: put together with the others, where they came in time, and opened as one."),
};
static_assert(kReasons.size() == static_cast<std::size_t>(Drop::kCount) - core::kFirstFunctionReason);

}  // namespace

std::span<const core::DropReason> drop_reasons() noexcept { return kReasons; }

}  // namespace millrace::vpn
