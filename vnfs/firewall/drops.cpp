// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

constexpr core::DropReason row(Drop drop, std::string_view name, std::string_view sentence) {
  return {static_cast<std::uint8_t>(drop), name, sentence};
}

constexpr std::array kReasons = {
    row(Drop::kDeniedByRule, "denied_by_rule", "A rule with the action drop matched."),
    row(Drop::kRejectedByRule, "rejected_by_rule",
        "A rule with the action reject matched; the sender was told."),
    row(Drop::kDeniedByDefault, "denied_by_default", "No rule matched, and the default is drop."),
    row(Drop::kRejectedByDefault, "rejected_by_default", "No rule matched, and the default is reject."),
    row(Drop::kPolicyChanged, "policy_changed",
        "The session was accepted once; the present rules refuse it."),
    row(Drop::kRuleRateLimit, "rule_rate_limit",
        "The matching rule's limit on new sessions per second is reached."),
    row(Drop::kRuleSessionLimit, "rule_session_limit",
        "The matching rule's limit on open sessions is reached."),
    row(Drop::kSourceRateLimit, "source_rate_limit", "This source opens sessions faster than it may."),
    row(Drop::kSourceSessionLimit, "source_session_limit", "This source has as many sessions as it may."),
    core::DropReason{static_cast<std::uint8_t>(Drop::kSessionTableFull), "session_table_full",
                     "All sessions are in use; raise dataplane.sessions or lower the timeouts.", true},
    row(Drop::kSessionEnded, "session_ended",
        "The packet's session ended while it was in hand: by a packet just before it, or to make room."),
    row(Drop::kDraining, "draining", "The appliance is draining and takes no new sessions."),
    row(Drop::kTcpNotSyn, "tcp_not_syn", "A TCP segment of no known connection that is not its first."),
    row(Drop::kTcpInvalidFlags, "tcp_invalid_flags", "A combination of TCP flags that no TCP sends."),
    row(Drop::kTcpBadOption, "tcp_bad_option", "A TCP option with an impossible length."),
    row(Drop::kTcpOutOfWindow, "tcp_out_of_window", "A TCP segment outside the receiver's window."),
    row(Drop::kTcpBadAck, "tcp_bad_ack", "A TCP segment that acknowledges what was never sent."),
    row(Drop::kTcpRstOutOfWindow, "tcp_rst_out_of_window", "A TCP reset outside the window (RFC 5961)."),
    row(Drop::kTcpSynInEstablished, "tcp_syn_in_established",
        "A SYN inside an established connection (RFC 5961)."),
    row(Drop::kTcpBadCookie, "tcp_bad_cookie", "The answer to a SYN cookie does not fit any cookie given."),
    row(Drop::kSynCookie, "syn_cookie", "A SYN that was answered with a cookie in the server's place."),
    row(Drop::kIcmpUnrelated, "icmp_unrelated", "An ICMP error about no known session."),
    row(Drop::kIcmpBadEmbedded, "icmp_bad_embedded",
        "An ICMP error whose embedded packet is damaged or not its own."),
    row(Drop::kIcmpUnsolicited, "icmp_unsolicited", "An ICMP reply that nobody asked for."),
    row(Drop::kReversePath, "reverse_path",
        "The source address is not reachable by the interface it came in by."),
    row(Drop::kSpoofedLocal, "spoofed_local", "The source address is one of the appliance's own."),
    row(Drop::kFragmentUnmatched, "fragment_unmatched",
        "A later fragment of a datagram that was not accepted."),
    row(Drop::kArpSpoofed, "arp_spoofed", "An ARP packet whose sender differs from its Ethernet source."),
    row(Drop::kNdSpoofed, "nd_spoofed", "A neighbour discovery packet that did not start on this link."),
    row(Drop::kJoined, "fragment_joined",
        "A fragment that was put together with others; the whole datagram goes on."),
    row(Drop::kInspectionMatch, "inspection_match",
        "A signature with the action drop matched; the session is blocked from here on."),
    row(Drop::kInspectionRejected, "inspection_rejected",
        "A signature with the action reject matched; both sides were told, and the session is blocked."),
    row(Drop::kInspectionBlocked, "inspection_blocked",
        "A signature or a threat list ended the session before."),
    core::DropReason{static_cast<std::uint8_t>(Drop::kInspectionOverloaded), "inspection_overloaded",
                     "There was no room or no time to look into the packet's session.", true},
    row(Drop::kStreamConflict, "stream_conflict",
        "A TCP segment with other bytes for a place of the stream than one before it had."),
    row(Drop::kStreamHoles, "stream_holes",
        "A TCP segment too far ahead of missing ones, or too early; its sender sends it again."),
    row(Drop::kThreatList, "threat_list",
        "A threat list names the source, the destination, or what the session asked for; with the action "
        "reject the sender was told."),
    row(Drop::kBlockedSource, "blocked_source",
        "An anomaly has this source blocked for a time: it opens no session."),
    row(Drop::kApplication, "application",
        "A rule refuses the session, now that its application is known or could not be named."),
    core::DropReason{static_cast<std::uint8_t>(Drop::kApplicationOverloaded), "application_overloaded",
                     "There was no room to find the session's application out; raise application_limits.",
                     true},
};
static_assert(kReasons.size() == static_cast<std::size_t>(Drop::kCount) - core::kFirstFunctionReason);
static_assert([] {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (kReasons[i].id != core::kFirstFunctionReason + i) return false;
  }
  return true;
}());

}  // namespace

std::span<const core::DropReason> drop_reasons() noexcept { return kReasons; }

}  // namespace millrace::firewall
