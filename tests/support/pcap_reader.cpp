// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/pcap_reader.h"

#include <fstream>
#include <iterator>
#include <span>

namespace millrace::testing {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kModified =
    0xa1b2cd34;  // of Kuznetzov's libpcap: 8 more bytes in each packet's header
constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;

// Numbers of the byte order that the file says. Reading past the end gives nothing.
class Cursor {
 public:
  explicit Cursor(Bytes bytes, bool big_endian = false) : rest_(bytes), big_endian_(big_endian) {}

  void set_big_endian(bool big_endian) { big_endian_ = big_endian; }
  [[nodiscard]] bool big_endian() const { return big_endian_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  [[nodiscard]] std::optional<std::uint32_t> peek32() const {
    if (rest_.size() < 4) return std::nullopt;
    return number(rest_.first(4));
  }
  std::optional<std::uint32_t> u32() {
    const auto bytes = take(4);
    if (!bytes) return std::nullopt;
    return number(*bytes);
  }
  std::optional<std::uint32_t> u16() {
    const auto bytes = take(2);
    if (!bytes) return std::nullopt;
    return number(*bytes);
  }
  std::optional<Bytes> take(std::size_t count) {
    if (count > rest_.size()) return std::nullopt;
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

 private:
  [[nodiscard]] std::uint32_t number(Bytes bytes) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value = value << 8U | bytes[big_endian_ ? i : bytes.size() - 1 - i];
    return value;
  }

  Bytes rest_;
  bool big_endian_;
};

void add(std::vector<CapturedPacket>& to, std::uint32_t link_type, Bytes bytes) {
  to.push_back({link_type, {bytes.begin(), bytes.end()}});
}

std::vector<CapturedPacket> read_pcap(Cursor file, bool modified) {
  std::vector<CapturedPacket> packets;
  if (!file.take(20)) return packets;  // magic, version, zone, accuracy, longest
  const auto link = file.u32();
  if (!link) return packets;
  while (file.take(8)) {  // time
    const auto captured = file.u32();
    if (!captured || !file.u32()) break;  // length on the wire
    if (modified && !file.take(8)) break;
    const auto bytes = file.take(*captured);
    if (!bytes) break;
    add(packets, *link & 0xffffU, *bytes);
  }
  return packets;
}

// One section's interfaces and packets, block by block.
class PcapngReader {
 public:
  std::vector<CapturedPacket> read(Cursor file) {
    while (block(file)) {
    }
    return std::move(packets_);
  }

 private:
  struct Interface {
    std::uint32_t link_type;
    std::uint32_t longest;
  };

  bool block(Cursor& file) {
    constexpr std::uint32_t kAround = 12;  // type and both lengths
    const auto type = file.u32();
    if (!type) return false;
    if (*type == kSection) {
      Cursor look = file;
      if (!look.take(4)) return false;
      look.set_big_endian(false);
      const auto order = look.u32();
      if (!order) return false;
      file.set_big_endian(*order != kByteOrder);
      interfaces_.clear();
    }
    const auto length = file.u32();
    if (!length || *length < kAround || *length % 4 != 0) return false;
    const auto body = file.take(*length - kAround);
    if (!body || !file.take(4)) return false;
    content(*type, Cursor(*body, file.big_endian()));
    return true;
  }

  void content(std::uint32_t type, Cursor body) {
    constexpr std::uint32_t kInterface = 1, kOldPacket = 2, kSimple = 3, kEnhanced = 6;
    if (type == kInterface) {
      const auto link = body.u16();
      if (link && body.u16()) interfaces_.push_back({*link, body.u32().value_or(0)});
    } else if (type == kSimple && !interfaces_.empty()) {
      const std::uint32_t wire = body.u32().value_or(0);
      const std::uint32_t longest = interfaces_[0].longest;
      const std::uint32_t captured = longest != 0 && longest < wire ? longest : wire;
      packet(0, captured, body);
    } else if (type == kOldPacket || type == kEnhanced) {
      const auto interface = type == kEnhanced ? body.u32() : body.u16();
      if (!interface || (type == kOldPacket && !body.u16()) || !body.take(8)) return;
      const auto captured = body.u32();
      if (captured && body.u32()) packet(*interface, *captured, body);
    }
  }

  void packet(std::uint32_t interface, std::uint32_t captured, Cursor& body) {
    if (interface >= interfaces_.size()) return;
    if (const auto bytes = body.take(captured)) add(packets_, interfaces_[interface].link_type, *bytes);
  }

  std::vector<Interface> interfaces_;
  std::vector<CapturedPacket> packets_;
};

}  // namespace

std::optional<std::vector<CapturedPacket>> read_capture(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> content(std::istreambuf_iterator<char>(stream), {});
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  for (const bool big_endian : {false, true}) {
    const Cursor cursor(bytes, big_endian);
    const std::uint32_t magic = cursor.peek32().value_or(0);
    if (magic == kMicroseconds || magic == kNanoseconds || magic == kModified)
      return read_pcap(cursor, magic == kModified);
    if (magic == kSection) return PcapngReader().read(cursor);
  }
  return std::nullopt;
}

}  // namespace millrace::testing
