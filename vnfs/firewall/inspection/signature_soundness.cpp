// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_soundness.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint8_t kTcpNumber = 6;
constexpr std::uint8_t kUdpNumber = 17;
constexpr std::uint8_t kIcmpNumber = 1;
constexpr std::uint8_t kIcmpV6Number = 58;

bool is_less(const std::optional<Number>& number, std::size_t length) noexcept {
  return number && number->variable < 0 && number->value < static_cast<std::int64_t>(length);
}

// Hexadecimal digits are written in either case, but lie in one.
bool is_hexadecimal(Buffer buffer) noexcept {
  return buffer == Buffer::kJa3Hash || buffer == Buffer::kTlsSerial || buffer == Buffer::kTlsFingerprint;
}

Result<void> check_content(Buffer buffer, Content& content) {
  if (is_less(content.depth, content.bytes.size()) || is_less(content.within, content.bytes.size()))
    return failure("content", "its depth or within is less than its length; make it at least as long");
  if (content.relative() && (content.offset || content.depth))
    return failure("content", "offset and depth do not go with distance and within; give one or the other");
  if (content.only_first && (content.negated || content.relative() || content.offset || content.depth))
    return failure("fast_pattern", "only does not go with a place or a negated content; leave it out");
  if (is_hexadecimal(buffer)) content.caseless = true;
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (buffer == Buffer::kHttpHost && !content.caseless && std::ranges::any_of(content.bytes, is_upper))
    return failure("content", "http.host is in lower case; write it so, or add nocase");
  return {};
}

Result<void> check_contents(Signature& signature) {
  unsigned preferred = 0;
  for (BufferTests& in : signature.buffers) {
    for (Test& test : in.tests) {
      auto* content = std::get_if<Content>(&test);
      if (content == nullptr) continue;
      preferred += content->fast_pattern ? 1 : 0;
      if (auto checked = check_content(in.buffer, *content); !checked) return checked;
    }
  }
  if (preferred > 1) return failure("fast_pattern", "one content of a signature has it");
  return {};
}

Result<void> check_buffers(Signature& signature) {
  for (const BufferTests& in : signature.buffers) {
    const BufferFacts& facts = facts_of(in.buffer);
    if (auto claimed = claim_speech(facts.speech, facts.name, signature); !claimed) return claimed;
    const Side from = signature.flow.from;
    if (facts.side != Side::kBoth && from != Side::kBoth && facts.side != from)
      return failure(std::string(facts.name),
                     fmt::format("the {} sends it; give flow:{}, or none",
                                 facts.side == Side::kClient ? "client" : "server",
                                 facts.side == Side::kClient ? "to_server" : "to_client"));
  }
  return {};
}

// DNS is spoken over both, and so is TLS, in QUIC.
bool may_carry(std::uint8_t protocol, Speech speech) noexcept {
  if (protocol == kUdpNumber)
    return speech == Speech::kDns || speech == Speech::kTls || speech == Speech::kQuic;
  return protocol == kTcpNumber && speech != Speech::kQuic;
}

Result<void> check_protocol(Signature& signature) {
  auto& protocol = signature.protocol;
  if (signature.tcp_flags) {
    if (protocol.value_or(kTcpNumber) != kTcpNumber) return failure("flags", "only TCP has them; give tcp");
    protocol = kTcpNumber;
  }
  if (signature.icmp_type || signature.icmp_code) {
    const std::uint8_t wanted = protocol.value_or(kIcmpNumber);
    if (wanted != kIcmpNumber && wanted != kIcmpV6Number)
      return failure(signature.icmp_type ? "itype" : "icode", "only ICMP has it; give icmp");
    protocol = wanted;
  }
  if (signature.speech != Speech::kUnknown && protocol && !may_carry(*protocol, signature.speech))
    return failure("", "the header's protocol does not carry what its keywords are about; give tcp or ip");
  return {};
}

Result<void> check_flow(const Signature& signature) {
  const FlowSpec& flow = signature.flow;
  if (flow.only_stream && flow.no_stream) return failure("flow", "give only_stream, or packets alone");
  if (flow.only_stream && signature.payload_length)
    return failure("dsize", "it is about packets, and only_stream is not; give one of them");
  if (signature.threshold && signature.detection_filter)
    return failure("threshold", "it does not go with detection_filter; give one of them");
  return {};
}

}  // namespace

Result<void> claim_speech(Speech speech, std::string_view keyword, Signature& signature) {
  if (is_spoken(speech, signature.speech)) return {};
  if (signature.speech != Speech::kUnknown)
    return failure(std::string(keyword), "the signature is about another protocol");
  signature.speech = speech;
  return {};
}

Result<void> make_sound(Signature& signature) {
  for (const auto check : {check_contents, check_buffers, check_protocol}) {
    if (auto checked = check(signature); !checked) return checked;
  }
  return check_flow(signature);
}

}  // namespace millrace::firewall::inspection
