// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/packet_text.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::testing {
namespace {

using Span = std::span<const std::uint8_t>;

class Dissector {
 public:
  explicit Dissector(Span frame) : left_(frame) {}

  std::vector<std::string> run() && {
    ethernet();
    return std::move(lines_);
  }
  std::vector<std::string> run_ip() && {
    ip_of_any_version();
    return std::move(lines_);
  }

 private:
  [[nodiscard]] unsigned u8(std::size_t at) const { return left_[at]; }
  [[nodiscard]] unsigned u16(std::size_t at) const { return u8(at) << 8 | u8(at + 1); }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return u16(at) << 16 | u16(at + 2); }
  [[nodiscard]] std::string address(std::size_t at, std::size_t length) const {
    if (length == 4) return fmt::format("{}.{}.{}.{}", u8(at), u8(at + 1), u8(at + 2), u8(at + 3));
    net::Ipv6Address value;
    std::copy_n(left_.begin() + static_cast<std::ptrdiff_t>(at), 16, value.bytes.begin());
    return value.to_string();
  }

  // False, and the rest shown in hex, when fewer bytes are left.
  bool need(std::size_t count, const char* what) {
    if (left_.size() >= count) return true;
    say("{} cut off after {} bytes", what, left_.size());
    rest("bytes");
    return false;
  }
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void eat(std::size_t count) { left_ = left_.subspan(std::min(count, left_.size())); }
  void rest(const char* name) {
    for (std::size_t at = 0; at < left_.size(); at += 16) {
      const Span row = left_.subspan(at, std::min<std::size_t>(16, left_.size() - at));
      say("{} {:4}: {:02x}", name, at, fmt::join(row, " "));
    }
    left_ = {};
  }

  void ethernet() {
    if (!need(14, "ethernet")) return;
    const auto mac = [&](std::size_t at) {
      return fmt::format("{:02x}", fmt::join(left_.subspan(at, 6), ":"));
    };
    say("ethernet.destination {}", mac(0));
    say("ethernet.source {}", mac(6));
    unsigned type = u16(12);
    eat(14);
    while (type == 0x8100 || type == 0x88a8) {
      if (!need(4, "vlan")) return;
      say("vlan {} tag {:#06x} priority {}", u16(0) & 0xfffU, type, u16(0) >> 13);
      type = u16(2);
      eat(4);
    }
    say("ethernet.type {:#06x}", type);
    if (type == 0x0806) return arp();
    if (type == 0x0800 || type == 0x86dd) return ip_of_any_version();
    rest("frame");
  }

  void arp() {
    if (!need(28, "arp")) return;
    say("arp.operation {} hardware {} protocol {:#06x}", u16(6), u16(0), u16(2));
    say("arp.sender {} {:02x}", address(14, 4), fmt::join(left_.subspan(8, 6), ":"));
    say("arp.target {} {:02x}", address(24, 4), fmt::join(left_.subspan(18, 6), ":"));
    eat(28);
    rest("padding");
  }

  void ip_of_any_version() {
    if (left_.empty()) return;
    (u8(0) >> 4) == 6 ? ipv6() : ipv4();
  }

  void ipv4() {
    if (!need(20, "ipv4")) return;
    const std::size_t header = std::max<std::size_t>((u8(0) & 0xfU) * 4, 20);
    say("ipv4.version {} header {} bytes", u8(0) >> 4, (u8(0) & 0xfU) * 4);
    say("ipv4.tos {:#04x}", u8(1));
    say("ipv4.total_length {}", u16(2));
    say("ipv4.id {}", u16(4));
    say("ipv4.fragment offset {}{}{}", (u16(6) & 0x1fffU) * 8, (u16(6) & 0x4000U) != 0 ? " DF" : "",
        (u16(6) & 0x2000U) != 0 ? " MF" : "");
    say("ipv4.ttl {}", u8(8));
    say("ipv4.protocol {}", u8(9));
    if (left_.size() >= header)
      say("ipv4.checksum {:#06x} {}", u16(10), plain_checksum(left_.first(header)) == 0 ? "right" : "wrong");
    say("ipv4.source {}", address(12, 4));
    say("ipv4.destination {}", address(16, 4));
    pseudo_.assign(left_.begin() + 12, left_.begin() + 20);
    const unsigned total = u16(2);
    const unsigned protocol = u8(9);
    const unsigned offset = u16(6) & 0x1fffU;
    const Span after = left_.subspan(std::min<std::size_t>(total, left_.size()));
    left_ = left_.first(std::min<std::size_t>(total, left_.size()));
    if (header > 20 && left_.size() >= header)
      say("ipv4.options {:02x}", fmt::join(left_.subspan(20, header - 20), " "));
    eat(header);
    transport(offset != 0 ? 255 : protocol);
    left_ = after;
    rest("padding");
  }

  void ipv6() {
    if (!need(40, "ipv6")) return;
    say("ipv6.traffic_class {:#04x} flow {:#x}", u32(0) >> 20 & 0xffU, u32(0) & 0xfffffU);
    say("ipv6.payload_length {}", u16(4));
    say("ipv6.next_header {}", u8(6));
    say("ipv6.hop_limit {}", u8(7));
    say("ipv6.source {}", address(8, 16));
    say("ipv6.destination {}", address(24, 16));
    pseudo_.assign(left_.begin() + 8, left_.begin() + 40);
    const std::size_t total = 40 + std::size_t{u16(4)};
    unsigned next = u8(6);
    const Span after = left_.subspan(std::min(total, left_.size()));
    left_ = left_.first(std::min(total, left_.size()));
    eat(40);
    while (next == 0 || next == 43 || next == 44 || next == 51 || next == 60) {
      if (!need(8, "ipv6 extension")) break;
      const std::size_t length = next == 44 ? 8 : next == 51 ? (u8(1) + 2U) * 4 : (u8(1) + 1U) * 8;
      const bool later = next == 44 && (u16(2) & 0xfff8U) != 0;
      say("ipv6.extension {} next {}: {:02x}", next, u8(0),
          fmt::join(left_.subspan(1, std::min(length, left_.size()) - 1), " "));
      next = later ? 255 : u8(0);
      eat(length);
    }
    transport(next);
    left_ = after;
    rest("padding");
  }

  [[nodiscard]] const char* verdict(unsigned protocol) const {
    Frame summed = protocol == 1 ? Frame{} : pseudo_;
    const auto size = left_.size();
    if (protocol != 1) {
      for (const std::size_t byte : {size >> 24, size >> 16, size >> 8, size, std::size_t{0}, std::size_t{0},
                                     std::size_t{0}, std::size_t{protocol}})
        summed.push_back(static_cast<std::uint8_t>(byte));
    }
    summed.insert(summed.end(), left_.begin(), left_.end());
    return plain_checksum(summed) == 0 ? "right" : "wrong";
  }

  void transport(unsigned protocol) {
    switch (protocol) {
      case 6:
        return tcp();
      case 17:
        if (!need(8, "udp")) return;
        say("udp.ports {} > {}", u16(0), u16(2));
        say("udp.length {}", u16(4));
        say("udp.checksum {:#06x} {}", u16(6), verdict(17));
        eat(8);
        break;
      case 132:
        if (!need(12, "sctp")) return;
        say("sctp.ports {} > {}", u16(0), u16(2));
        say("sctp.tag {:#x} checksum {:#x}", u32(4), u32(8));
        eat(12);
        break;
      case 1:
      case 58:
        return icmp(protocol);
      default:
        break;
    }
    rest("payload");
  }

  void tcp() {
    if (!need(20, "tcp")) return;
    const std::size_t header = std::max<std::size_t>((u8(12) >> 4) * 4, 20);
    std::string flags;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((u8(13) >> bit & 1U) != 0) flags += "FSRPAUEC"[bit];
    }
    say("tcp.ports {} > {}", u16(0), u16(2));
    say("tcp.sequence {}", u32(4));
    say("tcp.acknowledgment {}", u32(8));
    say("tcp.header {} bytes", (u8(12) >> 4) * 4);
    say("tcp.flags {}", flags);
    say("tcp.window {}", u16(14));
    say("tcp.checksum {:#06x} {}", u16(16), verdict(6));
    if (header > 20 && left_.size() >= header)
      say("tcp.options {:02x}", fmt::join(left_.subspan(20, header - 20), " "));
    eat(header);
    rest("payload");
  }

  void icmp(unsigned protocol) {
    if (!need(8, "icmp")) return;
    const unsigned type = u8(0);
    say("icmp.type {} code {}", type, u8(1));
    say("icmp.checksum {:#06x} {}", u16(2), verdict(protocol));
    say("icmp.word {:#010x}", u32(4));
    eat(8);
    const bool error = protocol == 1 ? (type >= 3 && type <= 5) || type == 11 || type == 12 : type < 128;
    if (!error) return rest("payload");
    for (const std::string& line : Dissector(left_).run_ip()) lines_.push_back("  inside: " + line);
  }

  Span left_;
  Frame pseudo_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> dissect(Span frame) { return Dissector(frame).run(); }

// Lines are matched by their place among those of the same name, which is enough for packets meant to be
// equal.
std::string difference(Span expected, Span actual) {
  const std::vector<std::string> left = dissect(expected);
  const std::vector<std::string> right = dissect(actual);
  std::string text;
  std::size_t l = 0;
  std::size_t r = 0;
  while (l < left.size() || r < right.size()) {
    if (l < left.size() && r < right.size() && left[l] == right[r]) {
      text += "    " + left[l] + "\n";
      ++l, ++r;
      continue;
    }
    if (l < left.size()) text += "  - " + left[l++] + "\n";
    if (r < right.size()) text += "  + " + right[r++] + "\n";
  }
  return text;
}

::testing::AssertionResult same_packet(const Frame& expected, const Frame& actual) {
  if (expected == actual) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "packets differ (- expected, + actual):\n"
                                       << difference(expected, actual);
}

::testing::AssertionResult same_packets(std::vector<Frame> expected, std::vector<Frame> actual,
                                        bool in_order) {
  if (!in_order) {
    std::sort(expected.begin(), expected.end());
    std::sort(actual.begin(), actual.end());
  }
  if (expected == actual) return ::testing::AssertionSuccess();
  auto result = ::testing::AssertionFailure();
  result << expected.size() << " packets expected, " << actual.size() << " came\n";
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    const Frame& left = i < expected.size() ? expected[i] : Frame{};
    const Frame& right = i < actual.size() ? actual[i] : Frame{};
    if (left != right) result << "packet " << i << " (- expected, + actual):\n" << difference(left, right);
  }
  return result;
}

}  // namespace millrace::testing
