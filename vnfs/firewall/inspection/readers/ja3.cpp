// SPDX-License-Identifier: BSD-3-Clause
#include <charconv>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/readers/digests.h"
#include "vnfs/firewall/inspection/readers/tls_hello.h"
#include "vnfs/firewall/inspection/readers/tls_text.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection::readers {
namespace {

void put_number(RoomWriter& writer, unsigned number) noexcept {
  std::array<char, 10> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  writer.put(std::string_view(digits.data(), end));
}

// Numbers with a dash between them, without GREASE.
class Ja3List {
 public:
  explicit Ja3List(RoomWriter& writer) noexcept : writer_(writer) { writer_.put(','); }
  void put(std::uint16_t value) noexcept {
    if (is_grease(value)) return;
    if (!first_) writer_.put('-');
    first_ = false;
    put_number(writer_, value);
  }
  void put_pairs(Bytes list) noexcept {
    Reader reader(list);
    while (const auto* value = reader.read<be16>()) put(value->host());
  }

 private:
  RoomWriter& writer_;
  bool first_ = true;
};

// Five digits and a dash for two bytes, three digits and a dash for one, and the rest.
std::size_t longest_ja3(const TlsHello& hello) noexcept {
  return 3 * (hello.ciphers.size() + hello.groups.size()) + 6 * (hello.extensions.size() / 4) +
         4 * hello.point_formats.size() + 16;
}

void write_ja3(const TlsHello& hello, RoomWriter& writer) noexcept {
  put_number(writer, hello.version);
  Ja3List(writer).put_pairs(hello.ciphers);
  Ja3List extensions(writer);
  Reader reader(hello.extensions);
  while (const auto* type = reader.read<be16>()) {
    extensions.put(type->host());
    const auto* length = reader.read<be16>();
    if (length == nullptr || !reader.skip(length->host())) break;
  }
  Ja3List(writer).put_pairs(hello.groups);
  Ja3List formats(writer);
  for (const std::uint8_t format : hello.point_formats) formats.put(format);
}

}  // namespace

std::size_t add_client_hello(const TlsHello& hello, Room& room, Parts& parts,
                             ReadAnomalySet& anomalies) noexcept {
  if (!hello.server_name.empty()) parts.set(Buffer::kTlsSni, hello.server_name);
  constexpr std::size_t kHashText = 32;
  RoomWriter writer(room, longest_ja3(hello) + kHashText);
  write_ja3(hello, writer);
  if (writer.full()) {
    anomalies.add(ReadAnomaly::kNoRoom);
    return writer.used();
  }
  const Bytes text = writer.take();
  parts.set(Buffer::kJa3String, text);
  for (const std::uint8_t byte : md5(text)) put_hex(writer, byte, kLowerHex);
  parts.set(Buffer::kJa3Hash, writer.take());
  return writer.used();
}

}  // namespace millrace::firewall::inspection::readers
