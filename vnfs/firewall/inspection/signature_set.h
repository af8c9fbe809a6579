// SPDX-License-Identifier: BSD-3-Clause
// Signatures made ready to be looked for all at once. Immutable, and shared by all workers; made by
// compile_signatures() off the data path.
//
// Each signature with a content is found by one of them, its fast pattern: those of all signatures that look
// at the same buffer are one Hyperscan database. Whom a scan finds is then evaluated in full.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/acceleration/dpi/scanner.h"
#include "vnfs/firewall/inspection/address_sets.h"
#include "vnfs/firewall/inspection/checks.h"
#include "vnfs/firewall/inspection/header_index.h"
#include "vnfs/firewall/inspection/subject.h"

namespace millrace::firewall::inspection {

struct CompiledSignature {
  struct FlowBitUse {
    FlowBit::Do what = FlowBit::Do::kSet;
    std::vector<std::uint16_t> bits;
  };

  // Header; numbers of the set's address sets, 0 for any.
  Response response = Response::kAlert;
  std::optional<std::uint8_t> protocol;
  Speech speech = Speech::kUnknown;
  Side from = Side::kBoth;
  bool established = false;
  bool not_established = false;
  bool both_ways = false;
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  PortSpec source_ports;
  PortSpec destination_ports;

  // Packet.
  bool looks_at_packet = false;  // at any of these
  bool payload_length_negated = false;
  std::optional<Range> payload_length;
  std::optional<TcpFlagSpec> tcp_flags;
  std::optional<Range> icmp_type;
  std::optional<Range> icmp_code;
  std::optional<Range> ttl;

  std::vector<FlowBitUse> flow_bits;
  std::vector<BufferChecks> buffers;
  Buffers needs = 0;  // all of `buffers`
  std::optional<Threshold> threshold;
  std::optional<Threshold> detection_filter;
  bool silent = false;
  std::uint32_t key = 0;  // of group and id: the same in every set
};

// The signatures that one buffer can show to be candidates.
struct Prefilter {
  // A signature, and where its fast pattern may end, in bytes from the buffer's beginning.
  struct Use {
    std::uint32_t signature = 0;
    std::uint32_t least_end = 0;
    std::uint32_t most_end = 0xffffffff;
  };

  std::shared_ptr<const dpi::Database> database;  // null: no fast patterns
  std::uint32_t longest = 0;                      // of them, in bytes
  std::vector<std::uint32_t> first;               // by pattern, of its uses; and one more
  std::vector<Use> uses;
  std::vector<std::uint32_t> always;  // candidates whatever the buffer holds

  [[nodiscard]] std::span<const Use> uses_of(std::uint32_t pattern) const noexcept {
    return std::span(uses).subspan(first[pattern], first[pattern + 1] - first[pattern]);
  }
  [[nodiscard]] bool empty() const noexcept { return database == nullptr && always.empty(); }
};

class SignatureSet {
 public:
  // What kPayload is.
  enum class Carrier : std::uint8_t { kTcpStream, kTcpSegment, kUdp, kOther };
  static constexpr std::size_t kCarriers = 4;
  static constexpr std::size_t kPrefilters = 2 * (kCarriers + kBuffers - 1);

  [[nodiscard]] static constexpr Carrier carrier_of(std::uint8_t protocol, bool by_segment) noexcept {
    if (protocol == 6) return by_segment ? Carrier::kTcpSegment : Carrier::kTcpStream;
    return protocol == 17 ? Carrier::kUdp : Carrier::kOther;
  }
  // `side` is not kBoth. The carrier counts for kPayload alone.
  [[nodiscard]] static constexpr std::size_t place_of(Buffer buffer, Side side, Carrier carrier) noexcept {
    const std::size_t row = buffer == Buffer::kPayload ? static_cast<std::size_t>(carrier)
                                                       : kCarriers + static_cast<std::size_t>(buffer) - 1;
    return 2 * row + (side == Side::kServer ? 1 : 0);
  }

  // By number, in the order in which they are judged: pass, drop, reject, alert, then by priority.
  [[nodiscard]] std::span<const CompiledSignature> signatures() const noexcept { return signatures_; }
  // What people want to know of it; its `buffers` are not kept.
  [[nodiscard]] const Signature& about(std::uint32_t number) const noexcept { return about_[number]; }
  [[nodiscard]] const Prefilter& prefilter(std::size_t place) const noexcept { return prefilters_[place]; }
  // Whether signatures look at TCP segments each by itself.
  [[nodiscard]] bool looks_at_segments(Side side) const noexcept {
    return !of_packets_->empty() ||
           !prefilters_[place_of(Buffer::kPayload, side, Carrier::kTcpSegment)].empty();
  }
  [[nodiscard]] const AddressSets& addresses() const noexcept { return *addresses_; }
  // Signatures that look at no buffer: at the session's header alone, or at each packet.
  [[nodiscard]] const HeaderIndex& of_sessions() const noexcept { return *of_sessions_; }
  [[nodiscard]] const HeaderIndex& of_packets() const noexcept { return *of_packets_; }
  // Not 0, and different from that of any other set of this process.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  // To be cloned for each worker; none when there are no fast patterns. Not for scanning.
  [[nodiscard]] const std::optional<dpi::Scratch>& scratch() const noexcept { return scratch_; }

 private:
  friend class SetBuilder;
  SignatureSet() = default;

  std::vector<CompiledSignature> signatures_;
  std::vector<Signature> about_;
  std::array<Prefilter, kPrefilters> prefilters_;
  std::optional<AddressSets> addresses_;
  std::optional<HeaderIndex> of_sessions_;
  std::optional<HeaderIndex> of_packets_;
  std::optional<dpi::Scratch> scratch_;
  std::uint32_t generation_ = 0;
};

}  // namespace millrace::firewall::inspection
