// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/tls_certificate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/readers/digests.h"
#include "vnfs/firewall/inspection/readers/tls_text.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection::readers {
namespace {

enum Tag : std::uint8_t {
  kInteger = 0x02,
  kObjectIdentifier = 0x06,
  kBmpString = 0x1e,
  kSequence = 0x30,
  kSet = 0x31,
  kExplicitVersion = 0xa0,
};

struct Element {
  std::uint8_t tag = 0;
  Bytes content;
};

// X.690 section 10.1: a definite length. Tags of more than one byte are not among those that are read.
std::optional<Element> take(Reader& reader) noexcept {
  const auto* tag = reader.read<std::uint8_t>();
  const auto* first = reader.read<std::uint8_t>();
  if (first == nullptr) return std::nullopt;
  std::size_t length = *first;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7fU;
    if (count == 0 || count > 3) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto* byte = reader.read<std::uint8_t>();
      if (byte == nullptr) return std::nullopt;
      length = length << 8U | *byte;
    }
  }
  if (reader.left() < length) return std::nullopt;
  return Element{*tag, reader.take(length)};
}

std::optional<Bytes> take(Reader& reader, Tag tag) noexcept {
  const auto element = take(reader);
  if (!element || element->tag != tag) return std::nullopt;
  return element->content;
}

constexpr std::uint8_t kEmailOid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};

// RFC 4514 section 3, by the last byte behind 2.5.4.
std::string_view short_name(Bytes oid) noexcept {
  if (std::ranges::equal(oid, kEmailOid)) return "emailAddress";
  if (oid.size() != 3 || oid[0] != 0x55 || oid[1] != 0x04) return {};
  switch (oid[2]) {
    case 3:
      return "CN";
    case 6:
      return "C";
    case 7:
      return "L";
    case 8:
      return "ST";
    case 10:
      return "O";
    case 11:
      return "OU";
    default:
      return {};
  }
}

void put_arc(RoomWriter& writer, std::uint64_t arc) noexcept {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), arc).ptr;
  writer.put(std::string_view(digits.data(), end));
}

// X.690 section 8.19. False when it is none, or an arc is too large.
bool put_dotted(RoomWriter& writer, Bytes oid) noexcept {
  std::uint64_t arc = 0;
  bool first = true;
  bool within = false;
  for (const std::uint8_t byte : oid) {
    if (arc > std::numeric_limits<std::uint64_t>::max() >> 7U) return false;
    arc = arc << 7U | (byte & 0x7fU);
    within = (byte & 0x80U) != 0;
    if (within) continue;
    if (first) {
      const std::uint64_t top = std::min<std::uint64_t>(arc / 40, 2);
      put_arc(writer, top);
      arc -= top * 40;
    }
    writer.put('.');
    put_arc(writer, arc);
    first = false;
    arc = 0;
  }
  return !first && !within;
}

void put_utf8(RoomWriter& writer, unsigned unit) noexcept {
  const auto put = [&](unsigned byte) noexcept { writer.put(static_cast<std::uint8_t>(byte)); };
  if (unit < 0x80) {
    put(unit);
  } else if (unit < 0x800) {
    put(0xc0U | unit >> 6U);
    put(0x80U | (unit & 0x3fU));
  } else {
    put(0xe0U | unit >> 12U);
    put(0x80U | (unit >> 6U & 0x3fU));
    put(0x80U | (unit & 0x3fU));
  }
}

void put_value(RoomWriter& writer, const Element& value) noexcept {
  if (value.tag != kBmpString) return writer.put(value.content);
  for (std::size_t i = 0; i + 1 < value.content.size(); i += 2)
    put_utf8(writer, static_cast<unsigned>(value.content[i] << 8U | value.content[i + 1]));
}

// RFC 5280 section 4.1.2.4. False when it is no Name.
bool put_name(RoomWriter& writer, Bytes name) noexcept {
  Reader sets(name);
  bool first = true;
  while (sets.left() != 0) {
    const auto set = take(sets, kSet);
    if (!set) return false;
    Reader pairs(*set);
    bool first_of_set = true;
    while (pairs.left() != 0) {
      const auto pair = take(pairs, kSequence);
      if (!pair) return false;
      Reader reader(*pair);
      const auto type = take(reader, kObjectIdentifier);
      const auto value = take(reader);
      if (!type || !value) return false;
      if (!first) writer.put(first_of_set ? std::string_view(", ") : std::string_view(" + "));
      first = first_of_set = false;
      const std::string_view known = short_name(*type);
      if (known.empty() && !put_dotted(writer, *type)) return false;
      writer.put(known);
      writer.put('=');
      put_value(writer, *value);
    }
  }
  return true;
}

class CertificateReading {
 public:
  CertificateReading(Room& room, Parts& parts, ReadAnomalySet& anomalies) noexcept
      : room_(room), parts_(parts), anomalies_(anomalies) {}

  void read(Bytes certificate) noexcept {
    set_fingerprint(certificate);
    Reader outer(certificate);
    const auto all = take(outer, kSequence);
    Reader wrapped(all.value_or(Bytes{}));
    const auto to_be_signed = take(wrapped, kSequence);
    if (!to_be_signed) return bad();
    Reader fields(*to_be_signed);
    if (const auto* tag = fields.peek<std::uint8_t>(); tag != nullptr && *tag == kExplicitVersion)
      static_cast<void>(take(fields));
    const auto serial = take(fields, kInteger);
    if (!serial || serial->size() > kLongestSerial) return bad();
    set_serial(*serial);
    if (!take(fields, kSequence)) return bad();  // the algorithm
    const auto issuer = take(fields, kSequence);
    if (!issuer) return bad();
    set_name(Buffer::kTlsIssuer, *issuer);
    if (!take(fields, kSequence)) return bad();  // the validity
    const auto subject = take(fields, kSequence);
    if (!subject) return bad();
    set_name(Buffer::kTlsSubject, *subject);
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  void bad() noexcept { anomalies_.add(ReadAnomaly::kTlsBadCertificate); }

  void finish(Buffer buffer, RoomWriter& writer, ReadAnomaly when_full) noexcept {
    anomalies_.add_if(writer.full(), when_full);
    parts_.set(buffer, writer.take());
    used_ += writer.used();
  }
  void set_fingerprint(Bytes certificate) noexcept {
    const auto hash = sha1(certificate);
    RoomWriter writer(room_, 3 * hash.size());
    put_hex_list(writer, hash, kLowerHex);
    finish(Buffer::kTlsFingerprint, writer, ReadAnomaly::kNoRoom);
  }
  void set_serial(Bytes number) noexcept {
    RoomWriter writer(room_, 3 * number.size());
    put_hex_list(writer, number, kUpperHex);
    finish(Buffer::kTlsSerial, writer, ReadAnomaly::kNoRoom);
  }
  void set_name(Buffer buffer, Bytes der) noexcept {
    // A type's text is at most four times as long as its DER.
    const std::size_t most = std::min(4 * der.size(), kLongestCertificateName);
    RoomWriter writer(room_, most);
    if (!put_name(writer, der)) bad();
    finish(buffer, writer, ReadAnomaly::kTlsNameTooLong);
  }

  Room& room_;
  Parts& parts_;
  ReadAnomalySet& anomalies_;
  std::size_t used_ = 0;
};

}  // namespace

std::size_t add_certificate(Bytes certificate, Room& room, Parts& parts, ReadAnomalySet& anomalies) noexcept {
  CertificateReading reading(room, parts, anomalies);
  reading.read(certificate);
  return reading.used();
}

}  // namespace millrace::firewall::inspection::readers
