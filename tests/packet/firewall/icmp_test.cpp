// SPDX-License-Identifier: BSD-3-Clause
// ICMP queries, and ICMP errors with the session they are about (RFC 5508, RFC 5927).
#include "tests/packet/firewall/talk.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> queries() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto request = PacketBuilder(ends.client).echo_request(7, 1).payload(56);
    const auto reply = PacketBuilder(ends.server).echo_reply(7, 1).payload(56);
    add("ping").passes(kInside, request).passes(kOutside, reply);
    add("two pings in flight")
        .passes(kInside, request)
        .passes(kInside, PacketBuilder(ends.client).echo_request(7, 2))
        .passes(kOutside, PacketBuilder(ends.server).echo_reply(7, 2))
        .passes(kOutside, reply);
    add("two pingers")
        .passes(kInside, request)
        .passes(kInside, PacketBuilder(ends.client).echo_request(8, 1))
        .passes(kOutside, PacketBuilder(ends.server).echo_reply(8, 1))
        .passes(kOutside, reply)
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 2U); });
    add("a reply nobody asked for").refused(kOutside, reply, firewall::Drop::kIcmpUnsolicited);
    add("a reply with another id")
        .passes(kInside, request)
        .refused(kOutside, PacketBuilder(ends.server).echo_reply(8, 1), firewall::Drop::kIcmpUnsolicited);
    add("a request from outside")
        .refused(kOutside, PacketBuilder(ends.server).echo_request(7, 1), firewall::Drop::kDeniedByDefault);
    if (!ends.v6) {
      add("timestamp")
          .passes(kInside, PacketBuilder(ends.client).icmp(13, 0, 0x00070001).payload(12))
          .passes(kOutside, PacketBuilder(ends.server).icmp(14, 0, 0x00070001).payload(12));
      add("a timestamp reply nobody asked for")
          .refused(kOutside, PacketBuilder(ends.server).icmp(14, 0, 0x00070001).payload(12),
                   firewall::Drop::kIcmpUnsolicited);
    }
  }
  return list;
}

// Errors about what the client sent, as it looked on the outside link; from a router there, and from the
// server.
struct Errors {
  const Ends& ends;

  [[nodiscard]] PacketBuilder from_router(std::uint8_t type, std::uint8_t code, const PacketBuilder& about,
                                          std::size_t most = 1200) const {
    const auto base =
        ends.v6 ? packet().ipv6("2001:db8:2::fe", kClient6) : packet().ipv4("192.168.1.254", kClient);
    return received_on(base, kUntrust).icmp(type, code).embed(about, most);
  }
  [[nodiscard]] PacketBuilder from_server(std::uint8_t type, std::uint8_t code,
                                          const PacketBuilder& about) const {
    return PacketBuilder(ends.server).icmp(type, code).embed(about);
  }
};

std::vector<Scenario> errors() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Errors make{ends};
    const Talk talk{ends};
    const std::uint8_t unreachable = ends.v6 ? 1 : 3;
    const std::uint8_t port_code = ends.v6 ? 4 : 3;
    const auto udp = PacketBuilder(ends.client).udp(5000, 53).payload(30);
    const auto sent = forwarded(udp, kUntrust);
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto begun = [&](const std::string& name) -> Scenario& { return add(name).passes(kInside, udp); };

    for (const std::uint8_t type :
         ends.v6 ? std::vector<std::uint8_t>{1, 2, 3, 4} : std::vector<std::uint8_t>{3, 4, 11, 12})
      begun("type " + std::to_string(type) + " from a router")
          .passes(kOutside, make.from_router(type, 0, sent));
    begun("port unreachable from the server")
        .passes(kOutside, make.from_server(unreachable, port_code, sent));
    begun("eight bytes of the datagram are enough")
        .passes(kOutside, make.from_router(unreachable, 0, sent, ends.v6 ? 48 : 28));
    begun("seven bytes are not")
        .refused(kOutside, make.from_router(unreachable, 0, sent, ends.v6 ? 47 : 27),
                 firewall::Drop::kIcmpBadEmbedded);
    begun("half an ip header")
        .refused(kOutside, make.from_router(unreachable, 0, sent, 19), firewall::Drop::kIcmpBadEmbedded);
    begun("nothing inside")
        .refused(kOutside, make.from_router(unreachable, 0, sent, 0), firewall::Drop::kIcmpBadEmbedded);
    begun("about another port")
        .refused(kOutside, make.from_router(unreachable, 0, PacketBuilder(sent).udp(5001, 53)),
                 firewall::Drop::kIcmpUnrelated);
    begun("about another protocol")
        .refused(kOutside, make.from_router(unreachable, 0, PacketBuilder(sent).tcp(5000, 53)),
                 firewall::Drop::kIcmpUnrelated);
    add("about nothing")
        .refused(kOutside, make.from_router(unreachable, 0, sent), firewall::Drop::kIcmpUnrelated);
    // RFC 5927 section 4.3: it must be about a packet of the one it is sent to.
    const auto foreign =
        ends.v6 ? packet().ipv6("2001:db8:1::99", kServer6) : packet().ipv4("10.0.0.99", kServer);
    begun("to another host than the sender")
        .refused(kOutside, make.from_router(unreachable, 0, PacketBuilder(foreign).udp(5000, 53)),
                 firewall::Drop::kIcmpBadEmbedded);
    begun("the session goes on after it")
        .passes(kOutside, make.from_router(unreachable, 0, sent))
        .passes(kOutside, PacketBuilder(ends.server).udp(53, 5000));

    // The client refuses what the server sent.
    const auto answer = PacketBuilder(ends.server).udp(53, 5000).payload(9);
    begun("from inside about the answer")
        .passes(kOutside, answer)
        .passes(kInside,
                PacketBuilder(ends.client).icmp(unreachable, port_code).embed(forwarded(answer, kTrust)));

    const auto ping = PacketBuilder(ends.client).echo_request(7, 1).payload(8);
    add("about a ping")
        .passes(kInside, ping)
        .passes(kOutside, make.from_router(unreachable, 0, forwarded(ping, kUntrust)));
    const auto sctp = PacketBuilder(ends.client).sctp(100, 200).payload(8);
    add("about sctp")
        .passes(kInside, sctp)
        .passes(kOutside, make.from_router(unreachable, 0, forwarded(sctp, kUntrust), ends.v6 ? 48 : 28));
    const auto gre = PacketBuilder(ends.client).gre(0x0800).payload(20);
    add("about gre")
        .passes(kInside, gre)
        .passes(kOutside, make.from_router(unreachable, 0, forwarded(gre, kUntrust)));

    // RFC 5927 section 4.1: the sequence number inside must be one that could be on its way.
    const auto data = talk.c("PA", 1, 1, 100);
    const auto tcp = [&](const std::string& name) -> Scenario& {
      return talk.open(add(name)).passes(kInside, data);
    };
    tcp("about a tcp segment").passes(kOutside, make.from_router(unreachable, 0, forwarded(data, kUntrust)));
    tcp("about eight bytes of a tcp segment")
        .passes(kOutside, make.from_router(unreachable, 0, forwarded(data, kUntrust), ends.v6 ? 48 : 28));
    tcp("about a tcp segment never sent")
        .refused(kOutside,
                 make.from_router(unreachable, 0, forwarded(talk.c("PA", 0x40000000, 1, 100), kUntrust)),
                 firewall::Drop::kIcmpBadEmbedded);
    const auto syn = talk.c("S", 0, 0);
    add("about a syn")
        .passes(kInside, syn)
        .passes(kOutside, make.from_router(unreachable, 0, forwarded(syn, kUntrust)));

    // The error is forwarded like any packet, and no error is made about it.
    begun("an error that dies here")
        .refused(kOutside, make.from_router(unreachable, 0, sent).ttl(1), core::Drop::kTtlExceeded);
  }
  return list;
}

MILLRACE_SCENARIOS(IcmpQueries, queries());
MILLRACE_SCENARIOS(IcmpRelated, errors());

}  // namespace
}  // namespace millrace::testing
