// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/drops.h"

#include <array>

namespace millrace::nat {
namespace {

constexpr core::DropReason row(Drop drop, std::string_view name, std::string_view sentence,
                               bool shortage = false) {
  return {static_cast<std::uint8_t>(drop), name, sentence, shortage};
}

constexpr std::array kReasons = {
    row(Drop::kNoRule, "no_rule", "No rule says how this inside address is translated."),
    row(Drop::kNotTranslated, "not_translated",
        "From outside to an inside address that no rule leaves untranslated."),
    row(Drop::kNoBinding, "no_binding", "From outside to a port that nobody inside has."),
    row(Drop::kFiltered, "filtered",
        "From outside to a port in use, from an address or port that was never sent to."),
    row(Drop::kPoolExhausted, "pool_exhausted",
        "No port is free where this subscriber may have one; add addresses to the pool or lower its block.",
        true),
    row(Drop::kSubscriberPorts, "subscriber_ports", "The subscriber has as many ports as it may."),
    row(Drop::kSubscriberSessions, "subscriber_sessions", "The subscriber has as many sessions as it may."),
    row(Drop::kSessionTableFull, "session_table_full",
        "All sessions are in use; raise dataplane.sessions or lower the timeouts.", true),
    row(Drop::kSubscriberTableFull, "subscriber_table_full",
        "All subscribers there is room for are active; raise nat.subscribers.", true),
    row(Drop::kUnsupportedProtocol, "unsupported_protocol",
        "Only TCP, UDP and ICMP queries can share an address; other protocols need a static mapping."),
    row(Drop::kUntranslatable, "untranslatable",
        "Between IPv6 and IPv4, and the other family has nothing that says the same (RFC 7915)."),
    row(Drop::kTcpNotSyn, "tcp_not_syn", "A TCP segment of no known connection that is not its first."),
    row(Drop::kTcpInvalidFlags, "tcp_invalid_flags", "A combination of TCP flags that no TCP sends."),
    row(Drop::kIcmpBadChecksum, "icmp_bad_checksum", "An ICMP error with a wrong checksum."),
    row(Drop::kIcmpBadEmbedded, "icmp_bad_embedded",
        "An ICMP error whose embedded packet is damaged or not its own."),
    row(Drop::kIcmpUnrelated, "icmp_unrelated", "An ICMP error about no known session."),
    row(Drop::kIcmpUnsolicited, "icmp_unsolicited", "An ICMP reply that nobody asked for."),
    row(Drop::kFragmentUnmatched, "fragment_unmatched",
        "A later fragment of a datagram that was not accepted."),
    row(Drop::kSpoofed, "spoofed", "From the wrong side for the session whose addresses it shows."),
    row(Drop::kHairpinOff, "hairpin_off", "From inside to an outside address, and hairpin is off."),
    row(Drop::kPolicyChanged, "policy_changed",
        "The session was accepted once; the present rules refuse it."),
    row(Drop::kSessionEnded, "session_ended",
        "The packet's session ended while it was in hand: by a packet just before it, or to make room."),
    row(Drop::kDraining, "draining", "The appliance is draining and takes no new sessions."),
    row(Drop::kPortControl, "port_control", "A request of PCP or NAT-PMP: it was answered."),
    row(Drop::kPortControlMalformed, "port_control_malformed",
        "To the port of PCP, but no request that may be answered."),
    row(Drop::kAlgPartial, "alg_partial",
        "Half a message of which an ALG must see all, or a segment before one that is missing; TCP sends "
        "both "
        "again."),
    row(Drop::kAlgNoRoom, "alg_no_room", "No room in the packet for a message that an ALG makes longer."),
    row(Drop::kAlgChanged, "alg_changed",
        "A message that comes again and could not be rewritten as it was before."),
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

}  // namespace millrace::nat
