// SPDX-License-Identifier: BSD-3-Clause
// The whole NAT gateway on two workers, from bytes: packets of a few hosts to a few servers and back, with
// any byte of theirs changed, while time passes and policies are swapped. Whatever came, packets are
// conserved, and after the longest timeout nothing is left: no session, no mapping, no lease, no port.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/base/reader.h"
#include "common/net/checksum.h"
#include "tests/packet/nat/nat_bed.h"
#include "tests/packet/nat/pcp_client.h"

namespace {

using namespace millrace;
using namespace millrace::testing;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

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
  }
  return spec;
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data, size) {}
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  std::uint8_t byte() noexcept {
    if (data_.empty()) return 0;
    const std::uint8_t first = data_.front();
    data_ = data_.subspan(1);
    return first;
  }
  Bytes take(std::size_t most) noexcept {
    const Bytes taken = data_.first(std::min(most, data_.size()));
    data_ = data_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes data_;
};

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

class Play {
 public:
  Play() : bed_({.burst = 8, .workers = 2}, spec_of(0), {.sessions = 48, .subscribers = 16, .leases = 16}) {}

  void play(Input input) {
    outside_ = {};
    while (!input.empty()) step(input);
    // The last leases, sessions, ports that rest, and blocks.
    bed_.change([](NatSpec& spec) { spec = spec_of(0); });
    bed_.wait(400'000);
    require(bed_.sessions() == 0, "no session is left");
    require(bed_.mappings() == 0, "no mapping is left");
    require(bed_.subscribers() == 0, "no subscriber is left");
    require(pcp_client::leases(bed_) == 0, "no lease is left");
    require(bed_.is_conserved(), "packets are conserved");
  }

 private:
  void step(Input& input) {
    const std::uint8_t what = input.byte();
    switch (what % 16) {
      case 0:
        bed_.wait(Tick{input.byte()} * 100 + 1);
        return;
      case 1:
        bed_.change([&](NatSpec& spec) { spec = spec_of(what / 16 % 3); });
        return;
      case 2: {
        const Bytes frame = input.take(200);
        send(what / 16 % 2 == 0 ? kInside : kOutside, {frame.begin(), frame.end()}, input);
        return;
      }
      case 3:
        return send(
            kInside,
            pcp_client::packet_of(pcp_client::map({.lifetime = input.byte(),
                                                   .protocol = std::uint8_t(what / 16 % 2 == 0 ? 6 : 17),
                                                   .port = input.byte(),
                                                   .nonce = std::uint8_t(what / 64)}))
                .bytes(),
            input);
      default:
        break;
    }
    const bool inward = what % 16 >= 10;
    const Bytes choice = input.take(3);
    const auto at = [&](std::size_t i) { return i < choice.size() ? choice[i] : std::uint8_t{0}; };
    send(inward ? kOutside : kInside,
         inward ? from_outside(what, at(0), at(1), at(2)) : from_inside(what, at(0), at(1), at(2)), input);
  }

  static Frame from_inside(std::uint8_t what, std::uint8_t ends, std::uint8_t port, std::uint8_t flags) {
    constexpr std::array<std::string_view, 4> kHosts = {"10.0.0.10", "10.0.0.11", "10.0.0.80",
                                                        "2001:db8:1::10"};
    constexpr std::array<std::string_view, 4> kServers = {"8.8.8.8", "93.184.216.34", "203.0.113.1",
                                                          "192.0.2.7"};
    const std::string_view host = kHosts[ends % 4];
    const bool six = ends % 4 == 3;
    return transport(NatBed::inside(host, six ? "64:ff9b::808:808" : kServers[ends / 4 % 4]), what,
                     static_cast<std::uint16_t>(4000 + port % 8), service_of(port), flags);
  }

  [[nodiscard]] Frame from_outside(std::uint8_t what, std::uint8_t ends, std::uint8_t port,
                                   std::uint8_t flags) const {
    constexpr std::array<std::string_view, 2> kServers = {"8.8.8.8", "93.184.216.34"};
    // To where something of late came from.
    const auto& [address, seen] = outside_[ends / 2 % outside_.size()];
    const std::string to = address.empty() ? "203.0.113.1" : address;
    return transport(NatBed::outside(kServers[ends % 2], to), what, service_of(port), seen, flags);
  }

  static std::uint16_t service_of(std::uint8_t port) {
    constexpr std::array<std::uint16_t, 8> kServices = {53, 80, 21, 5060, 1723, 4000, 1024, 20};
    return kServices[port / 8 % kServices.size()];
  }

  static Frame transport(PacketBuilder packet, std::uint8_t what, std::uint16_t from, std::uint16_t to,
                         std::uint8_t flags) {
    constexpr std::array<std::string_view, 8> kFlags = {"S", "A", "PA", "FA", "R", "SA", "S", "A"};
    const std::string_view text = kTexts[flags / 8 % kTexts.size()];
    const Frame payload(text.begin(), text.end());
    switch (what / 16 % 4) {
      case 0:
      case 1:
        return packet.tcp(from, to).flags(kFlags[flags % 8]).payload(payload).bytes();
      case 2:
        return packet.udp(from, to).payload(payload).bytes();
      default:
        return flags % 2 == 0 ? packet.echo_request(from, 1).bytes() : packet.echo_reply(to, 1).bytes();
    }
  }

  // With some bytes of it changed: two of the input for each, as many as the next one says.
  void send(unsigned port, Frame frame, Input& input) {
    for (unsigned changes = input.byte() % 4; changes != 0 && !frame.empty(); --changes) {
      const std::uint8_t place = input.byte();
      frame[std::size_t{place} * (frame.size() > 256 ? 2 : 1) % frame.size()] ^= input.byte();
    }
    constexpr std::size_t kIp = 14;
    for (const auto& [out, sent] : bed_.pass_frame(port, frame)) {
      if (out != kOutside || sent.size() < kIp + 22 || sent[kIp] != 0x45) continue;
      const std::string address = std::to_string(sent[kIp + 12]) + "." + std::to_string(sent[kIp + 13]) +
                                  "." + std::to_string(sent[kIp + 14]) + "." + std::to_string(sent[kIp + 15]);
      outside_[next_++ % outside_.size()] = {
          address, static_cast<std::uint16_t>(sent[kIp + 20] << 8 | sent[kIp + 21])};
    }
  }

  NatBed bed_;
  std::array<std::pair<std::string, std::uint16_t>, 8> outside_;
  unsigned next_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* play = new Play();  // DPDK is gone before statics are
  play->play({data, size});
  return 0;
}
