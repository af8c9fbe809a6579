// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/compile_checks.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/byte_search.h"
#include "vnfs/firewall/inspection/match_state.h"

namespace millrace::firewall::inspection {
namespace {

constexpr const char* kCompileSignature = "compile a signature";

Result<Check> check_of(const Test& test) {
  if (const auto* pcre = std::get_if<Pcre>(&test)) {
    auto regex = Regex::compile(*pcre);
    if (!regex) return tl::unexpected(std::move(regex.error()));
    return RegexCheck{std::move(*regex), pcre->negated, pcre->relative};
  }
  if (const auto* written = std::get_if<Content>(&test)) {
    if (written->bytes.empty()) return failure(kCompileSignature, "a content is empty");
    Content content = *written;
    if (content.caseless) {
      for (char& c : content.bytes) c = static_cast<char>(folded(static_cast<std::uint8_t>(c)));
    }
    return content;
  }
  return std::visit(
      [](const auto& same) -> Result<Check> {
        if constexpr (std::is_constructible_v<Check, decltype(same)>) return same;
        return failure(kCompileSignature, "a test is of no known kind");
      },
      test);
}

bool is_known(const Number& number) { return number.variable < kMostVariables; }
bool is_known(const std::optional<Number>& number) { return !number || is_known(*number); }
bool can_be_read(const Numeral& numeral) {
  const bool fits = numeral.base == 0 ? numeral.bytes >= 1 && numeral.bytes <= 8
                                      : numeral.bytes <= kMostDigits &&
                                            (numeral.base == 8 || numeral.base == 10 || numeral.base == 16);
  return fits && is_known(numeral.offset);
}

struct IsSound {
  bool operator()(const Content& c) const {
    return is_known(c.offset) && is_known(c.depth) && is_known(c.distance) && is_known(c.within);
  }
  bool operator()(const RegexCheck& /*check*/) const { return true; }
  bool operator()(const IsDataAt& test) const { return is_known(test.at); }
  bool operator()(const ByteTest& test) const { return can_be_read(test.numeral) && is_known(test.value); }
  bool operator()(const ByteJump& jump) const { return can_be_read(jump.numeral); }
  bool operator()(const ByteExtract& extract) const {
    return can_be_read(extract.numeral) && extract.variable >= 0 && extract.variable < kMostVariables;
  }
  bool operator()(const Length& /*length*/) const { return true; }
};

bool refers(const Number& number) { return number.variable >= 0; }
bool refers(const std::optional<Number>& number) { return number && refers(*number); }

struct RefersToVariable {
  bool operator()(const Content& c) const {
    return refers(c.offset) || refers(c.depth) || refers(c.distance) || refers(c.within);
  }
  bool operator()(const IsDataAt& test) const { return refers(test.at); }
  bool operator()(const ByteTest& test) const { return refers(test.numeral.offset) || refers(test.value); }
  bool operator()(const ByteJump& jump) const { return refers(jump.numeral.offset); }
  bool operator()(const ByteExtract& extract) const { return refers(extract.numeral.offset); }
  template <class Other>
  bool operator()(const Other& /*test*/) const {
    return false;
  }
};

// Whether what one test finds changes what another looks for. Variables of other buffers do not change
// while this one is evaluated.
bool uses_own_variables(const BufferTests& in) {
  const auto extracts = [](const Test& test) { return std::holds_alternative<ByteExtract>(test); };
  return std::ranges::any_of(in.tests, extracts) &&
         std::ranges::any_of(in.tests, [](const Test& test) { return std::visit(RefersToVariable{}, test); });
}

Result<BufferChecks> checks_of(const BufferTests& in) {
  if (in.tests.size() > BufferChecks::kMost)
    return failure(kCompileSignature,
                   fmt::format("it has more than {} tests in one buffer", BufferChecks::kMost));
  BufferChecks made{.buffer = in.buffer, .checks = {}, .uses_variables = uses_own_variables(in)};
  for (const Test& test : in.tests) {
    auto check = check_of(test);
    if (!check) return tl::unexpected(std::move(check.error()));
    if (!std::visit(IsSound{}, *check))
      return failure(kCompileSignature, "a test has a number that can not be");
    made.checks.push_back(std::move(*check));
  }
  return made;
}

Result<CompiledSignature::FlowBitUse> use_of(const FlowBit& bit, FlowBitNames& names) {
  CompiledSignature::FlowBitUse use{.what = bit.what, .bits = {}};
  for (const std::string& name : bit.names) {
    const auto number = names.number(name);
    if (!number)
      return failure(kCompileSignature, fmt::format("there are more than {} flow bits", FlowBits::kMost));
    use.bits.push_back(*number);
  }
  return use;
}

}  // namespace

Result<CompiledSignature> compile_checks(const Signature& signature, FlowBitNames& names) {
  CompiledSignature made;
  made.response = signature.response;
  made.protocol = signature.protocol;
  made.speech = signature.speech;
  made.from = signature.flow.from;
  made.established = signature.flow.established;
  made.not_established = signature.flow.not_established;
  made.both_ways = signature.both_ways;
  made.source_ports = signature.source_ports;
  made.destination_ports = signature.destination_ports;
  made.payload_length_negated = signature.payload_length_negated;
  made.payload_length = signature.payload_length;
  made.tcp_flags = signature.tcp_flags;
  made.icmp_type = signature.icmp_type;
  made.icmp_code = signature.icmp_code;
  made.ttl = signature.ttl;
  made.looks_at_packet =
      made.payload_length || made.tcp_flags || made.icmp_type || made.icmp_code || made.ttl;
  made.threshold = signature.threshold;
  made.detection_filter = signature.detection_filter;
  made.silent = signature.silent;
  made.key = signature.id ^ (signature.group - 1) * 0x9e3779b1U;

  if (signature.buffers.size() > Waiting::kMostBuffers)
    return failure(kCompileSignature, fmt::format("it looks at more than {} buffers", Waiting::kMostBuffers));
  for (const BufferTests& in : signature.buffers) {
    auto checks = checks_of(in);
    if (!checks) return tl::unexpected(std::move(checks.error()));
    made.needs |= bit(in.buffer);
    made.buffers.push_back(std::move(*checks));
  }
  for (const FlowBit& flow_bit : signature.flow_bits) {
    auto use = use_of(flow_bit, names);
    if (!use) return tl::unexpected(std::move(use.error()));
    made.flow_bits.push_back(std::move(*use));
  }
  return made;
}

}  // namespace millrace::firewall::inspection
