// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/dns_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/dns_header.h"

namespace millrace::firewall::inspection::readers {
namespace {

struct DnsRecord {  // section 4.1.3, behind the name
  be16 type;
  be16 record_class;
  be32 ttl;
  be16 length;
};
static_assert(sizeof(DnsRecord) == 10);

constexpr std::uint16_t kAnswerFlag = 0x8000;
constexpr std::uint16_t kReservedFlag = 0x0040;
constexpr std::uint8_t kHighestOperation = 6;  // RFC 8490
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kClassMask = 0x7fff;  // RFC 6762 uses the highest bit for other things
constexpr unsigned kMostPointers = 64;

class NameText {
 public:
  // False when there is no place for the label.
  bool add(Bytes label) noexcept {
    const std::size_t dot = length_ == 0 ? 0 : 1;
    if (text_.size() - length_ < label.size() + dot) return false;
    if (dot != 0) text_[length_++] = '.';
    std::memcpy(text_.data() + length_, label.data(), label.size());
    length_ += label.size();
    return true;
  }
  [[nodiscard]] Bytes text() const noexcept { return Bytes(text_).first(length_); }

 private:
  std::array<std::uint8_t, kLongestDnsName> text_;
  std::size_t length_ = 0;
};

class DnsMessage {
 public:
  DnsMessage(Bytes message, EventSink<DnsEvent> sink) noexcept
      : message_(message), reader_(message), sink_(sink) {}

  bool read() noexcept {
    Parts none;
    const auto* header = reader_.read<DnsHeader>();
    if (header == nullptr) {
      found_.add(ReadAnomaly::kDnsShort);
      return tell(event(none));
    }
    id_ = header->id.host();
    flags_ = header->flags.host();
    question_count_ = header->questions.host();
    found_.add_if((flags_ & kReservedFlag) != 0 || operation() > kHighestOperation,
                  ReadAnomaly::kDnsReserved);
    const std::size_t others = std::size_t{header->authorities.host()} + header->additional.host();
    if (!questions()) return false;
    const bool whole = whole_ && records(header->answers.host(), true) && records(others, false);
    found_.add_if(whole && reader_.left() != 0, ReadAnomaly::kDnsTrailing);
    if (address_count_ != 0) {
      DnsEvent addresses = event(none);
      addresses.what = DnsEvent::What::kAddresses;
      addresses.least_ttl = least_ttl_;
      addresses.addresses = std::span(addresses_).first(address_count_);
      return tell(addresses);
    }
    return found_.empty() || tell(event(none));
  }

 private:
  [[nodiscard]] std::uint8_t operation() const noexcept {
    return static_cast<std::uint8_t>(flags_ >> 11U & 15U);
  }

  [[nodiscard]] DnsEvent event(const Parts& parts) const noexcept {
    const bool is_answer = (flags_ & kAnswerFlag) != 0;
    return {.is_answer = is_answer,
            .rcode = static_cast<std::uint8_t>(is_answer ? flags_ & 15U : 0U),
            .operation = operation(),
            .id = id_,
            .questions = question_count_,
            .addresses = {},
            .anomalies = {},
            .parts = parts};
  }
  bool tell(DnsEvent event) noexcept {
    event.anomalies = found_;
    found_ = {};
    return sink_(event);
  }

  // False when the sink has stopped it. whole_: what follows them can be read.
  bool questions() noexcept {
    for (unsigned i = 0; i < question_count_; ++i) {
      if (i == kMostDnsQuestions) {
        found_.add(ReadAnomaly::kDnsManyQuestions);
        whole_ = false;
        return true;
      }
      NameText name;
      if (!read_name(name)) return true;
      const auto* type = reader_.read<be16>();
      if (type == nullptr || !reader_.skip(sizeof(be16))) {
        found_.add(ReadAnomaly::kDnsShort);
        whole_ = false;
        type = nullptr;
      }
      Parts parts;
      parts.set(Buffer::kDnsQuery, name.text());
      DnsEvent question = event(parts);
      question.what = DnsEvent::What::kQuestion;
      question.type = type == nullptr ? std::uint16_t{0} : type->host();
      if (!tell(question)) return false;
      if (!whole_) return true;
    }
    return true;
  }

  // Section 4.1.4. Pointers have to go back, and a name's labels and pointers are bounded. False when there
  // is no name at all. What is behind the name is next, unless whole_ is false then.
  bool read_name(NameText& name) noexcept {
    const std::size_t begin = reader_.offset();
    if (reader_.left() == 0) {
      found_.add(ReadAnomaly::kDnsShort);
      return whole_ = false;
    }
    std::size_t run = begin;  // where the labels in hand begin
    std::size_t at = begin;
    std::size_t octets = 1;
    unsigned pointers = 0;
    bool written = true;  // false: no more labels are
    for (;;) {
      if (at >= message_.size()) return bad_name(pointers != 0);
      const std::uint8_t length = message_[at];
      if (length == 0) break;
      if (length >= 0xc0) {
        if (at + 1 >= message_.size()) return bad_name(pointers != 0);
        if (pointers == 0) static_cast<void>(reader_.skip(at + 2 - begin));
        const std::size_t target = std::size_t{length & 0x3fU} << 8U | message_[at + 1];
        if (target >= run || ++pointers > kMostPointers) {
          found_.add(ReadAnomaly::kDnsPointer);
          return true;
        }
        run = at = target;
        continue;
      }
      if (length >= 0x40 || message_.size() - at - 1 < length) return bad_name(pointers != 0);
      octets += length + std::size_t{1};
      const bool fits = octets <= kLongestDnsName;
      if (!fits && pointers != 0) {
        found_.add(ReadAnomaly::kDnsLongName);
        return true;
      }
      found_.add_if(!fits, ReadAnomaly::kDnsLongName);
      written = written && fits && name.add(message_.subspan(at + 1, length));
      at += length + std::size_t{1};
    }
    if (pointers == 0) static_cast<void>(reader_.skip(at + 1 - begin));
    return true;
  }
  // Where the name ends is known when it went on elsewhere.
  bool bad_name(bool ends_known) noexcept {
    found_.add(ReadAnomaly::kDnsBadName);
    whole_ = whole_ && ends_known;
    return true;
  }

  bool skip_name() noexcept {
    while (const auto* length = reader_.read<std::uint8_t>()) {
      if (*length == 0) return true;
      if (*length >= 0xc0) return reader_.skip(1);
      if (*length >= 0x40) {
        found_.add(ReadAnomaly::kDnsBadName);
        return false;
      }
      if (!reader_.skip(*length)) break;
    }
    found_.add(ReadAnomaly::kDnsShort);
    return false;
  }

  // False when they end before their count.
  bool records(std::size_t count, bool are_answers) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (!skip_name()) return false;
      const auto* record = reader_.read<DnsRecord>();
      if (record == nullptr || reader_.left() < record->length.host()) {
        found_.add(ReadAnomaly::kDnsShort);
        return false;
      }
      const Bytes data = reader_.take(record->length.host());
      if (are_answers && (record->record_class.host() & kClassMask) == kInternet)
        address(record->type.host(), record->ttl.host(), data);
    }
    return true;
  }

  void address(std::uint16_t type, std::uint32_t ttl, Bytes data) noexcept {
    net::IpAddress address;
    Reader reader(data);
    if (type == kTypeA && data.size() == sizeof(be32)) {
      address = net::Ipv4Address{*reader.read<be32>()};
    } else if (type == kTypeAaaa && data.size() == 16) {
      net::Ipv6Address six;
      std::memcpy(six.bytes.data(), data.data(), six.bytes.size());
      address = six;
    } else {
      return;
    }
    if (address_count_ == addresses_.size()) {
      found_.add(ReadAnomaly::kDnsManyAddresses);
      return;
    }
    least_ttl_ = address_count_ == 0 ? ttl : std::min(least_ttl_, ttl);
    addresses_[address_count_++] = address;
  }

  Bytes message_;
  Reader reader_;
  EventSink<DnsEvent> sink_;
  ReadAnomalySet found_;  // and not told
  std::uint16_t id_ = 0;
  std::uint16_t flags_ = 0;
  std::uint16_t question_count_ = 0;
  bool whole_ = true;
  std::uint32_t least_ttl_ = 0;
  std::size_t address_count_ = 0;
  std::array<net::IpAddress, kMostDnsAddresses> addresses_;
};

}  // namespace

bool read_dns(Bytes datagram, EventSink<DnsEvent> sink) noexcept { return DnsMessage(datagram, sink).read(); }

ReadProgress DnsReader::advance(Bytes stream, bool ended, EventSink<DnsEvent> sink) noexcept {
  // Places are numbers of 32 bits; windows are far smaller.
  stream = stream.first(std::min<std::size_t>(stream.size(), std::numeric_limits<std::uint32_t>::max()));
  if (over_) return ReadProgress::kOver;
  while (stream.size() > at_) {
    Reader reader(stream.subspan(at_));
    const auto* length = reader.read<be16>();
    if (length == nullptr || reader.left() < length->host()) break;
    at_ += static_cast<std::uint32_t>(sizeof(be16) + length->host());
    if (!read_dns(reader.take(length->host()), sink)) return ReadProgress::kStopped;
  }
  if (!ended) return ReadProgress::kReading;
  over_ = true;
  if (stream.size() <= at_) return ReadProgress::kOver;
  ReadAnomalySet cut;
  cut.add(ReadAnomaly::kCutOff);
  const Parts none;
  return sink({.addresses = {}, .anomalies = cut, .parts = none}) ? ReadProgress::kOver
                                                                  : ReadProgress::kStopped;
}

}  // namespace millrace::firewall::inspection::readers
