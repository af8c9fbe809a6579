// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/quic_hello.h"

#include <algorithm>
#include <cstring>

#include "vnfs/firewall/inspection/readers/quic_packet.h"

namespace millrace::firewall::inspection::readers {
namespace {

constexpr std::size_t kLeastInitialDatagram = 1200;
constexpr std::size_t kHelloHeader = 4;

enum Frame : std::uint8_t {  // RFC 9000 section 12.4
  kPadding = 0,
  kPing = 1,
  kAck = 2,
  kAckWithCounts = 3,
  kCrypto = 6,
  kConnectionClose = 0x1c,
};

// RFC 9000 section 19.3.
bool skip_ack(Reader& reader, bool has_counts) noexcept {
  const auto largest = take_quic_number(reader);
  const auto delay = take_quic_number(reader);
  const auto ranges = take_quic_number(reader);
  if (!largest || !delay || !ranges || !take_quic_number(reader)) return false;
  for (std::uint64_t i = 0; i < *ranges; ++i) {
    if (!take_quic_number(reader) || !take_quic_number(reader)) return false;
  }
  for (unsigned i = 0; has_counts && i < 3; ++i) {
    if (!take_quic_number(reader)) return false;
  }
  return true;
}

}  // namespace

// One call of QuicHello::advance().
class QuicRun {
 public:
  QuicRun(QuicHello& hello, const QuicWork& work, EventSink<TlsEvent> sink) noexcept
      : self_(hello), work_(work), sink_(sink) {}

  ReadProgress run(Bytes datagram) noexcept {
    ++self_.datagrams_;
    packets(datagram);
    if (!self_.over_ && self_.datagrams_ == kMostQuicDatagrams) give_up(ReadAnomaly::kQuicNoHello);
    if (!found_.empty()) tell(TlsEvent::What::kAnomaly, {}, {});
    if (self_.over_) self_.end(work_.pool);
    if (stopped_) return ReadProgress::kStopped;
    return self_.over_ ? ReadProgress::kOver : ReadProgress::kReading;
  }

 private:
  // RFC 9000 section 12.2: all that are in one datagram go to the same destination.
  void packets(Bytes datagram) noexcept {
    Bytes destination;
    unsigned initials = 0;
    for (bool first = true; !self_.over_ && !datagram.empty(); first = false) {
      const auto packet = read_quic_packet(datagram);
      if (!packet) {
        // Short headers are for what is encrypted with other keys.
        found_.add_if((datagram[0] & 0x80U) != 0, ReadAnomaly::kQuicBadPacket);
        return;
      }
      datagram = datagram.subspan(packet->bytes.size());
      if (first) destination = packet->destination;
      if (!packet->is_initial) continue;
      if (std::ranges::equal(destination, packet->destination) && ++initials <= kMostQuicInitials) {
        initial(*packet);
      } else {
        found_.add(ReadAnomaly::kQuicBadPacket);
      }
    }
  }

  void give_up(ReadAnomaly why) noexcept {
    found_.add(why);
    self_.over_ = true;
  }

  // With the keys of the first destination; behind a retry those of the one that the server has chosen
  // (RFC 9001 section 5.2).
  void initial(const QuicPacket& packet) noexcept {
    const MutableBytes plain = work_.room.take(packet.bytes.size());
    if (plain.empty()) {
      found_.add(ReadAnomaly::kNoRoom);
      return;
    }
    const Bytes known = Bytes(self_.id_).first(self_.id_length_);
    const bool same = self_.id_known_ && std::ranges::equal(known, packet.destination);
    Bytes payload;
    bool good = self_.id_known_ && open(packet, known, plain, payload);
    if (!good && !same && open(packet, packet.destination, plain, payload)) {
      good = self_.id_known_ = true;
      self_.id_length_ = static_cast<std::uint8_t>(packet.destination.size());
      std::ranges::copy(packet.destination, self_.id_.begin());
      self_.piece_count_ = 0;
    }
    found_.add_if(!good, ReadAnomaly::kQuicBadPacket);
    if (good) frames(payload);
    work_.room.give_back(plain.size());
  }

  // RFC 9001 section 5.4.2.
  bool open(const QuicPacket& packet, Bytes id, MutableBytes room, Bytes& payload) noexcept {
    constexpr std::size_t kLongestNumber = 4;
    const Bytes rest = packet.bytes.subspan(packet.number_at);
    if (rest.size() < kLongestNumber + QuicCrypto::kSample) return false;
    const QuicKeys keys = quic_client_keys(packet.version, id);
    const auto mask = work_.crypto.header_mask(keys, rest.subspan(kLongestNumber, QuicCrypto::kSample));
    const auto first = static_cast<std::uint8_t>(packet.bytes[0] ^ (mask[0] & 0x0fU));
    const std::size_t length = (first & 3U) + std::size_t{1};
    std::array<std::uint8_t, kLongestNumber> number{};
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i) {
      number[i] = rest[i] ^ mask[i + 1];
      value = value << 8U | number[i];
    }
    const Bytes sealed = rest.subspan(length);
    if (sealed.size() < QuicCrypto::kTag) return false;
    const MutableBytes plain = room.first(sealed.size() - QuicCrypto::kTag);
    payload = plain;
    return work_.crypto.open(
        keys, value,
        {Bytes(&first, 1), packet.bytes.subspan(1, packet.number_at - 1), Bytes(number).first(length)},
        sealed, plain);
  }

  // RFC 9000 section 17.2.2 has the ones that may be in an Initial.
  void frames(Bytes payload) noexcept {
    Reader reader(payload);
    while (!self_.over_) {
      const auto* type = reader.read<std::uint8_t>();
      if (type == nullptr) break;
      switch (*type) {
        case kPadding:
        case kPing:
          continue;
        case kAck:
        case kAckWithCounts:
          if (skip_ack(reader, *type == kAckWithCounts)) continue;
          break;
        case kCrypto:
          if (crypto(reader)) continue;
          break;
        case kConnectionClose:
          return;
        default:
          break;
      }
      found_.add_if(!self_.over_, ReadAnomaly::kQuicBadFrame);
      return;
    }
  }

  // RFC 9000 section 19.6.
  bool crypto(Reader& reader) noexcept {
    const auto offset = take_quic_number(reader);
    const auto length = take_quic_number(reader);
    if (!offset || !length || *length > reader.left()) return false;
    const Bytes data = reader.take(*length);
    if (*offset + *length > kLongestQuicHello) {
      give_up(ReadAnomaly::kQuicTooLong);
      return true;
    }
    if (!data.empty() && place(static_cast<std::uint16_t>(*offset), data)) hello();
    return true;
  }

  // What has come before stays. False when there is no room for it.
  bool place(std::uint16_t begin, Bytes data) noexcept {
    const auto end = static_cast<std::uint16_t>(begin + data.size());
    if (!self_.bytes_.make_room(work_.pool, end)) {
      give_up(ReadAnomaly::kNoRoom);
      return false;
    }
    const MutableBytes bytes = self_.bytes_.room(work_.pool);
    // make_room() moves as much as it knows of.
    self_.bytes_.size = std::max<std::uint32_t>(self_.bytes_.size, end);
    QuicHello::Range* const first = self_.pieces_.data();
    QuicHello::Range* const last = first + self_.piece_count_;
    QuicHello::Range* from = first;
    while (from != last && from->end < begin) ++from;
    QuicHello::Range* to = from;  // the pieces [from, to) touch the new one
    std::uint16_t at = begin;     // what is before it has been placed
    const auto copy = [&](std::uint16_t until) noexcept {
      if (until > at) std::memcpy(bytes.data() + at, data.data() + (at - begin), std::size_t{until} - at);
    };
    for (; to != last && to->begin <= end; ++to) {
      copy(std::min(to->begin, end));
      const std::uint16_t both_begin = std::max(at, to->begin);
      const std::uint16_t both_end = std::min(to->end, end);
      if (both_begin < both_end)
        found_.add_if(std::memcmp(bytes.data() + both_begin, data.data() + (both_begin - begin),
                                  std::size_t{both_end} - both_begin) != 0,
                      ReadAnomaly::kQuicConflict);
      at = std::max(at, both_end);
    }
    copy(end);
    if (from == to) return add_piece(from, last, {begin, end});
    from->begin = std::min(from->begin, begin);
    from->end = std::max((to - 1)->end, end);
    std::move(to, last, from + 1);
    self_.piece_count_ = static_cast<std::uint8_t>(self_.piece_count_ - (to - from - 1));
    return true;
  }

  bool add_piece(QuicHello::Range* at, QuicHello::Range* last, QuicHello::Range piece) noexcept {
    if (self_.piece_count_ == self_.pieces_.size()) {
      give_up(ReadAnomaly::kQuicTooManyPieces);
      return false;
    }
    std::move_backward(at, last, last + 1);
    *at = piece;
    ++self_.piece_count_;
    return true;
  }

  // When it is whole.
  void hello() noexcept {
    const QuicHello::Range& first = self_.pieces_[0];
    if (first.begin != 0 || first.end < kHelloHeader) return;
    const Bytes there = self_.bytes_.bytes(work_.pool).first(first.end);
    if (there[0] != kTlsClientHello) return give_up(ReadAnomaly::kQuicNoHello);
    const std::size_t length =
        kHelloHeader + (std::size_t{there[1]} << 16U | std::size_t{there[2]} << 8U | there[3]);
    if (length > kLongestQuicHello) return give_up(ReadAnomaly::kQuicTooLong);
    if (there.size() < length) return;
    TlsHello read;
    Parts parts;
    read_client_hello(there.subspan(kHelloHeader, length - kHelloHeader), read, found_);
    const std::size_t used = add_client_hello(read, work_.room, parts, found_);
    self_.over_ = true;
    tell(TlsEvent::What::kClientHello, read, parts);
    if (used != 0) work_.room.give_back(used);
  }

  void tell(TlsEvent::What what, const TlsHello& hello, const Parts& parts) noexcept {
    if (stopped_) return;
    const ReadAnomalySet anomalies = found_;
    found_ = {};
    stopped_ = !sink_({.what = what, .anomalies = anomalies, .hello = hello, .parts = parts});
  }

  QuicHello& self_;
  const QuicWork& work_;
  EventSink<TlsEvent> sink_;
  ReadAnomalySet found_;  // and not told
  bool stopped_ = false;
};

bool is_quic_initial(Bytes datagram) noexcept {
  if (datagram.size() < kLeastInitialDatagram) return false;
  const auto packet = read_quic_packet(datagram);
  return packet.has_value() && packet->is_initial;
}

ReadProgress QuicHello::advance(Bytes datagram, const QuicWork& work, EventSink<TlsEvent> sink) noexcept {
  if (over_) return ReadProgress::kOver;
  return QuicRun(*this, work, sink).run(datagram);
}

void QuicHello::end(BufferPool& pool) noexcept {
  bytes_.clear(pool);
  over_ = true;
}

}  // namespace millrace::firewall::inspection::readers
