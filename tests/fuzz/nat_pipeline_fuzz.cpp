// SPDX-License-Identifier: BSD-3-Clause
// The whole NAT gateway on two workers, from bytes: packets of a few hosts to a few servers and back, whole
// or in fragments, and errors about what was sent, with any byte of theirs changed, while time passes,
// policies are swapped, and bindings of earlier are imported. Whatever came, packets are conserved, what
// comes with right checksums leaves with right ones, and after the longest timeout nothing is left: no
// session, no mapping, no lease, no port.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/fuzz/played_frames.h"
#include "tests/packet/nat/nat_bed.h"
#include "tests/packet/nat/pcp_client.h"

namespace {

using namespace millrace;
using namespace millrace::testing;
using fuzz::Input;
using fuzz::require;

NatSpec spec_of(unsigned number) {
  NatSpec spec;
  spec.timeouts = {.tcp_established = 100'000,
                   .tcp_transitory = 20'000,
                   .tcp_syn = 6'000,
                   .udp = 20'000,
                   .udp_well_known = 10'000,
                   .icmp = 5'000,
                   .other = 30'000};
  spec.port_control = nat::PortControl{.longest = 60, .shortest = 1};
  spec.nat64 = "64:ff9b::/96";
  spec.prefixes = {{"fd01:203:405::/48", "2001:db8:2::/48"}};
  for (const auto kind : {nat::AlgKind::kFtp, nat::AlgKind::kPptp, nat::AlgKind::kSip}) spec.algs.add(kind);
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  spec.pools[0].quarantine = 5'000;
  spec.pools[0].last_port = 1024 + 64 * 8 - 1;
  spec.logged = {.blocks = true, .sessions = number == 1, .destinations = true, .refusals = true};
  if (number == 1) {
    spec.pools[0].block = 64;
    spec.rules[0].mapping = nat::Dependence::kAddressAndPort;
  }
  if (number == 2) {
    spec.rules[0].filtering = nat::Dependence::kEndpoint;
    spec.statics.clear();
    spec.nat64.reset();
    spec.prefixes.clear();
    spec.algs = {};
  }
  return spec;
}

// Texts that application gateways heed, to be changed by the input.
constexpr std::array<std::string_view, 8> kTexts = {
    "",
    "PORT 10,0,0,10,15,160\r\n",
    "EPRT |1|10.0.0.10|4000|\r\n",
    "227 Entering Passive Mode (10,0,0,80,15,161).\r\n",
    "229 Entering Extended Passive Mode (|||4002|)\r\n",
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.10:5060;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: 1@10.0.0.10\r\nCSeq: 1 "
    "REGISTER\r\n"
    "Contact: <sip:a@10.0.0.10:5060>\r\nContent-Length: 0\r\n\r\n",
    "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.10:5060;branch=z9hG4bK2\r\n"
    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: 2@10.0.0.10\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:a@10.0.0.10:5060>\r\nContent-Type: application/sdp\r\nContent-Length: 94\r\n\r\n"
    "v=0\r\no=- 1 1 IN IP4 10.0.0.10\r\ns=-\r\nc=IN IP4 10.0.0.10\r\nt=0 0\r\nm=audio 4004 RTP/AVP 0\r\n",
    std::string_view("\0\x9c\0\1\x1a\x2b\x3c\x4d\0\7\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32),
};

constexpr std::string_view kServer6 = "2001:db8:5::80";

class Play {
 public:
  Play()
      : bed_({.burst = 8, .workers = 2}, spec_of(0),
             {.sessions = 48, .subscribers = 16, .leases = 16, .alg_sessions = 8}) {}

  void play(Input input) {
    outside_ = {};
    left_ = {};
    streams_.clear();
    exported_.clear();
    while (!input.empty()) step(input);
    // The last leases (a telephone's is of an hour), sessions, ports that rest, and blocks.
    bed_.change([](NatSpec& spec) { spec = spec_of(0); });
    bed_.wait(4'000'000);
    require(bed_.sessions() == 0, "no session is left");
    require(bed_.mappings() == 0, "no mapping is left");
    require(bed_.subscribers() == 0, "no subscriber is left");
    require(pcp_client::leases(bed_) == 0, "no lease is left");
    require(bed_.is_conserved(), "packets are conserved");
  }

 private:
  void step(Input& input) {
    const std::uint8_t what = input.u8();
    switch (what % 16) {
      case 0:
        bed_.wait(Tick{input.u8()} * 100 + 1);
        return;
      case 1:
        if (what / 16 == 14) exported_ = bed_.exported();
        if (what / 16 == 15 && !exported_.empty())
          require(bed_.import(exported_).has_value(), "what was exported can be imported");
        if (what / 16 >= 14) return;
        bed_.change([&](NatSpec& spec) { spec = spec_of(what / 16 % 3); });
        return;
      case 2: {
        const Bytes frame = input.bytes(200);
        send(what / 16 % 2 == 0 ? kInside : kOutside, {frame.begin(), frame.end()}, input);
        return;
      }
      case 3:
        return send(
            kInside,
            pcp_client::packet_of(pcp_client::map({.lifetime = input.u8(),
                                                   .protocol = std::uint8_t(what / 16 % 2 == 0 ? 6 : 17),
                                                   .port = input.u8(),
                                                   .nonce = std::uint8_t(what / 64)}))
                .bytes(),
            input);
      default:
        break;
    }
    const bool inward = what % 16 >= 10;
    const Bytes choice = input.bytes(3);
    const auto at = [&](std::size_t i) { return i < choice.size() ? choice[i] : std::uint8_t{0}; };
    const unsigned port = inward ? kOutside : kInside;
    if (what / 64 == 1) return send_error(port, at(0), at(1), input);
    const PacketBuilder packet =
        inward ? from_outside(what, at(0), at(1), at(2)) : from_inside(what, at(0), at(1), at(2));
    if (what / 64 != 2) return send(port, packet.bytes(), input);
    const std::size_t half = packet.ip_payload().size() / 2 / 8 * 8;
    const auto id = static_cast<std::uint32_t>(at(1) % 4);
    const Frame first = packet.piece(0, half, id).bytes();
    const Frame second = packet.piece(half, packet.ip_payload().size() - half, id).bytes();
    send(port, at(0) < 128 ? first : second, input);
    send(port, at(0) < 128 ? second : first, input);
  }

  // An error about one of the last datagrams that left by the port it comes in by, or about its beginning.
  void send_error(unsigned port, std::uint8_t which, std::uint8_t kind, Input& input) {
    const auto error = fuzz::error_about(left_[port][which % left_[port].size()], which >= 128, kind,
                                         [&](std::string_view source, std::string_view destination) {
                                           return port == kInside ? NatBed::inside(source, destination)
                                                                  : NatBed::outside(source, destination);
                                         });
    if (error) send(port, *error, input);
  }

  PacketBuilder from_inside(std::uint8_t what, std::uint8_t ends, std::uint8_t port, std::uint8_t flags) {
    constexpr std::array<std::string_view, 4> kHosts = {"10.0.0.10", "10.0.0.11", "10.0.0.80",
                                                        "2001:db8:1::10"};
    constexpr std::array<std::string_view, 4> kServers = {"8.8.8.8", "93.184.216.34", "203.0.113.1",
                                                          "192.0.2.7"};
    std::string_view host = kHosts[ends % 4];
    std::string_view server = kServers[ends / 4 % 4];
    if (ends % 4 == 3) server = "64:ff9b::808:808";
    if (ends % 4 == 3 && port >= 128) {
      host = "fd01:203:405:1::10";
      server = ends / 4 % 2 == 0 ? kServer6 : "2001:db8:2:d550::20";  // of another host there
    }
    const bool telephone = port / 64 % 2 != 0;
    const auto source_port = static_cast<std::uint16_t>(telephone ? 5060 : 4000 + port % 8);
    return transport(NatBed::from(what / 64 == 3 ? kTenant : kLan, host, server), what, source_port,
                     service_of(port), flags, streams_[std::string(host) + std::string(server)]);
  }

  PacketBuilder from_outside(std::uint8_t what, std::uint8_t ends, std::uint8_t port, std::uint8_t flags) {
    constexpr std::array<std::string_view, 2> kServers = {"8.8.8.8", "93.184.216.34"};
    std::string_view server = kServers[ends % 2];
    // To where something of late came from.
    const auto& [address, seen] = outside_[ends / 2 % outside_.size()];
    std::string to = address.empty() ? "203.0.113.1" : address;
    if (port >= 128) {
      server = kServer6;
      to = "2001:db8:2:d54f::10";
    }
    return transport(NatBed::outside(server, to), what, service_of(port), seen, flags,
                     streams_[std::string(server) + to]);
  }

  static std::uint16_t service_of(std::uint8_t port) {
    constexpr std::array<std::uint16_t, 8> kServices = {53, 80, 21, 5060, 1723, 4000, 1024, 20};
    return kServices[port / 8 % kServices.size()];
  }

  // What one host has sent to another by TCP, whatever the ports.
  struct Stream {
    std::uint32_t next = 0xffffff00;
    std::uint32_t last = next;
    Frame payload;  // the last
    std::string_view rest;
  };

  // Bit 6 of the flags: the last bytes once more; bit 7: half of a message, then the other half.
  static PacketBuilder transport(PacketBuilder packet, std::uint8_t what, std::uint16_t from,
                                 std::uint16_t to, std::uint8_t flags, Stream& stream) {
    constexpr std::array<std::string_view, 8> kFlags = {"S", "A", "PA", "FA", "R", "SA", "S", "A"};
    std::string_view text = kTexts[flags / 8 % kTexts.size()];
    if (what / 16 % 4 == 2) return packet.udp(from, to).payload(text);
    if (what / 16 % 4 == 3) return flags % 2 == 0 ? packet.echo_request(from, 1) : packet.echo_reply(to, 1);
    const std::string_view tcp_flags = kFlags[flags % 8];
    packet.tcp(from, to).flags(tcp_flags);
    if (flags / 64 % 2 != 0) return packet.seq(stream.last).payload(stream.payload);
    if (flags >= 128 && stream.rest.empty()) {
      stream.rest = text.substr(text.size() / 2);
      text = text.substr(0, text.size() / 2);
    } else if (flags >= 128) {
      text = std::exchange(stream.rest, {});
    }
    if (tcp_flags.front() == 'S') {
      stream = {};
      text = {};
    }
    stream.last = stream.next;
    stream.payload.assign(text.begin(), text.end());
    const bool counts = tcp_flags.front() == 'S' || tcp_flags.front() == 'F';
    stream.next += static_cast<std::uint32_t>(text.size()) + (counts ? 1 : 0);
    return packet.seq(stream.last).payload(text);
  }

  // With some bytes of it changed: two of the input for each, as many as the next one says.
  void send(unsigned port, Frame frame, Input& input) {
    fuzz::spoil(frame, input);
    const bool right = fuzz::sums_of(frame) == fuzz::Sums::kRight;
    for (auto& [out, sent] : bed_.pass_frame(port, frame)) {
      require(!right || fuzz::sums_of(sent) != fuzz::Sums::kWrong, "right checksums stay right");
      if (out == kOutside) {
        const auto ends = fuzz::ends_of_frame(sent);
        if (ends && ends->source.is_v4())
          outside_[next_++ % outside_.size()] = {ends->source.to_string(), ends->source_port};
      }
      left_[out][next_left_++ % left_[out].size()] = std::move(sent);
    }
  }

  NatBed bed_;
  std::array<std::pair<std::string, std::uint16_t>, 8> outside_;
  unsigned next_ = 0;
  std::array<std::array<Frame, 4>, 2> left_;  // by port
  unsigned next_left_ = 0;
  std::map<std::string, Stream> streams_;  // by its two addresses
  std::string exported_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* play = new Play();  // DPDK is gone before statics are
  play->play({data, size});
  return 0;
}
