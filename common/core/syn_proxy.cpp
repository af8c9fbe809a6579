// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/syn_proxy.h"

#include "common/flow/tcp.h"

namespace millrace::core {
namespace {

using net::TcpHeader;
using namespace net::tcp_flag;

Bytes options_of(const TcpHeader& tcp) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(&tcp + 1), tcp.header_length() - sizeof tcp};
}

// What a client can take; RFC 9293 section 3.7.1 tells it of one whose SYN does not say.
std::uint16_t segment_size_of_client(const Packet& syn) noexcept {
  const std::uint16_t told = segment_size_option(options_of(syn.l4_as<TcpHeader>()));
  if (told != 0) return told;
  return syn.headers.is_ipv4() ? 536 : 1220;
}

}  // namespace

bool may_get_cookie(const Packet& packet) noexcept {
  return has_tcp(packet) && (packet.headers.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn &&
         has_single_ends(packet);
}

std::uint16_t segment_size_of(const Packet& packet, unsigned mtu) noexcept {
  const unsigned headers = static_cast<unsigned>(sizeof(TcpHeader)) +
                           (packet.headers.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header));
  return static_cast<std::uint16_t>(mtu > headers ? mtu - headers : 0);
}

SynProxy::Answer SynProxy::answer(const Packet& syn, const flow::FlowLookup& lookup,
                                  std::uint16_t segment_size, const Network& network, Originator& originator,
                                  Tick now) noexcept {
  const auto& tcp = syn.l4_as<TcpHeader>();
  if (flow::TcpOptions unused; !flow::parse_tcp_options(options_of(tcp), unused)) return Answer::kBadOption;
  const std::uint32_t sequence = tcp.sequence.host();
  const bool sent = answer_tcp(syn, network, originator,
                               {.sequence = cookies_.make(lookup, sequence, segment_size_of_client(syn), now),
                                .acknowledgment = sequence + 1,
                                .flags = kSyn | kAck,
                                .window = 0,
                                .segment_size = segment_size});
  if (!sent) return Answer::kNoMemory;
  outstanding_ = true;
  last_given_ = now;
  return Answer::kSent;
}

std::optional<SynProxy::Proof> SynProxy::redeem(const Packet& ack, const flow::FlowLookup& lookup,
                                                Tick now) const noexcept {
  if (ack.headers.is_fragment) return std::nullopt;
  const auto& tcp = ack.l4_as<TcpHeader>();
  const std::uint32_t cookie = tcp.acknowledgment.host() - 1;
  std::uint32_t initial_sequence = tcp.sequence.host() - 1;
  auto segment_size = cookies_.check(lookup, initial_sequence, cookie, now);
  // When the ACK was lost, the client's probe of the closed window comes instead, numbered one below it: RFC
  // 1122 section 4.2.3.6, as for a keep-alive.
  if (!segment_size && ack.headers.payload_length() <= 1)
    segment_size = cookies_.check(lookup, ++initial_sequence, cookie, now);
  if (!segment_size) return std::nullopt;
  return Proof{.initial_sequence = initial_sequence, .cookie = cookie, .segment_size = *segment_size};
}

void SynProxy::take_over(const SynProxy& from) noexcept {
  if (!from.outstanding_) return;
  if (!outstanding_ || tick_after(from.last_given_, last_given_)) last_given_ = from.last_given_;
  outstanding_ = true;
}

ServerWord server_word(const Packet& packet, std::uint32_t client_next) noexcept {
  const auto& tcp = packet.l4_as<TcpHeader>();
  if (tcp.acknowledgment.host() != client_next) return ServerWord::kNeither;
  const std::uint8_t flags = tcp.flags & (kSyn | kAck | kRst);
  if (flags == (kSyn | kAck) && !packet.headers.is_fragment) return ServerWord::kAccepts;
  return flags == (kRst | kAck) ? ServerWord::kRefuses : ServerWord::kNeither;
}

void reset_older(const Packet& packet, std::uint32_t client_next, const Network& network,
                 Originator& originator) noexcept {
  const auto& tcp = packet.l4_as<TcpHeader>();
  if ((tcp.flags & (kAck | kRst)) != kAck || tcp.acknowledgment.host() == client_next) return;
  answer_tcp(packet, network, originator, {.sequence = tcp.acknowledgment.host(), .flags = kRst});
}

bool join_halves(Packet& syn_ack, const TcpFields& to_server, std::uint32_t cookie, const Network& network,
                 Originator& originator) noexcept {
  answer_tcp(syn_ack, network, originator, to_server);
  const auto& tcp = syn_ack.l4_as<TcpHeader>();
  return rewrite_tcp(syn_ack, {.sequence = cookie + 1,
                               .acknowledgment = tcp.acknowledgment.host(),
                               .flags = kAck,
                               .window = tcp.window.host()});
}

}  // namespace millrace::core
