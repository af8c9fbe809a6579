// SPDX-License-Identifier: BSD-3-Clause
// A TCP connection, or datagrams, through a firewall that looks into them. The receiver is a naive one that
// keeps the bytes that reach it as RFC 9293 lets it, either the first or the last copy: neither may ever have
// read what the signatures forbid.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/packet/protect_bed.h"
#include "tests/support/frame_bytes.h"
#include "vnfs/firewall/inspection/compile_signatures.h"
#include "vnfs/firewall/inspection/signature_file.h"

namespace millrace::testing {

namespace inspection = firewall::inspection;
using core::Forwarding;

struct InspectionSpec {
  std::string signatures;
  bool others = false;  // signatures that cannot be used here are left out
  std::uint32_t inspect_bytes = 65'536;
  inspection::OnConflict on_conflict = inspection::OnConflict::kDrop;
  inspection::OnMatch on_match = inspection::OnMatch::kAsWritten;
  bool drop_when_overloaded = false;
  std::uint32_t sampled = 0;
  std::uint16_t copied_packets = 0;
};

// For so many workers.
inline std::shared_ptr<const inspection::Inspection> make_inspection(const InspectionSpec& spec,
                                                                     unsigned workers) {
  static inspection::FlowBitNames names;
  auto file = inspection::read_signatures(spec.signatures, inspection::default_variables());
  for (const auto& skipped : file.skipped) {
    if (spec.others) break;
    ADD_FAILURE() << "line " << skipped.line << ": " << skipped.keyword << ": " << skipped.reason;
  }
  auto compiled = inspection::compile_signatures(std::move(file.signatures), names);
  if (!compiled) throw std::runtime_error(compiled.error().message());
  auto made = std::make_shared<inspection::Inspection>();
  made->name = "test";
  made->serial = 1;
  made->set = compiled->set;
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto matcher = inspection::Matcher::make(made->set);
    if (!matcher) throw std::runtime_error(matcher.error().message());
    made->matchers.emplace_back(std::move(*matcher));
  }
  made->streams.inspect_bytes = spec.inspect_bytes;
  made->streams.on_conflict = spec.on_conflict;
  made->on_match = spec.on_match;
  made->drop_when_overloaded = spec.drop_when_overloaded;
  made->sampled = spec.sampled;
  made->copied_packets = spec.copied_packets;
  return made;
}

inline firewall::Limits inspection_limits(std::uint32_t conversations = 64, std::size_t bytes = 4U << 20U) {
  return {.sessions = 4096,
          .rule_slots = 16,
          .sources = 1024,
          .inspection = {.conversations = conversations, .stream_bytes = bytes, .events = 256}};
}

class InspectionBed {
 public:
  static constexpr std::uint16_t kClientPort = 40'000;

  InspectionBed(const Shape& shape, const InspectionSpec& spec, Forwarding forwarding = Forwarding::kRouted,
                const firewall::Limits& limits = inspection_limits(), std::uint16_t server_port = 80)
      : bed(shape, forwarding, by(spec, shape.workers), limits),
        routed(forwarding == Forwarding::kRouted),
        ipv6(shape.ipv6),
        server_port_(server_port) {}

  // What a policy is given for it.
  static std::function<void(firewall::Policy&)> by(const InspectionSpec& spec, unsigned workers) {
    return [inspection = make_inspection(spec, workers)](firewall::Policy& policy) {
      policy.inspections = {inspection};
      policy.otherwise.inspection = 1;
    };
  }

  [[nodiscard]] PacketBuilder from_client(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_client().tcp(kClientPort, server_port_).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] PacketBuilder from_server(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_server().tcp(server_port_, kClientPort).flags(flags).seq(seq).ack(ack);
  }
  // The handshake; both sides' first bytes have the numbers c and s.
  void open() {
    client_sends(from_client("S", c - 1, 0));
    server_sends(from_server("SA", s - 1, c));
    client_sends(from_client("A", c, s));
    take_all();
  }
  void client_sends(const PacketBuilder& packet) { send(ProtectBed::kInside, packet); }
  void server_sends(const PacketBuilder& packet) { send(ProtectBed::kOutside, packet); }
  // Bytes of the client's stream, from `at` on, as one segment.
  void client_says(std::uint32_t at, std::string_view text) {
    client_sends(from_client("PA", c + at, s).payload(text));
  }
  void server_says(std::uint32_t at, std::string_view text, std::uint32_t acknowledged = 0) {
    server_sends(from_server("PA", s + at, c + acknowledged).payload(text));
  }
  // So many bytes are read, and no copy of them is taken any more.
  void server_acknowledges(std::uint32_t at) {
    take_all();
    acknowledged_ = at;
    server_sends(from_server("A", s, c + at));
  }

  // Whether so many frames came out at the server's side since the last call.
  [[nodiscard]] std::size_t reached_server() { return take(ProtectBed::kOutside, server_bytes_); }
  [[nodiscard]] std::size_t reached_client() { return take(ProtectBed::kInside, client_bytes_); }
  void take_all() {
    static_cast<void>(reached_server());
    static_cast<void>(reached_client());
  }

  // What the server's application can have read, if its TCP keeps the first copy of a byte, or the last.
  [[nodiscard]] std::string server_reads(bool last_copy) {
    take_all();
    return in_order(server_bytes_, last_copy);
  }
  // Of neither kind of receiver.
  void server_never_reads(std::string_view forbidden) {
    for (const bool last : {false, true})
      EXPECT_EQ(server_reads(last).find(forbidden), std::string::npos) << server_reads(last);
  }

  [[nodiscard]] std::vector<inspection::InspectionEvent> events() {
    std::vector<inspection::InspectionEvent> all;
    for (unsigned worker = 0; worker < bed.workers(); ++worker) {
      std::vector<inspection::InspectionEvent> some(256);
      some.resize(bed.state(worker).inspector.events().pop(some));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  [[nodiscard]] std::vector<inspection::PacketCopy> copies() {
    std::vector<inspection::PacketCopy> all;
    for (unsigned worker = 0; worker < bed.workers(); ++worker) {
      std::vector<inspection::PacketCopy> some(64);
      some.resize(bed.state(worker).inspector.copies().pop(some));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  [[nodiscard]] std::uint64_t matches() {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker) sum += bed.state(worker).inspector.matches();
    return sum;
  }
  [[nodiscard]] std::uint64_t in_use() {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker)
      sum += bed.state(worker).inspector.conversations_in_use();
    return sum;
  }
  [[nodiscard]] std::uint64_t bytes_in_use() {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker)
      sum += bed.state(worker).inspector.pool().bytes_in_use();
    return sum;
  }

  ProtectBed bed;
  const bool routed;
  const bool ipv6;
  std::uint32_t c = 0xfffffff0;  // sequence number of the client's first byte; it wraps soon
  std::uint32_t s = 5000;

 private:
  struct Copies {
    std::uint8_t first;
    std::uint8_t last;
  };
  using Received = std::map<std::uint32_t, Copies>;  // by place in the stream

  void send(unsigned port, const PacketBuilder& packet) {
    bed.send(port, packet);
    bed.run();
  }
  std::size_t take(unsigned port, Received& into) {
    const auto frames = bed.sent(port);
    for (const Frame& frame : frames) {
      const std::size_t l3 = 14;
      const std::size_t l4 = l3 + (ipv6 ? 40 : 20);
      if (frame.size() < l4 + 20 || frame[l3 + (ipv6 ? 6 : 9)] != 6) continue;
      const std::size_t payload = l4 + (frame[l4 + 12] >> 4U) * std::size_t{4};
      const std::size_t end = ipv6 ? l4 + (std::size_t{frame[l3 + 4]} << 8U | frame[l3 + 5])
                                   : l3 + (std::size_t{frame[l3 + 2]} << 8U | frame[l3 + 3]);
      const std::uint32_t begin = number_at(frame, l4 + 4) - (port == ProtectBed::kOutside ? c : s);
      for (std::size_t i = payload; i < end; ++i) {
        const auto place = begin + static_cast<std::uint32_t>(i - payload);
        if (port == ProtectBed::kOutside && place < acknowledged_) continue;
        const auto [known, added] = into.emplace(place, Copies{frame[i], frame[i]});
        if (!added) known->second.last = frame[i];
      }
    }
    return frames.size();
  }
  [[nodiscard]] static std::string in_order(const Received& received, bool last_copy) {
    std::string text;
    for (std::uint32_t place = 0;; ++place) {
      const auto found = received.find(place);
      if (found == received.end()) return text;
      text += static_cast<char>(last_copy ? found->second.last : found->second.first);
    }
  }

  std::uint16_t server_port_;
  std::uint32_t acknowledged_ = 0;
  Received server_bytes_;
  Received client_bytes_;
};

// A connection that is open, in every shape.
inline void for_each_routed_bed(const InspectionSpec& spec, const std::function<void(InspectionBed&)>& body) {
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, spec);
    bed.open();
    body(bed);
  });
}
inline void for_each_bed(const InspectionSpec& spec, const std::function<void(InspectionBed&)>& body) {
  for_each_routed_bed(spec, body);
  for_each_shape([&](const Shape& shape) {
    SCOPED_TRACE("transparent");
    InspectionBed bed(shape, spec, Forwarding::kTransparent);
    bed.open();
    body(bed);
  });
}

}  // namespace millrace::testing
