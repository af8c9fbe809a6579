// SPDX-License-Identifier: BSD-3-Clause
// TCP connections and datagrams of well-known applications through a firewall whose rules ask for them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/packet/protect_bed.h"
#include "tests/support/application_packets.h"
#include "tests/support/firewall_policy.h"

namespace millrace::testing {

using firewall::Action;
using firewall::Drop;
using firewall::Naming;

inline constexpr std::string_view kHalfBanner = "SSH-";  // not enough to know
inline constexpr std::string_view kOtherHalf = "2.0-OpenSSH_9.2p1 Debian-2\r\n";
inline constexpr std::string_view kServerBanner = "SSH-2.0-OpenSSH_8.4p1 Debian-5\r\n";

inline std::string text_of(const Octets& bytes) { return {bytes.begin(), bytes.end()}; }
inline std::string hello(std::string_view host = "www.example.org") {
  return text_of(client_hello_record(host));
}
// What no application says.
inline std::string noise(std::size_t bytes, unsigned seed) {
  std::string text(bytes, '\0');
  std::uint32_t state = seed * 2654435761U + 12345U;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(0x80U | (state >> 24U));
  }
  return text;
}

struct ApplicationSpec {
  std::vector<firewall::Rule> rules;
  Action otherwise = Action::kDrop;
  bool drop_when_no_room = true;
};

inline ApplicationSpec tls_only() { return {.rules = {accept("web").application("tls")}}; }
inline ApplicationSpec no_torrents() {
  return {.rules = {drop("no-torrents").application("bittorrent")}, .otherwise = Action::kAccept};
}

// The library's tables take time to be made, for each worker of each bed.
inline void for_some_shapes(const std::function<void(const Shape&)>& body) {
  for (const Shape& shape : {Shape{.burst = 1, .workers = 1, .ipv6 = false}, {7, 1, true}, {32, 2, true}}) {
    SCOPED_TRACE(std::string(shape.ipv6 ? "IPv6" : "IPv4") + ", burst " + std::to_string(shape.burst) +
                 ", workers " + std::to_string(shape.workers));
    body(shape);
  }
}

class ApplicationBed {
 public:
  ApplicationBed(const Shape& shape, const ApplicationSpec& spec,
                 const firewall::ApplicationFinderSize& size = {.sessions = 64,
                                                                .memory_bytes = std::size_t{1} << 20,
                                                                .packets = 16},
                 core::Forwarding forwarding = core::Forwarding::kRouted)
      : bed(shape, forwarding, by(spec),
            {.sessions = 1024, .rule_slots = 32, .sources = 256, .inspection = {}, .applications = size}),
        ipv6(shape.ipv6) {}

  void publish(const ApplicationSpec& spec) { bed.publish(by(spec)); }
  [[nodiscard]] std::uint32_t slot(const std::string& rule) { return maker_.slot(rule); }

  // Of a connection from the client's port `port`; both sides' first bytes have the numbers kC and kS.
  struct Talk {
    std::uint16_t port = 40'000;
    std::uint16_t server_port = 443;
    std::uint32_t from_client = 0;  // bytes said so far
    std::uint32_t from_server = 0;
  };
  static constexpr std::uint32_t kC = 0xfffffff0;  // wraps soon
  static constexpr std::uint32_t kS = 5000;

  [[nodiscard]] PacketBuilder client_segment(const Talk& talk, std::string_view flags,
                                             std::uint32_t at) const {
    return bed.from_client()
        .tcp(talk.port, talk.server_port)
        .flags(flags)
        .seq(kC + at)
        .ack(flags == "S" ? 0 : kS + talk.from_server);
  }
  [[nodiscard]] PacketBuilder server_segment(const Talk& talk, std::string_view flags,
                                             std::uint32_t at) const {
    return bed.from_server()
        .tcp(talk.server_port, talk.port)
        .flags(flags)
        .seq(kS + at)
        .ack(kC + talk.from_client);
  }
  // How many frames reached the other side.
  std::size_t client_sends(const PacketBuilder& packet) { return send(ProtectBed::kInside, packet); }
  std::size_t server_sends(const PacketBuilder& packet) { return send(ProtectBed::kOutside, packet); }
  // Whether the handshake gets through.
  bool open(const Talk& talk) {
    return client_sends(client_segment(talk, "S", 0xffffffff)) == 1 &&
           server_sends(server_segment(talk, "SA", 0xffffffff)) == 1 &&
           client_sends(client_segment(talk, "A", 0)) == 1;
  }
  bool client_says(Talk& talk, std::string_view text) {
    const auto at =
        std::exchange(talk.from_client, talk.from_client + static_cast<std::uint32_t>(text.size()));
    return client_sends(client_segment(talk, "PA", at).payload(text)) == 1;
  }
  bool server_says(Talk& talk, std::string_view text) {
    const auto at =
        std::exchange(talk.from_server, talk.from_server + static_cast<std::uint32_t>(text.size()));
    return server_sends(server_segment(talk, "PA", at).payload(text)) == 1;
  }
  bool client_datagram(std::uint16_t port, std::string_view text, std::uint16_t server_port = 443) {
    return client_sends(bed.from_client().udp(port, server_port).payload(text)) == 1;
  }
  bool server_datagram(std::uint16_t port, std::string_view text, std::uint16_t server_port = 443) {
    return server_sends(bed.from_server().udp(server_port, port).payload(text)) == 1;
  }

  // The only session there is.
  [[nodiscard]] firewall::Session session() {
    firewall::Session found{};
    unsigned count = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker) {
      const auto& flows = bed.state(worker).sessions.flows();
      for (std::uint32_t i = 0; i < flows.capacity(); ++i) {
        if (!flows.in_use(i)) continue;
        found = flows[i];
        ++count;
      }
    }
    EXPECT_EQ(count, 1U);
    return found;
  }
  // "tls", "other", "undecided", "none".
  [[nodiscard]] std::string application() {
    const firewall::Session one = session();
    switch (one.naming) {
      case Naming::kNone:
        return "none";
      case Naming::kUndecided:
        return "undecided";
      case Naming::kOther:
        return "other";
      case Naming::kNamed:
        return dpi::application_text(one.named());
    }
    return "";
  }
  template <class Read>
  [[nodiscard]] std::uint64_t sum(Read read) {
    std::uint64_t total = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker) total += read(bed.state(worker));
    return total;
  }
  [[nodiscard]] std::uint64_t hits(const std::string& rule) {
    return sum([&](auto& state) { return state.rule_counters[slot(rule)].hits.read(); });
  }
  [[nodiscard]] std::uint64_t rule_sessions(const std::string& rule) {
    return sum([&](auto& state) { return state.rule_counters[slot(rule)].open_sessions.read(); });
  }
  [[nodiscard]] std::uint64_t undecided() {
    return sum([](auto& state) { return state.applications.undecided(); });
  }
  // Lets so much time go by, in steps that the workers' sweeps follow.
  void wait(Tick milliseconds) {
    const Tick end = now_ + milliseconds;
    while (now_ != end) {
      now_ = std::min(end, now_ + 500);
      bed.set_time(now_);
      bed.run();
    }
  }

  ProtectBed bed;
  const bool ipv6;

 private:
  std::function<void(firewall::Policy&)> by(const ApplicationSpec& spec) {
    return [spec](firewall::Policy& policy) {
      const auto made = maker_.make({.rules = spec.rules, .otherwise = spec.otherwise}, 2);
      const auto generation = policy.generation;
      policy = *made;
      policy.generation = generation;
      policy.drop_when_no_room = spec.drop_when_no_room;
    };
  }
  std::size_t send(unsigned port, const PacketBuilder& packet) {
    bed.send(port, packet);
    bed.run();
    static_cast<void>(bed.sent(port));
    return bed.sent(1 - port).size();
  }

  static inline PolicyMaker maker_;
  Tick now_ = 0;
};

}  // namespace millrace::testing
