// SPDX-License-Identifier: BSD-3-Clause
// Connections of FTP, PPTP and SIP from bytes, through the ALGs and their payload editor. What must hold:
// a segment has the length its editor says; what follows has the number after it; what comes again is what
// came before; no more ports are open than may be, each to the other end alone, or to those it named for
// media.
//
// The first byte: bit 0 is PPTP, bit 1 a client outside, bit 2 SIP. Then segments: a byte whose bit 0 is
// inward and bit 1 sends the one before again, two bytes for a length, the bytes.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "tests/fuzz/input.h"
#include "vnfs/nat/ftp_alg.h"
#include "vnfs/nat/pptp_alg.h"
#include "vnfs/nat/sip_alg.h"

namespace {

using namespace millrace;
using fuzz::require;

const net::Ipv4Address kInside = *net::Ipv4Address::parse("10.0.0.5");
const net::Ipv4Address kOutside = *net::Ipv4Address::parse("203.0.113.1");
const net::Ipv4Address kRemote = *net::Ipv4Address::parse("93.184.216.34");

std::uint16_t port_of(nat::AlgKind kind) {
  if (kind == nat::AlgKind::kSip) return 5060;
  return kind == nat::AlgKind::kFtp ? 21 : 1723;
}

nat::AlgVerdict read_message(const nat::AlgContext& context, nat::PayloadEditor& editor) {
  switch (context.record.kind) {
    case nat::AlgKind::kFtp:
      return nat::read_ftp(context, editor);
    case nat::AlgKind::kSip:
      return nat::read_sip(context, editor);
    default:
      return nat::read_pptp(context, editor);
  }
}

// A connection, with a table and a policy of its own.
class Connection {
 public:
  Connection(nat::AlgKind kind, bool client_inside)
      : bindings_({.sessions = 64, .subscribers = 4, .leases = 64, .alg_sessions = 4}, 1, book_, 0) {
    nat::Pool pool;
    pool.addresses.push_back(*book_.get(kOutside, 0));
    policy_.pools.push_back(pool);
    policy_.rules.push_back(nat::Rule{.pool = 0});
    policy_.algs.add(kind);
    policy_.settle();
    const std::uint16_t port = port_of(kind);
    const auto subscriber = bindings_.open_subscriber(kInside, 0, 0, 0);
    const be16 inside_port(client_inside ? std::uint16_t{40000} : port);
    const be16 remote_port(client_inside ? port : std::uint16_t{40000});
    const auto mapping =
        bindings_.open_mapping({.subscriber = subscriber,
                                .inside_port = inside_port.wire(),
                                .protocol = 6,
                                .flags = nat::Mapping::filtering_flags(nat::Dependence::kAddressAndPort),
                                .remote = {}},
                               policy_.pools[0], 0);
    const nat::Endpoint remote = nat::Endpoint::of(kRemote, remote_port);
    session_ = bindings_.open_session(
        {.mapping = mapping.mapping,
         .outward = nat::Tuple::of(nat::Endpoint::of(kInside, inside_port), remote, 6, 0),
         .inward = nat::Tuple::of(remote, bindings_.mapping(mapping.mapping).outside(), 6, 0),
         .first = client_inside ? nat::Direction::kForward : nat::Direction::kReverse},
        policy_.timeouts, 0);
    bindings_.attach_alg(session_, kind);
    for (nat::SequenceShift& shift : record().shift) shift.begin(kFirst);
  }

  // The segment as it leaves; nothing when it was dropped.
  bool pass(nat::Direction direction, std::uint32_t sequence, Bytes payload, std::vector<std::uint8_t>& out) {
    nat::SequenceShift& shift = record().shift[static_cast<std::size_t>(direction)];
    rte_mbuf mbuf{};
    core::Packet packet;
    lay_out(packet, mbuf, sequence, payload);
    nat::PayloadEditor editor(packet, &shift);
    const nat::AlgContext context{.bindings = bindings_,
                                  .policy = policy_,
                                  .session = session_,
                                  .record = record(),
                                  .direction = direction,
                                  .now = 0};
    const auto verdict = read_message(context, editor);
    if (verdict != nat::AlgVerdict::kPass) return false;
    const auto end = sequence + static_cast<std::uint32_t>(payload.size());
    shift.extend(end);
    require(editor.bytes().size() == payload.size() + static_cast<std::size_t>(editor.growth()),
            "a segment is as long as it says");
    require(packet.headers.end_offset <= mbuf.buf_len - mbuf.data_off, "a segment stays in its buffer");
    require(shift.received(end) - shift.received(sequence) == editor.bytes().size(),
            "what follows a segment has the number after it");
    require(shift.sent(shift.received(end)) == end, "an acknowledgment comes back as what it acknowledges");
    out.assign(editor.bytes().begin(), editor.bytes().end());
    return true;
  }
  [[nodiscard]] std::uint32_t next(nat::Direction direction) {
    return record().shift[static_cast<std::size_t>(direction)].reach();
  }
  void check_openings() {
    unsigned open = 0;
    const auto& leases = bindings_.leases();
    for (nat::LeaseIndex i = 0; i < leases.records().reach(); ++i) {
      if (!leases.records().in_use(i)) continue;
      ++open;
      require(leases[i].pinhole && leases[i].remote_count != 0, "a port is open to somebody");
      if (record().kind != nat::AlgKind::kSip) {
        require(leases[i].remote_count == 1, "a port is open to one end");
        require(leases[i].remotes[0].address == kRemote.value.wire(), "a port is open to the other end");
      }
      const auto& mapping = bindings_.mapping(leases[i].binding);
      require(be16::from_wire(mapping.inside_port).host() >= 1024, "no service's port is open");
    }
    require(open <= nat::AlgRecord::kMostPinholes, "no more ports are open than may be");
    require(bindings_.open_sessions() <= 2, "a connection has one tunnel");
  }

 private:
  static constexpr std::uint32_t kFirst = 0xfffffff0;
  static constexpr unsigned kHeaders = 14 + 20 + 20;

  [[nodiscard]] nat::AlgRecord& record() { return bindings_.algs()[bindings_.algs().find(session_)]; }

  void lay_out(core::Packet& packet, rte_mbuf& mbuf, std::uint32_t sequence, Bytes payload) {
    std::ranges::fill(buffer_, std::uint8_t{0});
    mbuf.buf_addr = buffer_.data();
    mbuf.buf_len = static_cast<std::uint16_t>(buffer_.size());
    mbuf.nb_segs = 1;
    mbuf.data_len = static_cast<std::uint16_t>(kHeaders + payload.size());
    mbuf.pkt_len = mbuf.data_len;
    packet.mbuf = &mbuf;
    packet.headers.l3_offset = 14;
    packet.headers.l4_offset = 34;
    packet.headers.payload_offset = kHeaders;
    packet.headers.end_offset = mbuf.data_len;
    packet.headers.protocol = 6;
    packet.headers.family = 4;
    packet.l4_as<net::TcpHeader>().sequence = be32(sequence);
    std::ranges::copy(payload, buffer_.begin() + kHeaders);
  }

  nat::AddressBook book_;
  nat::BindingTable bindings_;
  nat::Policy policy_;
  nat::SessionIndex session_ = nat::kNoIndex;
  std::array<std::uint8_t, 2048> buffer_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMostPayload = 1900;
  fuzz::Input input(data, size);
  const std::uint8_t how = input.u8();
  const auto other = (how & 1U) != 0 ? nat::AlgKind::kPptp : nat::AlgKind::kFtp;
  const auto kind = (how & 4U) != 0 ? nat::AlgKind::kSip : other;
  const auto connection = std::make_unique<Connection>(kind, (how & 2U) == 0);
  struct Last {
    std::uint32_t sequence = 0;
    std::vector<std::uint8_t> payload;
    std::vector<std::uint8_t> seen;
  };
  std::array<Last, 2> last;
  for (unsigned segments = 0; !input.empty() && segments < 64; ++segments) {
    const std::uint8_t what = input.u8();
    const auto direction = static_cast<nat::Direction>(what & 1U);
    Last& before = last[what & 1U];
    std::vector<std::uint8_t> out;
    if ((what & 2U) != 0 && !before.payload.empty()) {
      const bool passed = connection->pass(direction, before.sequence, before.payload, out);
      require(kind == nat::AlgKind::kPptp || !passed || out == before.seen,
              "what comes again is what came before");
    } else {
      const std::size_t length = std::min<std::size_t>({input.u16(), kMostPayload, input.left()});
      std::vector<std::uint8_t> payload(length);
      std::ranges::generate(payload, [&] { return input.u8(); });
      if (payload.empty()) continue;
      const std::uint32_t sequence = connection->next(direction);
      if (connection->pass(direction, sequence, payload, out)) before = {sequence, payload, out};
    }
    connection->check_openings();
  }
  return 0;
}
