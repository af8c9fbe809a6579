// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/tls_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/readers/tls_certificate.h"

namespace millrace::firewall::inspection::readers {
namespace {

enum Content : std::uint8_t {  // RFC 8446 section 5.1, RFC 6520
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kHeartbeat = 24,
};
constexpr std::uint8_t kCertificate = 11;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kLongestPlainRecord = 1U << 14U;

struct [[gnu::packed]] RecordHeader {
  std::uint8_t type;
  be16 version;
  be16 length;
};
static_assert(sizeof(RecordHeader) == 5);

// The header at a place where there is one.
const RecordHeader& header_at(Bytes stream, std::size_t at) noexcept {
  return *Reader(stream.subspan(at)).peek<RecordHeader>();
}

// RFC 5246 appendix E.2: a length with its highest bit set, and a client hello of any version.
bool is_sslv2_hello(Bytes start) noexcept {
  return start.size() >= 4 && (start[0] & 0x80U) != 0 && start[2] == kTlsClientHello &&
         (start[3] == 3 || start[3] == 0);
}

// The first certificate of a chain (RFC 5246 section 7.4.2), or as much as there is of it.
Bytes first_certificate(Bytes body) noexcept {
  constexpr std::size_t kLengths = 6;
  if (body.size() < kLengths) return {};
  const std::size_t length = std::size_t{body[3]} << 16U | std::size_t{body[4]} << 8U | body[5];
  return body.subspan(kLengths, std::min(length, body.size() - kLengths));
}

}  // namespace

// One call of TlsReader::advance(): its steps over the bytes that are there.
class TlsRun {
 public:
  TlsRun(TlsReader& reader, Bytes stream, Side side, Room& room, EventSink<TlsEvent> sink) noexcept
      : self_(reader), stream_(stream), side_(side), room_(room), sink_(sink) {}

  ReadProgress run(bool ended) noexcept {
    while (!stopped_ && !self_.over_ && step()) {
    }
    if (stopped_) return ReadProgress::kStopped;
    const bool within = self_.have_ != 0 || self_.at_ != stream_.size() || self_.at_ < self_.record_end_;
    if (ended && !self_.over_) {
      found_.add_if(within, ReadAnomaly::kCutOff);
      over();
    }
    if (!found_.empty()) tell(TlsEvent::What::kAnomaly, {}, {});
    if (stopped_) return ReadProgress::kStopped;
    return self_.over_ ? ReadProgress::kOver : ReadProgress::kReading;
  }

 private:
  // Each does what can be done, and tells whether there is more to be done.
  [[nodiscard]] bool step() noexcept {
    if (self_.at_ == self_.record_end_) return open_record();
    const std::size_t end = std::min<std::size_t>(stream_.size(), self_.record_end_);
    if (self_.at_ == end) return false;
    if (self_.record_type_ == kHandshake) {
      message_bytes(end);
    } else {
      self_.at_ = static_cast<std::uint32_t>(end);
    }
    return true;
  }

  [[nodiscard]] bool open_record() noexcept {
    const Bytes rest = stream_.subspan(self_.at_);
    if (self_.at_ == 0 && side_ == Side::kClient && is_sslv2_hello(rest)) return over(ReadAnomaly::kTlsSslV2);
    if (rest.size() < sizeof(RecordHeader)) return false;
    const RecordHeader& header = header_at(stream_, self_.at_);
    const std::size_t length = header.length.host();
    if (header.type < kChangeCipherSpec || header.type > kHeartbeat || header.version.host() >> 8U != 3)
      return over(ReadAnomaly::kTlsNotTls);
    if (header.type == kApplicationData) {
      found_.add_if(!self_.hello_read_, ReadAnomaly::kTlsBeforeHello);
      return over();
    }
    if (length > kLongestPlainRecord) return over(ReadAnomaly::kTlsRecordTooLong);
    if (header.type == kChangeCipherSpec && !change_cipher()) return true;
    if (length == 0 && !self_.empty_told_) {
      self_.empty_told_ = true;
      found_.add(ReadAnomaly::kTlsEmptyRecord);
    }
    if (header.type != kHandshake && self_.have_ != 0 && !self_.interleaved_told_) {
      self_.interleaved_told_ = true;
      found_.add(ReadAnomaly::kTlsInterleaved);
    }
    self_.record_type_ = header.type;
    self_.at_ += static_cast<std::uint32_t>(sizeof(RecordHeader));
    self_.record_end_ = static_cast<std::uint32_t>(self_.at_ + length);
    return true;
  }

  // Up to TLS 1.2 what follows is encrypted. In TLS 1.3 the record means nothing (RFC 8446 appendix D.4): a
  // second hello may follow it. False when nothing that is read can.
  [[nodiscard]] bool change_cipher() noexcept {
    if (!self_.hello_read_) {
      found_.add(ReadAnomaly::kTlsBeforeHello);
    } else if (side_ == Side::kServer && !self_.retried_) {
      over();
      return false;
    }
    self_.cipher_changed_ = true;
    return true;
  }

  void message_bytes(std::size_t end) noexcept {
    if (self_.have_ == 0) {
      self_.message_ = self_.at_;
      self_.first_end_ = self_.record_end_;
      self_.header_ = 0;
    }
    while (self_.have_ < kMessageHeader && self_.at_ != end) {
      self_.header_ = self_.header_ << 8U | stream_[self_.at_++];
      ++self_.have_;
    }
    if (self_.have_ < kMessageHeader) return;
    if (self_.have_ == kMessageHeader && is_encrypted()) {
      static_cast<void>(over());
      return;
    }
    const std::size_t more = std::min<std::size_t>(length() - self_.have_, end - self_.at_);
    self_.have_ += static_cast<std::uint32_t>(more);
    self_.at_ += static_cast<std::uint32_t>(more);
    if (self_.have_ == length()) message_done();
  }

  [[nodiscard]] std::size_t length() const noexcept { return kMessageHeader + (self_.header_ & 0xffffffU); }
  [[nodiscard]] std::uint8_t type() const noexcept { return static_cast<std::uint8_t>(self_.header_ >> 24U); }

  [[nodiscard]] bool is_encrypted() const noexcept {
    return self_.cipher_changed_ && type() != (side_ == Side::kClient ? kTlsClientHello : kTlsServerHello);
  }

  void message_done() noexcept {
    const std::uint8_t kind = type();
    const bool is_client = side_ == Side::kClient;
    const bool wanted = is_client ? kind == kTlsClientHello : kind == kTlsServerHello || kind == kCertificate;
    std::size_t room_bytes = 0;
    const Bytes message = wanted ? whole_message(room_bytes) : Bytes{};
    self_.have_ = 0;
    if (message.size() >= kMessageHeader) {
      const Bytes body = message.subspan(kMessageHeader);
      if (kind == kCertificate) {
        certificate(body);
      } else if (is_client) {
        client_hello(body);
      } else {
        server_hello(body);
      }
    }
    if (room_bytes != 0) room_.give_back(room_bytes);
  }

  // The bytes of the message that is complete, joined when it spans records.
  [[nodiscard]] Bytes whole_message(std::size_t& room_bytes) noexcept {
    if (self_.message_ + length() <= self_.first_end_) return stream_.subspan(self_.message_, length());
    const std::size_t most = std::min(length(), kLongestJoinedTlsMessage);
    found_.add_if(most != length(), ReadAnomaly::kTlsMessageTooLong);
    const MutableBytes joined = room_.take(most);
    if (joined.empty()) {
      found_.add(ReadAnomaly::kNoRoom);
      return {};
    }
    room_bytes = joined.size();
    join(joined);
    return joined;
  }

  // All its records are there, and were looked at.
  void join(MutableBytes joined) const noexcept {
    std::size_t done = 0;
    std::size_t at = self_.message_;
    std::size_t end = self_.first_end_;
    while (done < joined.size()) {
      const std::size_t count = std::min(joined.size() - done, end - at);
      if (count != 0) std::memcpy(joined.data() + done, stream_.data() + at, count);
      done += count;
      if (done == joined.size()) break;
      const RecordHeader& header = header_at(stream_, end);
      at = end + sizeof(RecordHeader);
      end = at + header.length.host();
      if (header.type != kHandshake) at = end;
    }
  }

  void client_hello(Bytes body) noexcept {
    // What looks like the beginning of another hello may be encrypted.
    if (self_.cipher_changed_ && self_.hello_read_ && (body.empty() || body[0] != 3)) {
      static_cast<void>(over());
      return;
    }
    TlsHello hello;
    read_client_hello(body, hello, found_);
    self_.hello_read_ = true;
    Parts parts;
    const std::size_t used = add_client_hello(hello, room_, parts, found_);
    tell(TlsEvent::What::kClientHello, hello, parts);
    if (used != 0) room_.give_back(used);
  }

  void server_hello(Bytes body) noexcept {
    TlsHello hello;
    read_server_hello(body, hello, found_);
    self_.hello_read_ = true;
    self_.retried_ = hello.is_retry;
    if (!hello.is_retry && hello.newest >= kTls13) self_.over_ = true;
    tell(TlsEvent::What::kServerHello, hello, {});
  }

  void certificate(Bytes body) noexcept {
    Parts parts;
    const Bytes first = first_certificate(body);
    if (first.empty()) return;  // the server has none
    const std::size_t used = add_certificate(first, room_, parts, found_);
    tell(TlsEvent::What::kCertificate, {}, parts);
    if (used != 0) room_.give_back(used);
  }

  bool over() noexcept {
    self_.over_ = true;
    self_.at_ = static_cast<std::uint32_t>(stream_.size());
    return true;
  }
  bool over(ReadAnomaly why) noexcept {
    found_.add(why);
    return over();
  }

  void tell(TlsEvent::What what, const TlsHello& hello, const Parts& parts) noexcept {
    const ReadAnomalySet anomalies = found_;
    found_ = {};
    stopped_ = !sink_({.what = what, .anomalies = anomalies, .hello = hello, .parts = parts});
  }

  TlsReader& self_;
  Bytes stream_;
  Side side_;
  Room& room_;
  EventSink<TlsEvent> sink_;
  ReadAnomalySet found_;  // and not told
  bool stopped_ = false;
};

ReadProgress TlsReader::advance(Bytes stream, bool ended, Side side, Room& room,
                                EventSink<TlsEvent> sink) noexcept {
  // Places are numbers of 32 bits; windows are far smaller.
  stream =
      stream.first(std::min<std::size_t>(stream.size(), std::numeric_limits<std::uint32_t>::max() >> 1U));
  if (over_) return ReadProgress::kOver;
  if (stream.size() < at_) return ReadProgress::kReading;
  return TlsRun(*this, stream, side, room, sink).run(ended);
}

}  // namespace millrace::firewall::inspection::readers
