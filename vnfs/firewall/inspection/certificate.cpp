// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/certificate.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "vnfs/firewall/inspection/field_reader.h"
#include "vnfs/firewall/inspection/readers/digests.h"

namespace millrace::firewall::inspection {
namespace {

// Of ASN.1's universal ones (X.680), as DER writes them.
constexpr std::uint32_t kInteger = 0x02;
constexpr std::uint32_t kObject = 0x06;
constexpr std::uint32_t kWideText = 0x1e;  // BMPString
constexpr std::uint32_t kSequence = 0x30;
constexpr std::uint32_t kSet = 0x31;
constexpr std::uint32_t kVersion = 0xa0;

struct Element {
  std::uint32_t tag = 0;
  Bytes content;
};

// The next one; its tag is 0 when there is none.
Element next(FieldReader& reader) noexcept {
  Element element;
  element.tag = reader.number(1);
  std::uint32_t length = reader.number(1);
  if ((length & 0x80U) != 0) {
    const unsigned bytes = length & 0x7fU;
    if (bytes == 0 || bytes > 3) return {};
    length = reader.number(bytes);
  }
  element.content = reader.take(length);
  return reader.good() ? element : Element{};
}

constexpr char digit(unsigned value, bool capital) noexcept {
  return static_cast<char>(value < 10 ? '0' + value : (capital ? 'A' : 'a') + value - 10);
}

void put_pairs(RoomWriter& out, Bytes bytes, bool capital) noexcept {
  bool first = true;
  for (const std::uint8_t byte : bytes) {
    if (!std::exchange(first, false)) out.put(':');
    out.put(static_cast<std::uint8_t>(digit(byte >> 4U, capital)));
    out.put(static_cast<std::uint8_t>(digit(byte & 0x0fU, capital)));
  }
}

void put_decimal(RoomWriter& out, std::uint64_t value) noexcept {
  std::array<std::uint8_t, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<std::uint8_t>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.put(Bytes(digits).subspan(at));
}

// "CN", or "1.2.3".
void put_kind(RoomWriter& out, Bytes object) noexcept {
  using namespace std::string_view_literals;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kNames = {
      {{"\x55\x04\x03"sv, "CN"sv},
       {"\x55\x04\x05"sv, "serialNumber"sv},
       {"\x55\x04\x06"sv, "C"sv},
       {"\x55\x04\x07"sv, "L"sv},
       {"\x55\x04\x08"sv, "ST"sv},
       {"\x55\x04\x0a"sv, "O"sv},
       {"\x55\x04\x0b"sv, "OU"sv},
       {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"sv, "emailAddress"sv}}};
  const std::string_view text(reinterpret_cast<const char*>(object.data()), object.size());
  for (const auto& [bytes, name] : kNames) {
    if (bytes == text) return out.put(name);
  }
  std::uint64_t value = 0;
  bool first = true;
  for (const std::uint8_t byte : object) {
    value = value << 7U | (byte & 0x7fU);
    if ((byte & 0x80U) != 0) continue;
    if (std::exchange(first, false)) {
      put_decimal(out, std::min<std::uint64_t>(value / 40, 2));
      value -= std::min<std::uint64_t>(value / 40, 2) * 40;
    }
    out.put('.');
    put_decimal(out, std::exchange(value, 0));
  }
}

// Text of two bytes a character loses the first where it says nothing.
void put_text(RoomWriter& out, const Element& text) noexcept {
  if (text.tag != kWideText) return out.put(text.content);
  for (std::size_t i = 0; i + 1 < text.content.size(); i += 2) {
    const bool plain = text.content[i] == 0 && text.content[i + 1] < 0x80;
    out.put(plain ? text.content[i + 1] : static_cast<std::uint8_t>('?'));
  }
}

// A Name: a list of sets of a kind and a value each.
void put_name(RoomWriter& out, Bytes name) noexcept {
  bool first = true;
  for (FieldReader sets(name); !sets.empty();) {
    const Element set = next(sets);
    if (set.tag != kSet) return;
    for (FieldReader pairs(set.content); !pairs.empty();) {
      const Element pair = next(pairs);
      if (pair.tag != kSequence) return;
      FieldReader parts(pair.content);
      const Element kind = next(parts);
      const Element value = next(parts);
      if (kind.tag != kObject || value.tag == 0) return;
      if (!std::exchange(first, false)) out.put(", ");
      put_kind(out, kind.content);
      out.put('=');
      put_text(out, value);
    }
  }
}

}  // namespace

void put_hex(RoomWriter& out, Bytes bytes) noexcept {
  for (const std::uint8_t byte : bytes) {
    out.put(static_cast<std::uint8_t>(digit(byte >> 4U, false)));
    out.put(static_cast<std::uint8_t>(digit(byte & 0x0fU, false)));
  }
}

bool read_certificate(Bytes certificate, Room& room, Parts& parts) noexcept {
  FieldReader whole(certificate);
  const Element outer = next(whole);
  FieldReader inside(outer.content);
  const Element signed_part = next(inside);
  if (outer.tag != kSequence || signed_part.tag != kSequence) return false;
  FieldReader fields(signed_part.content);
  Element serial = next(fields);
  if (serial.tag == kVersion) serial = next(fields);
  const Element algorithm = next(fields);
  const Element issuer = next(fields);
  const Element validity = next(fields);
  const Element subject = next(fields);
  if (serial.tag != kInteger || algorithm.tag != kSequence || issuer.tag != kSequence ||
      validity.tag != kSequence || subject.tag != kSequence)
    return false;
  // A digit more than twice what any of them has: names of kinds are short where they are not spelt out.
  RoomWriter out(room, certificate.size() * 4 + 64);
  put_pairs(out, serial.content, true);
  parts.set(Buffer::kTlsSerial, out.take());
  put_name(out, issuer.content);
  parts.set(Buffer::kTlsIssuer, out.take());
  put_name(out, subject.content);
  parts.set(Buffer::kTlsSubject, out.take());
  put_pairs(out, readers::sha1(certificate), false);
  parts.set(Buffer::kTlsFingerprint, out.take());
  return true;
}

}  // namespace millrace::firewall::inspection
