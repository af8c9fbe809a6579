// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/tls_hello.h"

#include <algorithm>
#include <array>

#include "vnfs/firewall/inspection/certificate.h"
#include "vnfs/firewall/inspection/field_reader.h"
#include "vnfs/firewall/inspection/readers/digests.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint32_t kServerName = 0;
constexpr std::uint32_t kGroups = 10;
constexpr std::uint32_t kPointFormats = 11;

constexpr bool is_grease(std::uint32_t value) noexcept {
  return (value & 0x0f0fU) == 0x0a0aU && (value >> 8U) == (value & 0xffU);
}

void put_number(RoomWriter& out, std::uint32_t value) noexcept {
  std::array<std::uint8_t, 10> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<std::uint8_t>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.put(Bytes(digits).subspan(at));
}

// "1-2-3", of numbers of so many bytes.
void put_list(RoomWriter& out, Bytes list, unsigned bytes) noexcept {
  bool first = true;
  for (FieldReader reader(list); !reader.empty();) {
    const std::uint32_t value = reader.number(bytes);
    if (!reader.good()) return;
    if (bytes == 2 && is_grease(value)) continue;
    if (!std::exchange(first, false)) out.put('-');
    put_number(out, value);
  }
}

Bytes name_of(Bytes extension) noexcept {
  FieldReader names(FieldReader(extension).field(2));
  while (!names.empty()) {
    const std::uint32_t kind = names.number(1);
    const Bytes name = names.field(2);
    if (kind == 0) return name;
  }
  return {};
}

struct Extensions {
  Bytes all;
  Bytes name;
  Bytes groups;
  Bytes formats;
};

bool read_extensions(Bytes all, Extensions& found) noexcept {
  found.all = all;
  for (FieldReader reader(all); !reader.empty();) {
    const std::uint32_t kind = reader.number(2);
    const Bytes extension = reader.field(2);
    if (!reader.good()) return false;
    if (kind == kServerName) found.name = name_of(extension);
    if (kind == kGroups) found.groups = FieldReader(extension).field(2);
    if (kind == kPointFormats) found.formats = FieldReader(extension).field(1);
  }
  return true;
}

void put_kinds(RoomWriter& out, Bytes extensions) noexcept {
  bool first = true;
  for (FieldReader reader(extensions); !reader.empty();) {
    const std::uint32_t kind = reader.number(2);
    static_cast<void>(reader.field(2));
    if (is_grease(kind)) continue;
    if (!std::exchange(first, false)) out.put('-');
    put_number(out, kind);
  }
}

}  // namespace

bool read_client_hello(Bytes message, Room& room, Parts& parts) noexcept {
  constexpr std::size_t kRandom = 32;
  FieldReader reader(message);
  const std::uint32_t version = reader.number(2);
  reader.skip(kRandom);
  static_cast<void>(reader.field(1));  // session
  const Bytes ciphers = reader.field(2);
  static_cast<void>(reader.field(1));  // compression
  if (!reader.good()) return false;
  Extensions extensions;
  if (!reader.empty()) {
    const Bytes all = reader.field(2);
    if (!reader.good() || !read_extensions(all, extensions)) return false;
  }
  if (!extensions.name.empty()) parts.set(Buffer::kTlsSni, extensions.name);
  // No number takes more than six characters for two bytes.
  constexpr std::size_t kFixed = 32;
  RoomWriter out(room, kFixed + message.size() * 3);
  put_number(out, version);
  out.put(',');
  put_list(out, ciphers, 2);
  out.put(',');
  put_kinds(out, extensions.all);
  out.put(',');
  put_list(out, extensions.groups, 2);
  out.put(',');
  put_list(out, extensions.formats, 1);
  const Bytes text = out.take();
  if (out.full()) return true;
  const auto digest = readers::md5(text);
  parts.set(Buffer::kJa3String, text);
  RoomWriter hash(room, 2 * digest.size());
  put_hex(hash, digest);
  parts.set(Buffer::kJa3Hash, hash.take());
  return true;
}

bool read_certificates(Bytes message, Room& room, Parts& parts) noexcept {
  FieldReader list(FieldReader(message).field(3));
  const Bytes first = list.field(3);
  return list.good() && !first.empty() && read_certificate(first, room, parts);
}

}  // namespace millrace::firewall::inspection
