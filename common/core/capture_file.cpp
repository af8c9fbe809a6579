// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/capture_file.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <string_view>

#include <rte_cycles.h>

namespace millrace::core {
namespace {

// Block types, option codes and values of draft-ietf-opsawg-pcapng sections 3.5, 4.1, 4.2 and 4.3.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kSectionApplication = 4;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kInbound = 1;
constexpr std::uint32_t kOutbound = 2;
constexpr std::uint16_t kEthernet = 1;
constexpr std::uint8_t kNanoseconds = 9;  // 10^-9 s

// One block after the other, in this machine's byte order, which the section header tells the reader.
class Blocks {
 public:
  void begin(std::uint32_t type) {
    block_ = file_.size();
    add(type);
    add(std::uint32_t{0});  // the length, known at the end
  }
  template <class T>
  void add(T value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    file_.insert(file_.end(), bytes, bytes + sizeof value);
  }
  void add_padded(Bytes bytes) {
    file_.insert(file_.end(), bytes.begin(), bytes.end());
    file_.resize((file_.size() + 3) / 4 * 4);
  }
  void option(std::uint16_t code, Bytes value) {
    add(code);
    add(static_cast<std::uint16_t>(value.size()));
    add_padded(value);
  }
  void option(std::uint16_t code, std::string_view value) {
    option(code, Bytes(reinterpret_cast<const std::uint8_t*>(value.data()), value.size()));
  }
  void end() {
    add(std::uint32_t{0});  // opt_endofopt
    const auto length = static_cast<std::uint32_t>(file_.size() - block_ + sizeof(std::uint32_t));
    add(length);
    std::memcpy(file_.data() + block_ + sizeof(std::uint32_t), &length, sizeof length);
  }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(file_); }

 private:
  std::vector<std::uint8_t> file_;
  std::size_t block_ = 0;
};

void add_section(Blocks& blocks) {
  blocks.begin(kSectionHeader);
  blocks.add(kByteOrderMagic);
  blocks.add(std::uint16_t{1});  // version 1.0
  blocks.add(std::uint16_t{0});
  blocks.add(std::uint64_t{0xffffffffffffffff});  // length of the section: not told
  blocks.option(kSectionApplication, "millrace");
  blocks.end();
}

void add_interface(Blocks& blocks, const CapturePort& port, std::uint32_t snap_length) {
  blocks.begin(kInterfaceDescription);
  blocks.add(kEthernet);
  blocks.add(std::uint16_t{0});
  blocks.add(snap_length);
  blocks.option(kInterfaceName, port.name);
  blocks.option(kInterfaceResolution, Bytes(&kNanoseconds, 1));
  blocks.end();
}

std::string_view reason_name(std::uint8_t reason, std::span<const DropReason> reasons) {
  for (const auto list : {core_drop_reasons(), reasons}) {
    for (const DropReason& known : list) {
      if (known.id == reason) return known.name;
    }
  }
  return "unknown";
}

// Those dropped have no direction.
void add_packet(Blocks& blocks, const CapturedPacket& packet, Bytes bytes, std::uint32_t interface,
                std::string_view comment, const CaptureClock& clock) {
  using Point = CapturedPacket::Point;
  const std::uint64_t time = clock.unix_time_ns(packet.tsc);
  blocks.begin(kEnhancedPacket);
  blocks.add(interface);
  blocks.add(static_cast<std::uint32_t>(time >> 32));
  blocks.add(static_cast<std::uint32_t>(time));
  blocks.add(packet.kept);
  blocks.add(packet.length);
  blocks.add_padded(bytes);
  if (!comment.empty()) blocks.option(kComment, comment);
  if (packet.point != Point::kDropped) {
    const std::uint32_t flags = packet.point == Point::kReceived ? kInbound : kOutbound;
    blocks.option(kPacketFlags, Bytes(reinterpret_cast<const std::uint8_t*>(&flags), sizeof flags));
  }
  blocks.end();
}

}  // namespace

CaptureClock CaptureClock::now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {.tsc = rte_rdtsc(),
          .unix_ns =
              static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()),
          .tsc_hz = rte_get_tsc_hz()};
}

std::uint64_t CaptureClock::unix_time_ns(std::uint64_t tsc_then) const noexcept {
  const auto cycles = static_cast<std::int64_t>(tsc_then - tsc);  // may lie before
  const auto ns = static_cast<__int128>(cycles) * 1'000'000'000 / static_cast<__int128>(tsc_hz);
  return unix_ns + static_cast<std::uint64_t>(ns);
}

std::vector<std::uint8_t> capture_file(const CaptureJob& job, std::span<const CapturePort> ports,
                                       std::span<const DropReason> reasons, const CaptureClock& clock) {
  Blocks blocks;
  add_section(blocks);
  for (const CapturePort& port : ports) add_interface(blocks, port, job.snap_length());

  const auto packets = job.packets();
  std::vector<std::size_t> order(packets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return packets[a].tsc < packets[b].tsc; });
  for (const std::size_t at : order) {
    const auto port = std::find_if(ports.begin(), ports.end(),
                                   [&](const CapturePort& known) { return known.port == packets[at].port; });
    if (port == ports.end()) continue;
    const std::string comment = packets[at].point == CapturedPacket::Point::kDropped
                                    ? "dropped: " + std::string(reason_name(packets[at].drop_reason, reasons))
                                    : std::string();
    add_packet(blocks, packets[at], job.bytes(at), static_cast<std::uint32_t>(port - ports.begin()), comment,
               clock);
  }
  return blocks.take();
}

std::vector<std::uint8_t> capture_section(const CapturedPacket& packet, Bytes bytes, const CapturePort& port,
                                          std::string_view comment, const CaptureClock& clock) {
  Blocks blocks;
  add_section(blocks);
  add_interface(blocks, port, CaptureJob::kWholePackets);
  add_packet(blocks, packet, bytes, 0, comment, clock);
  return blocks.take();
}

}  // namespace millrace::core
