// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/drops.h"

#include <array>

namespace millrace::load_balancer {
namespace {

constexpr core::DropReason row(Drop drop, std::string_view name, std::string_view sentence,
                               bool shortage = false) {
  return {static_cast<std::uint8_t>(drop), name, sentence, shortage};
}

constexpr std::array kReasons = {
    row(Drop::kNoBackend, "no_backend", "No backend of the service is up.", true),
    row(Drop::kUnknownConnection, "unknown_connection",
        "In the middle of a connection that is not known, to a service whose scheduler does not tell its "
        "backend."),
    row(Drop::kBackendGone, "backend_gone", "The backend of the connection was taken away."),
    row(Drop::kServiceGone, "service_gone", "The service of the connection was taken away."),
    row(Drop::kConnectionEnded, "connection_ended", "Another packet of the same burst ended the connection."),
    row(Drop::kDraining, "draining", "The appliance takes no new connections while it drains."),
    row(Drop::kIcmpUnrelated, "icmp_unrelated", "An ICMP error about no connection that is known."),
    row(Drop::kIcmpBadEmbedded, "icmp_bad_embedded",
        "An ICMP error whose embedded packet can not be read, or is not its receiver's."),
    row(Drop::kIcmpBadChecksum, "icmp_bad_checksum", "An ICMP error with a wrong checksum."),
    row(Drop::kSpoofed, "spoofed", "It claims to come from the address of a service."),
    row(Drop::kFragmentUnmatched, "fragment_unmatched",
        "A later fragment to a service, of a datagram whose first has not come."),
    row(Drop::kNoHeadroom, "no_headroom", "Its buffer has no room for the headers of a tunnel.", true),
    row(Drop::kNoTunnelSource, "no_tunnel_source",
        "The interface to its backend has no address of the family that the tunnel has."),
    row(Drop::kTunnelError, "tunnel_error",
        "An ICMP error about a packet that went through a tunnel: the backend, or the way to it, refuses "
        "it."),
    row(Drop::kTunnelTooBig, "tunnel_too_big",
        "A router could not carry what went through a tunnel, and its client was told what fits."),
    row(Drop::kTunnelPathMtu, "tunnel_path_mtu",
        "A router said what it carries of what goes through a tunnel, not whose packet it was: the next are "
        "made "
        "to fit."),
    row(Drop::kClientConnections, "client_connections",
        "The client has as many connections of the service as one may have."),
    row(Drop::kClientRate, "client_rate",
        "The client begins connections of the service faster than one may."),
    row(Drop::kServiceConnections, "service_connections",
        "The service has as many connections as it may have."),
    row(Drop::kNoSourcePort, "no_source_port", "No port of the service's source pool is free.", true),
    row(Drop::kNoRecord, "no_record",
        "The table of connections is full, and full_nat needs a record of each.", true),
    row(Drop::kNoPorts, "no_ports", "Of a protocol without ports, to a service of full_nat."),
    row(Drop::kNotAnAnswer, "not_an_answer",
        "To an address of a source pool, and no answer of a backend to a connection that is known."),
    row(Drop::kUntranslatable, "untranslatable",
        "It can not be given the other ports or the other IP family of its backend or client."),
    row(Drop::kSynCookie, "syn_cookie", "A SYN that was answered with a cookie in the server's place."),
    row(Drop::kTcpBadOption, "tcp_bad_option", "A TCP option with an impossible length."),
    row(Drop::kBadCookie, "bad_cookie",
        "To a service that answers SYNs with cookies: of no known connection, and it brings no cookie back."),
    row(Drop::kBadHandshake, "bad_handshake",
        "It has no place in the handshake of a connection that a SYN cookie opened."),
    row(Drop::kBackendSilent, "backend_silent",
        "The backend did not answer in time for a connection that a SYN cookie opened; the client was told."),
    row(Drop::kTableFull, "table_full",
        "A SYN cookie came back, and the table has no room for the connection, which cannot do without.",
        true),
};
static_assert(kReasons.size() == static_cast<std::size_t>(Drop::kCount) - core::kFirstFunctionReason);

}  // namespace

std::span<const core::DropReason> drop_reasons() noexcept { return kReasons; }

}  // namespace millrace::load_balancer
