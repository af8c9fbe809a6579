// SPDX-License-Identifier: BSD-3-Clause
// TCP segments that a port has put together (LRO), for links whose port can not cut them: what leaves are the
// segments the sender sent, a hop later. They are built one by one here, from the sender's side.
#include <rte_mbuf.h>

#include "tests/packet/firewall/talk.h"
#include "tests/support/packet_text.h"

namespace millrace::testing {
namespace {

using core::WorkerCounters;

constexpr std::uint16_t kId = 100;

Marks aggregate(std::uint16_t segment_size) {
  return {.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, .segment_size = segment_size};
}

// What one side sends at once, `bytes` long: as the port hands it on, and as it was on the wire.
struct Sent {
  PacketBuilder base;  // headers, with the sequence number of the first byte
  std::uint32_t sequence;
  std::size_t bytes;
  std::string flags = "A";  // of the whole

  [[nodiscard]] PacketBuilder whole() const {
    return PacketBuilder(base).id(kId).flags(flags).seq(sequence).payload(bytes).bad_transport_checksum();
  }
  [[nodiscard]] std::vector<PacketBuilder> segments(std::size_t size) const {
    std::vector<PacketBuilder> list;
    for (std::size_t at = 0; at < bytes; at += size) {
      const std::size_t length = std::min(size, bytes - at);
      std::vector<std::uint8_t> part(length);
      for (std::size_t i = 0; i < length; ++i) part[i] = static_cast<std::uint8_t>(at + i);
      std::string said = flags;
      if (at + size < bytes) std::erase_if(said, [](char c) { return c == 'F' || c == 'P'; });
      if (at != 0) std::erase(said, 'C');
      list.push_back(PacketBuilder(base)
                         .id(static_cast<std::uint16_t>(kId + list.size()))
                         .flags(said)
                         .seq(static_cast<std::uint32_t>(sequence + at))
                         .payload(part));
    }
    return list;
  }
};

// The segments leave by a port in the order they were sent.
Scenario& leave(Scenario& on, unsigned port, const std::vector<PacketBuilder>& segments) {
  std::vector<Frame> frames;
  for (const PacketBuilder& segment : segments) {
    on.out(port, segment);
    frames.push_back(segment.bytes());
  }
  return on.check([port, frames](const Observed& seen) {
    EXPECT_TRUE(same_packets(frames, seen.sent(port), true)) << "in order";
  });
}

std::vector<PacketBuilder> all_forwarded(std::vector<PacketBuilder> segments, std::uint16_t interface) {
  for (PacketBuilder& segment : segments) segment = forwarded(segment, interface);
  return segments;
}

std::vector<Scenario> cut_again() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto opened = [&](const std::string& name) -> Scenario& {
      return talk.open(list.emplace_back(name + " " + ends.name).set(let_out_only));
    };
    const auto data = [&](std::size_t bytes, std::string flags = "A") {
      return Sent{talk.s("A", 1, 1), talk.server_isn + 1, bytes, std::move(flags)};
    };
    const auto passes = [&](const std::string& name, const Sent& sent, std::uint16_t size) -> Scenario& {
      Scenario& on = opened(name).in(kOutside, sent.whole(), aggregate(size));
      return leave(on, kInside, all_forwarded(sent.segments(size), kTrust));
    };
    const std::uint16_t full = ends.v6 ? 1428 : 1448;  // with timestamps, on a link of 1500 bytes
    passes("three segments", data(std::size_t{3} * full), full);
    passes("two and a bit", data(std::size_t{2} * full + 1), full);
    passes("of odd size", data(5001), 1427);
    passes("of the least size that is kept", data(1000), 256);
    passes("sent with a push", data(4000, "PA"), full);
    passes("sent with the end", data(4000, "FPA"), full);
    passes("urgent", data(4000, "UA"), full);
    passes("after a congestion", data(4000, "EAC"), full);
    // As large as they come: 44 segments in some 30 buffers.
    passes("64 thousand bytes", data(63900), 1440).check([](const Observed& seen) {
      EXPECT_EQ(seen.total(&WorkerCounters::segmented), 1U);
      EXPECT_EQ(seen.total(&WorkerCounters::transmitted), 4U);  // it counts as the one packet it came as
    });
    Sent stamped = data(4000);
    stamped.base.option_timestamps(7, 9);
    passes("with timestamps", stamped, 1400);

    const auto one = data(1200);
    opened("one segment only")
        .in(kOutside, one.whole(), aggregate(1200))
        .out(kInside, forwarded(PacketBuilder(one.base).id(kId).payload(1200), kTrust))
        .check([](const Observed& seen) { EXPECT_EQ(seen.total(&WorkerCounters::segmented), 0U); });
    opened("the session goes on behind them")
        .in(kOutside, data(4000).whole(), aggregate(full))
        .any_outcome()
        .then()
        .passes(kInside, talk.c("A", 1, 4001))
        .passes(kOutside, talk.s("A", 4001, 1, 100));
    // 65,000 bytes of segments of one byte would be 65 thousand packets.
    const auto tiny = data(1024);
    leave(opened("however small they were").in(kOutside, tiny.whole(), aggregate(1)), kInside,
          all_forwarded(tiny.segments(256), kTrust));
    opened("from a session that is not there")
        .in(kOutside, Sent{Talk{ends, 1, 2}.s("A", 1, 1), 5001, 4000}.whole(), aggregate(full))
        .dropped(firewall::Drop::kTcpNotSyn);
    // In several buffers, cut anywhere, and behind tags.
    for (const std::uint16_t first : {std::uint16_t{100}, std::uint16_t{777}}) {
      const auto sent = data(4000);
      Marks marks = aggregate(full);
      marks.first_buffer = first;
      leave(opened("in buffers of " + std::to_string(first)).in(kOutside, sent.whole(), marks), kInside,
            all_forwarded(sent.segments(full), kTrust));
    }
    const Talk late{ends, 40000, 80, 1000, 0xfffff800};
    const Sent wrapping{late.s("A", 1, 1), late.server_isn + 1, 5000};
    leave(late.open(list.emplace_back("a sequence number that wraps " + ends.name).set(let_out_only))
              .in(kOutside, wrapping.whole(), aggregate(1000)),
          kInside, all_forwarded(wrapping.segments(1000), kTrust));
  }
  return list;
}

std::vector<Scenario> limits() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name);
    };
    const auto to = [&](std::string_view v4, std::string_view v6) {
      const auto packet = ends.v6 ? client6().ipv6(kClient6, v6) : client().ipv4(kClient, v4);
      return PacketBuilder(packet);
    };
    // With mid-stream pick-up, so that the first packet may be an aggregate.
    const auto pick_up = [](PolicySpec& policy) { policy.tcp.midstream_pickup = true; };
    const auto sent_to = [&](std::string_view v4, std::string_view v6) {
      return Sent{to(v4, v6).tcp(1, 80).ack(1), 1, 4000};
    };
    constexpr std::string_view kFar = "10.8.0.5";
    constexpr std::string_view kFar6 = "2001:db8:8::5";
    const unsigned headers = ends.v6 ? 60 : 40;
    const auto near = sent_to(kServer, kServer6);
    const auto far = sent_to(kFar, kFar6);
    const auto tagged = sent_to("10.9.0.5", "2001:db8:9::5");

    leave(add("out behind two tags").set(pick_up).in(kInside, tagged.whole(), aggregate(1000)), kOutside,
          all_forwarded(tagged.segments(1000), kDouble));
    // Path MTU discovery stays true: what counts is the size of the segments.
    const std::size_t fits = 1280 - headers;
    leave(add("segments that just fit the next link")
              .set(pick_up)
              .in(kInside, far.whole(), aggregate(static_cast<std::uint16_t>(fits))),
          kOutside, all_forwarded(far.segments(fits), kNarrow));
    Sent whole = far;
    whole.base.df();
    const auto error =
        ends.v6 ? packet().ipv6("2001:db8:1::1", kClient6).icmp(2, 0, 1280).embed(whole.whole(), 1232)
                : packet()
                      .ipv4("10.0.0.1", kClient)
                      .id(0)
                      .df()
                      .traffic_class(0xc0)
                      .icmp(3, 4, 1280)
                      .embed(whole.whole(), 548);
    add("segments too big for the next link")
        .set(pick_up)
        .in(kInside, whole.whole(), aggregate(static_cast<std::uint16_t>(fits + 1)))
        .dropped(core::Drop::kPacketTooBig)
        .out(kInside, sent_by(error, kTrust));
    if (!ends.v6) {
      leave(add("segments too big, that may be made smaller")
                .set(pick_up)
                .in(kInside, far.whole(), aggregate(1448)),
            kOutside, all_forwarded(far.segments(fits), kNarrow));
    }
    // Some drivers give an average, headers included: a link as wide as the one before takes them all.
    const std::size_t widest = 1500 - headers;
    Sent wide = near;
    wide.base.df();
    leave(add("a size told too large").set(pick_up).in(kInside, wide.whole(), aggregate(1475)), kOutside,
          all_forwarded(wide.segments(widest), kUntrust));
    leave(add("a size not told").set(pick_up).in(kInside, wide.whole(), aggregate(0)), kOutside,
          all_forwarded(wide.segments(widest), kUntrust));
    const auto last_hop = Sent{PacketBuilder(near.base).ttl(1), 1, 4000};
    add("at the end of their hops")
        .set(pick_up)
        .any_outcome()
        .in(kInside, last_hop.whole(), aggregate(1448))
        .check([](const Observed& seen) {
          EXPECT_EQ(seen.dropped(core::Drop::kTtlExceeded), 1U);
          EXPECT_EQ(seen.sent(kOutside).size(), 0U);
          EXPECT_EQ(seen.sent(kInside).size(), 1U);
        });
    add("for ourselves")
        .set(pick_up)
        .in(kInside, sent_to("10.0.0.1", "2001:db8:1::1").whole(), aggregate(1448))
        .to_host(sent_to("10.0.0.1", "2001:db8:1::1").whole());
    // They wait at the twin as they are, and are cut when they come back.
    const auto waiting = sent_to("203.0.113.9", "2001:db8:cafe::9");
    add("to a neighbour not known yet")
        .set(pick_up)
        .in(kInside, waiting.whole(), aggregate(1448))
        .to_resolve(waiting.whole(), kUntrust);
    leave(add("on a wire").transparent().set(pick_up).in(kInside, near.whole(), aggregate(1400)), kOutside,
          near.segments(1400));
    // With checksums that the port has verified.
    Marks verified = aggregate(1400);
    verified.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    leave(add("put together by hardware").set(pick_up).in(kInside, near.whole(), verified), kOutside,
          all_forwarded(near.segments(1400), kUntrust));
  }
  return list;
}

// A UDP datagram that a port has not cut yet (UFO) is one datagram: RFC 768 knows no segments.
std::vector<Scenario> datagrams() {
  std::vector<Scenario> list;
  const auto far = received_on(packet().ipv4(kClient, "10.8.0.5").id(777), kTrust).udp(1, 2).payload(1392);
  list.emplace_back("a datagram, to be fragmented")
      .in(kInside, PacketBuilder(far).bad_transport_checksum(), aggregate(1000))
      .out(kOutside, forwarded(far.piece(0, 1256, 777), kNarrow))
      .out(kOutside, forwarded(far.piece(1256, 144, 777), kNarrow));
  return list;
}

MILLRACE_SCENARIOS(Aggregates, cut_again());
MILLRACE_SCENARIOS(AggregateLimits, limits());
MILLRACE_SCENARIOS(AggregateDatagrams, datagrams());

}  // namespace
}  // namespace millrace::testing
