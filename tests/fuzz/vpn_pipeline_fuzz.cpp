// SPDX-License-Identifier: BSD-3-Clause
// The whole VPN gateway on two workers, from bytes: frames as they are, and genuine ESP of the other
// gateway's with anything inside, by tunnels of each kind, changed in some byte or not. What was changed is
// not let in.
//
// An input is packets: a byte that says which (play()), two for the number of bytes, and those.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "tests/fuzz/played_frames.h"
#include "tests/packet/vpn/vpn_bed.h"
#include "vnfs/vpn/esp.h"

namespace {

using namespace millrace;
using namespace millrace::testing;
using fuzz::Input;
using fuzz::require;

// The other gateway: it seals what it is told, and is asked nothing.
class Peer {
 public:
  explicit Peer(const TunnelSpec& tunnel)
      : a_({.burst = 8, .workers = 1}, site_a(), site_b()), tunnel_(tunnel) {
    a_.set_up(tunnel, true);
    library_ = std::move(*crypto::make_fastest_library());
    engine_ = std::move(*library_->make_engine());
  }

  Frame seal(const VpnBed& to, Bytes payload, std::uint8_t next_header) {
    vpn::OutboundState& state = *a_.keeper().in_force().content().outbound->front()->state;
    const vpn::EspLayout& layout = state.esp.layout;
    const auto bytes = static_cast<std::uint32_t>(payload.size());
    Frame esp(layout.front() + bytes + layout.behind(bytes));
    std::copy(payload.begin(), payload.end(), esp.begin() + layout.front());
    vpn::EspScratch scratch;
    crypto::Operation operation;
    vpn::prepare_seal(state.esp, esp.data() + layout.front(), bytes, next_header, scratch, operation);
    engine_->seal({&operation, 1});
    PacketBuilder outer = tunnel_.outer6 ? to.from_outside("2001:db8:ff::1", "2001:db8:ff::2")
                                         : to.from_outside("192.0.2.1", "192.0.2.2");
    if (tunnel_.udp) return outer.udp(4500, 4500).payload(std::move(esp)).bytes();
    return outer.protocol(net::protocol::kEsp).payload(std::move(esp)).bytes();
  }

 private:
  VpnBed a_;
  TunnelSpec tunnel_;
  std::unique_ptr<crypto::Library> library_;
  std::unique_ptr<crypto::Engine> engine_;
};

// One gateway, the tunnel it has, and the other end of it.
class Play {
 public:
  explicit Play(const TunnelSpec& tunnel)
      : peer_(tunnel), gateway_({.burst = 8, .workers = 2}, site_b(), site_a()) {
    gateway_.set_up(tunnel, false);
  }

  // 0-1: a frame by a port; 2-5: sealed, as IPv4, IPv6, a dummy or anything; 6: the same, with a byte
  // changed.
  void packet(std::uint8_t what, Bytes bytes) {
    constexpr std::array<std::uint8_t, 4> kNext = {4, 41, 59, 6};
    const unsigned kind = what % 8;
    if (kind < 2) return pass(kind == 0 ? kInside : kOutside, {bytes.begin(), bytes.end()});
    Frame sealed = peer_.seal(gateway_, bytes, kNext[(what / 8 + kind) % kNext.size()]);
    if (kind < 6) return pass(kOutside, sealed);
    // Behind the number, so that it is known as this association's.
    const std::size_t first = sealed.size() - std::min<std::size_t>(sealed.size() - 14, bytes.size() + 16);
    sealed[first + what / 8 % (sealed.size() - first)] ^= 0x20;
    const std::uint64_t before = inside();
    pass(kOutside, sealed);
    require(inside() == before, "what was changed is not let in");
  }

  void end() { gateway_.wait(70'000); }

 private:
  [[nodiscard]] std::uint64_t inside() {
    return gateway_.keeper().in_force().content().inbound->front()->state->use.packets.read();
  }
  void pass(unsigned port, const Frame& frame) {
    if (frame.empty()) return;
    static_cast<void>(gateway_.pass_frames({{port, frame}}));
  }

  Peer peer_;
  VpnBed gateway_;
};

std::array<std::unique_ptr<Play>, 4> plays() {
  using crypto::Cipher;
  using crypto::Integrity;
  ensure_eal(512);
  return {
      std::make_unique<Play>(TunnelSpec{}),
      std::make_unique<Play>(
          TunnelSpec{.suite = {Cipher::kAesCbc128, Integrity::kHmacSha256}, .outer6 = true}),
      std::make_unique<Play>(TunnelSpec{
          .suite = {Cipher::kChaCha20Poly1305, Integrity::kNone}, .extended = false, .udp = vpn::UdpPorts{}}),
      std::make_unique<Play>(
          TunnelSpec{.suite = {Cipher::kNull, Integrity::kHmacSha1}, .mode = vpn::Mode::kTransport})};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& kPlays =
      *new auto(plays());  // for ever: what waits for other fragments keeps its buffers
  Input input(data, size);
  Play& play = *kPlays[input.u8() % kPlays.size()];
  for (unsigned packets = 0; !input.empty() && packets < 32; ++packets) {
    const std::uint8_t what = input.u8();
    const std::size_t length = input.u8() + 256U * (input.u8() % 6);
    play.packet(what, input.bytes(length));
  }
  play.end();
  return 0;
}
