// SPDX-License-Identifier: BSD-3-Clause
// The whole load balancer on two workers, from bytes: packets of a few clients to services of each kind, what
// clients and backends answer to what they got, whole or in fragments, and errors about it, with any byte of
// theirs changed, alone or some in a burst, while time passes, pools and policies change, neighbours fall
// silent, and connections of earlier are imported. After each step BalancerWatch looks.
//
// An input is steps: a byte, of which the three lower bits say what happens, and what that needs (step()).
// Bit 7 of a frame's says that it waits for the next one, to come in the same burst.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "tests/fuzz/balancer_services.h"
#include "tests/fuzz/balancer_watch.h"
#include "tests/fuzz/played_frames.h"

namespace {

using namespace millrace;
using namespace millrace::testing;
using fuzz::Input;
using fuzz::require;
using fuzz::ServiceKind;
using load_balancer::Backend;

constexpr std::array<std::string_view, 8> kFlags = {"S", "A", "PA", "FA", "R", "SA", "S", "RA"};

// A QUIC packet (RFC 8999) whose connection id names a server, or one there is not.
Frame quic_packet(std::uint8_t server, bool long_header) {
  Frame packet = long_header ? Frame{0xc3, 0, 0, 0, 1, 8} : Frame{0x43};
  packet.insert(packet.end(),
                {std::uint8_t{fuzz::kQuicConfig << 5U | 7U}, 0xab, server, 1, 2, 3, 4, 5, 0, 0, 0});
  return packet;
}

Frame payload_of(std::uint8_t choice) {
  constexpr std::array<std::size_t, 8> kSizes = {0, 1, 5, 100, 536, 1200, 1400, 1460};
  if (choice % 16 >= 8) return quic_packet(choice % 4, choice % 8 >= 4);
  return Frame(kSizes[choice % 8], std::uint8_t{0x5a});
}

class Play {
 public:
  Play() : bed_({.burst = 8, .workers = 2}, fuzz::balancer_spec(0), 16), watch_(bed_) {}

  void play(Input input) {
    left_ = {};
    next_left_ = {};
    sent_.clear();
    exported_.clear();
    while (!input.empty()) {
      step(input);
      watch_.check();
    }
    flush();
    bed_.bed().give_back(false);
    if (std::exchange(changes_, 0) != 0) bed_.change([](BalancerSpec& spec) { renew(spec, 0); });
    settle(0);
    // The longest is the one for which answers without a record are believed.
    settle(load_balancer::WorkerState::kOverflowLasts + 100'000);
    watch_.check_empty();
  }

 private:
  static constexpr unsigned kMostInBurst = 8;
  // The bed has few numbers for backends, and must not use one again while connections know it by another.
  static constexpr unsigned kMostChanges = 12;

  static void renew(BalancerSpec& spec, unsigned variant) {
    BalancerSpec fresh = fuzz::balancer_spec(variant);
    fresh.sources = spec.sources;
    spec = std::move(fresh);
  }

  void step(Input& input) {
    const std::uint8_t what = input.u8();
    switch (what % 8) {
      case 0:
        flush();
        return settle(Tick{input.u8()} * (what / 8 % 2 == 0 ? 100 : 1) + 1);
      case 1:
        flush();
        return change(what / 8, input.u8());
      case 2:
        if (what / 32 % 2 != 0) return reflect(what, input);
        flush();
        return transfer(what / 8 % 4);
      case 3: {
        const auto frame = input.bytes(input.u8());
        return send(what, what / 8 % 2, {frame.begin(), frame.end()}, input);
      }
      case 4:
        return answer(what, input);
      case 5:
        return complain(what, input);
      default:
        return begin(what, input);
    }
  }

  // Time passes, in the steps of a worker that polls; what left meanwhile was made by the balancer.
  void settle(Tick milliseconds) {
    if (milliseconds != 0) bed_.wait(milliseconds);
    remember(bed_.pass_frames({}));
  }

  // One service, chosen by `which`, or all of them.
  void change(unsigned how, std::uint8_t which) {
    if (++changes_ > kMostChanges) return;
    bed_.change([&](BalancerSpec& spec) {
      if (how % 8 == 0) return renew(spec, which % fuzz::kVariants);
      if (how % 8 == 1) {
        spec.draining = !spec.draining;
        return;
      }
      if (spec.services.empty()) return;
      auto& service = spec.services[which % spec.services.size()];
      if (how % 8 == 2) {
        spec.services.erase(spec.services.begin() + which % static_cast<int>(spec.services.size()));
        return;
      }
      if (service.backends.empty()) return;
      auto& backend = service.backends[which / 32 % service.backends.size()];
      if (how % 8 == 3) {
        service.backends.erase(service.backends.begin() +
                               which / 32 % static_cast<int>(service.backends.size()));
      } else if (how % 8 == 4) {
        spec.unresolved.push_back(backend.address.to_string());
      } else {
        constexpr std::array kStates = {Backend::State::kActive, Backend::State::kDown,
                                        Backend::State::kDraining};
        backend.state = kStates[how % 8 - 5];
        backend.weight = how / 8;
      }
    });
  }

  // Connections to and from another instance; and neighbours that answer, or never will.
  void transfer(unsigned how) {
    if (how == 0) exported_ = bed_.exported();
    if (how == 1 && !exported_.empty())
      require(bed_.import(exported_).has_value(), "what was exported can be imported");
    if (how == 2 && changes_ != 0) bed_.change([](BalancerSpec& spec) { spec.unresolved.clear(); });
    if (how >= 2) bed_.bed().give_back(how == 2);
    settle(0);
  }

  // One of the last frames that left comes back, by either port.
  void reflect(std::uint8_t what, Input& input) {
    const unsigned port = what / 8 % 2;
    Frame frame = last(what / 16 % 2, input.u8());
    const net::MacAddress mac = interface_mac(port == kClients ? kWan : kLan);
    if (frame.size() >= mac.bytes.size()) std::ranges::copy(mac.bytes, frame.begin());
    send(what, port, std::move(frame), input);
  }

  static PacketBuilder packet_of(unsigned port, std::string_view source, std::string_view destination) {
    return port == kClients ? BalancerBed::from_client(source, destination)
                            : BalancerBed::from_backend(source, destination);
  }

  // From a client to a service.
  void begin(std::uint8_t what, Input& input) {
    const std::uint8_t who = input.u8();
    const std::uint8_t where = input.u8();
    const std::uint8_t how = input.u8();
    constexpr std::array<std::string_view, 4> kHosts = {"192.0.2.7", "192.0.2.99", "198.51.100.50",
                                                        "203.0.113.80"};
    constexpr std::array<std::string_view, 4> kHosts6 = {"2001:db8:9::7", "2001:db8:9::8", "2001:db8:ff::9",
                                                         "2001:db8:80::80"};
    const bool ipv6 = where % 2 != 0;
    const auto kind = static_cast<ServiceKind>(where / 2 % 16 % fuzz::kServiceKinds);
    const auto [address, service_port] = fuzz::end_of(kind, ipv6);
    const auto port = static_cast<std::uint16_t>(4000 + who / 4 % 16);
    PacketBuilder packet = packet_of(kClients, (ipv6 ? kHosts6 : kHosts)[who % 4], address);
    if (who >= 192) packet.ttl(static_cast<std::uint8_t>(who % 2 + 1));
    if (where >= 128 && !ipv6) packet.df();
    const unsigned protocol = where / 32 % 4;
    if (protocol == 1) {
      packet.udp(port, service_port).payload(payload_of(how));
      if (how >= 240) packet.no_udp_checksum();
    } else if (protocol == 2) {
      packet.sctp(port, service_port).payload(how);
    } else if (protocol == 3 && how >= 128) {
      packet.echo_request(port, 1).payload(how % 64);
    } else {
      // Of one client's port, whichever service it is to.
      std::uint32_t& sequence = sent_.try_emplace(who % 64, 0xffffff00).first->second;
      const std::string_view flags = kFlags[how % 8];
      packet.tcp(port, service_port).flags(flags).seq(sequence).ack(how >= 64 ? 0x1001 : 0);
      if (flags == "S") {
        packet.option_mss(how >= 128 ? 1460 : 536).option_window_scale(7).option_sack_permitted();
      } else {
        const Frame payload = payload_of(how / 8 % 8);
        packet.payload(payload);
        sequence += static_cast<std::uint32_t>(payload.size());
      }
      if (how >= 192) packet.option_timestamps(1, 2);
      if (flags.front() == 'S' || flags.front() == 'F') ++sequence;
    }
    if (what % 8 == 7) return send_pieces(what, packet, who, input);
    send(what, kClients, packet.bytes(), input);
  }

  void send_pieces(std::uint8_t what, const PacketBuilder& packet, std::uint8_t who, Input& input) {
    const std::size_t size = packet.ip_payload().size();
    const std::size_t half = size / 2 / 8 * 8;
    const Frame first = packet.piece(0, half, who % 4U).bytes();
    const Frame second = packet.piece(half, size - half, who % 4U).bytes();
    const bool in_order = what / 8 % 2 == 0;
    send(what, kClients, in_order ? first : second, input);
    send(what, kClients, in_order ? second : first, input);
  }

  // To one of the last frames that left by the port: what its receiver says to it.
  void answer(std::uint8_t what, Input& input) {
    const std::uint8_t which = input.u8();
    const std::uint8_t how = input.u8();
    const unsigned port = what / 8 % 2;
    const auto ends = fuzz::ends_of_frame(last(port, which));
    if (!ends) return send(what, port, {}, input);
    PacketBuilder packet = packet_of(port, ends->destination.to_string(), ends->source.to_string());
    if (ends->protocol == net::protocol::kTcp) {
      const bool first = ends->acknowledgment == 0;
      packet.tcp(ends->destination_port, ends->source_port)
          .flags(kFlags[how % 8])
          .seq(first ? 0x1000 : ends->acknowledgment)
          .ack(ends->sequence + ends->length)
          .window(which >= 128 ? 0 : 5000)
          .payload(payload_of(how / 8 % 8));
      if (how >= 128) packet.option_mss(1460);
      if (how >= 192) packet.option_timestamps(1, 2);
    } else if (ends->protocol == net::protocol::kUdp) {
      packet.udp(ends->destination_port, ends->source_port).payload(payload_of(how));
    } else {
      packet.sctp(ends->destination_port, ends->source_port).payload(how % 32);
    }
    send(what, port, packet.bytes(), input);
  }

  // An error about one of them.
  void complain(std::uint8_t what, Input& input) {
    const std::uint8_t which = input.u8();
    const unsigned port = what / 8 % 2;
    const auto error = fuzz::error_about(left_[port][which % left_[port].size()], which >= 128, input.u8(),
                                         [&](std::string_view source, std::string_view destination) {
                                           return packet_of(port, source, destination);
                                         });
    send(what, port, error.value_or(Frame()), input);
  }

  // An empty frame is none: nothing has left that it could be about.
  void send(std::uint8_t what, unsigned port, Frame frame, Input& input) {
    fuzz::spoil(frame, input);
    if (!frame.empty()) burst_.push_back({port, std::move(frame)});
    if (what < 128 || burst_.size() == kMostInBurst) flush();
  }

  void flush() {
    const BalancerWatch::Frames in = std::exchange(burst_, {});
    if (in.empty()) return;
    watch_.before(in);
    auto left = bed_.pass_frames(in);
    watch_.after(in, left);
    remember(std::move(left));
  }

  void remember(std::vector<BalancerBed::Passing> left) {
    for (auto& [port, frame] : left) left_[port][next_left_[port]++ % left_[port].size()] = std::move(frame);
  }

  // What left by a port, the last one first.
  [[nodiscard]] const Frame& last(unsigned port, std::uint8_t which) const {
    return left_[port][(next_left_[port] - 1U - which) % left_[port].size()];
  }

  using BalancerWatch = fuzz::BalancerWatch;

  BalancerBed bed_;
  BalancerWatch watch_;
  BalancerWatch::Frames burst_;
  std::array<std::array<Frame, 8>, 2> left_;  // by port
  std::array<unsigned, 2> next_left_{};
  std::map<unsigned, std::uint32_t> sent_;  // next sequence numbers
  std::string exported_;
  unsigned changes_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What the bed expects of itself ends the run too.
  GTEST_FLAG_SET(throw_on_failure, true);
  static auto* play = new Play();  // DPDK is gone before statics are
  play->play({data, size});
  return 0;
}
