// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/header_checks.h"

#include <algorithm>

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpV6 = 58;

bool lies_in(const std::optional<Range>& range, std::uint32_t value) noexcept {
  return !range || (value >= range->least && value <= range->most);
}

bool protocol_holds(const std::optional<std::uint8_t>& wanted, std::uint8_t protocol) noexcept {
  return !wanted || *wanted == protocol || (*wanted == kIcmp && protocol == kIcmpV6);
}

bool flags_hold(const TcpFlagSpec& wanted, std::uint8_t flags) noexcept {
  const auto there = static_cast<std::uint8_t>(flags & ~wanted.ignore);
  switch (wanted.how) {
    case TcpFlagSpec::How::kExactly:
      return there == (wanted.flags & ~wanted.ignore);
    case TcpFlagSpec::How::kAll:
      return (there & wanted.flags) == wanted.flags;
    case TcpFlagSpec::How::kAny:
      return (there & wanted.flags) != 0;
    case TcpFlagSpec::How::kNone:
      break;
  }
  return (there & wanted.flags) == 0;
}

bool length_holds(const CompiledSignature& signature, std::uint32_t length) noexcept {
  if (!signature.payload_length) return true;
  return lies_in(signature.payload_length, length) != signature.payload_length_negated;
}

}  // namespace

bool packet_holds(const CompiledSignature& signature, const Subject& subject) noexcept {
  if (!protocol_holds(signature.protocol, subject.protocol)) return false;
  if (!is_spoken(signature.speech, subject.speech)) return false;
  if (signature.from != Side::kBoth && signature.from != subject.side) return false;
  if (signature.established && !subject.established) return false;
  if (signature.not_established && subject.established) return false;
  if (!signature.looks_at_packet) return true;
  return length_holds(signature, subject.payload_length) &&
         (!signature.tcp_flags || flags_hold(*signature.tcp_flags, subject.tcp_flags)) &&
         lies_in(signature.icmp_type, subject.icmp_type) && lies_in(signature.icmp_code, subject.icmp_code) &&
         lies_in(signature.ttl, subject.ttl);
}

bool port_holds(const PortSpec& spec, std::uint16_t port) noexcept {
  if (spec.empty()) return true;
  return std::ranges::any_of(
      spec, [port](const Ports& ports) noexcept { return port >= ports.first && port <= ports.last; });
}

bool flow_bits_hold(const CompiledSignature& signature, const FlowBits& bits) noexcept {
  return std::ranges::all_of(signature.flow_bits, [&](const CompiledSignature::FlowBitUse& use) noexcept {
    const auto is_set = [&](std::uint16_t bit) noexcept { return bits.is_set(bit); };
    if (use.what == FlowBit::Do::kIsSet) return std::ranges::any_of(use.bits, is_set);
    if (use.what == FlowBit::Do::kIsNotSet) return !std::ranges::all_of(use.bits, is_set);
    return true;
  });
}

void change_flow_bits(const CompiledSignature& signature, FlowBits& bits) noexcept {
  for (const auto& use : signature.flow_bits) {
    for (const std::uint16_t bit : use.bits) {
      if (use.what == FlowBit::Do::kSet) bits.set(bit);
      if (use.what == FlowBit::Do::kUnset) bits.unset(bit);
      if (use.what == FlowBit::Do::kToggle) bits.toggle(bit);
    }
  }
}

}  // namespace millrace::firewall::inspection
