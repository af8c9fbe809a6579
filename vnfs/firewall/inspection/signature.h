// SPDX-License-Identifier: BSD-3-Clause
// A rule of the Suricata and Snort text format, read and checked, with its variables resolved: what traffic
// it is about, what has to be found there, and what is done then. Plain values; nothing here is about speed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/net/address.h"
#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

enum class Response : std::uint8_t {
  kAlert,   // tell
  kDrop,    // tell, and end the session
  kReject,  // the same, and answer the sender
  kPass,    // tell nothing, and look no further
};

// An address matches when it is in one of `within` (or that is empty) and in none of `except`.
struct AddressSpec {
  std::vector<net::Prefix> within;
  std::vector<net::Prefix> except;

  bool operator==(const AddressSpec&) const = default;
};

struct Ports {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool operator==(const Ports&) const = default;
};
// Sorted, none touches the next. Empty: any.
using PortSpec = std::vector<Ports>;

// A number that is written, or one that a ByteExtract of the same rule has found.
struct Number {
  std::int64_t value = 0;
  std::int8_t variable = -1;

  bool operator==(const Number&) const = default;
};
inline constexpr int kMostVariables = 4;

// Bytes in a buffer. What a test finds is where the relative tests behind it begin.
struct Content {
  std::string bytes;
  bool negated = false;
  bool caseless = false;
  bool fast_pattern = false;       // the one to look for first
  bool only_first = false;         // fast_pattern:only - it need not be looked at again
  bool ends_buffer = false;        // endswith
  std::optional<Number> offset;    // from the buffer's beginning, where a match may begin
  std::optional<Number> depth;     // bytes from the beginning (and offset) in which it has to lie
  std::optional<Number> distance;  // the same two, from the end of what was found before
  std::optional<Number> within;

  [[nodiscard]] bool relative() const noexcept { return distance || within; }
  bool operator==(const Content&) const = default;
};

struct Pcre {
  std::string pattern;
  bool negated = false;
  bool relative = false;
  bool caseless = false;    // i
  bool multi_line = false;  // m
  bool dot_all = false;     // s
  bool extended = false;    // x
  bool anchored = false;    // A
  bool dollar_end = false;  // E
  bool ungreedy = false;    // G

  bool operator==(const Pcre&) const = default;
};

// Whether there are so many bytes: from the beginning, or from the end of what was found before.
struct IsDataAt {
  Number at;
  bool relative = false;
  bool negated = false;

  bool operator==(const IsDataAt&) const = default;
};

// How a number is read out of a buffer.
inline constexpr std::uint8_t kMostDigits = 23;
struct Numeral {
  std::uint8_t bytes = 0;  // 1 to 8 in binary; up to kMostDigits as text, 0: as many as there are
  bool little_endian = false;
  std::uint8_t base = 0;  // of text: 8, 10 or 16; 0: binary
  Number offset;
  bool relative = false;

  bool operator==(const Numeral&) const = default;
};

struct ByteTest {
  enum class Operator : std::uint8_t { kLess, kGreater, kEqual, kLessEqual, kGreaterEqual, kAnd, kXor };
  Numeral numeral;
  Operator operation = Operator::kEqual;
  bool negated = false;
  Number value;
  std::uint64_t mask =
      0;  // bitmask: the number is masked, and shifted until the mask's lowest bit is the first; 0: none

  bool operator==(const ByteTest&) const = default;
};

struct ByteJump {
  Numeral numeral;
  std::uint32_t multiplier = 1;
  std::int32_t post_offset = 0;
  bool from_beginning = false;
  bool from_end = false;
  bool align = false;  // to 4 bytes
  std::uint64_t mask = 0;

  bool operator==(const ByteJump&) const = default;
};

struct ByteExtract {
  Numeral numeral;
  std::int8_t variable = 0;
  std::uint32_t multiplier = 1;
  std::uint8_t align = 0;  // 0, 2 or 4
  std::uint64_t mask = 0;

  bool operator==(const ByteExtract&) const = default;
};

// The buffer's length (urilen, bsize).
struct Length {
  std::uint64_t least = 0;
  std::uint64_t most = 0;

  bool operator==(const Length&) const = default;
};

using Test = std::variant<Content, Pcre, IsDataAt, ByteTest, ByteJump, ByteExtract, Length>;

// In the order they are written; all of them have to hold. A buffer may occur more than once.
struct BufferTests {
  Buffer buffer = Buffer::kPayload;
  std::vector<Test> tests;

  bool operator==(const BufferTests&) const = default;
};

struct FlowSpec {
  Side from = Side::kBoth;  // to_server: kClient
  bool established = false;
  bool not_established = false;
  bool stateless = false;
  bool only_stream = false;  // not by segments
  bool no_stream = false;    // by segments alone

  bool operator==(const FlowSpec&) const = default;
};

struct FlowBit {
  enum class Do : std::uint8_t { kSet, kUnset, kToggle, kIsSet, kIsNotSet };
  Do what = Do::kSet;
  std::vector<std::string> names;  // more than one: any of them (is set, is not set)

  bool operator==(const FlowBit&) const = default;
};

struct Threshold {
  enum class Kind : std::uint8_t {
    kLimit,      // at most `count` in so many seconds
    kThreshold,  // every `count`th in so many seconds
    kBoth,       // once in so many seconds, when there were `count`
    kFilter,     // detection_filter: the rule matches only when more than `count` have
  };
  enum class Track : std::uint8_t { kSource, kDestination, kRule, kBoth };
  Kind kind = Kind::kLimit;
  Track track = Track::kSource;
  std::uint32_t count = 1;
  std::uint32_t seconds = 60;

  bool operator==(const Threshold&) const = default;
};

struct Range {  // both included
  std::uint32_t least = 0;
  std::uint32_t most = 0;

  bool operator==(const Range&) const = default;
};

struct TcpFlagSpec {
  enum class How : std::uint8_t { kExactly, kAll, kAny, kNone };  // no sign, +, *, !
  std::uint8_t flags = 0;                                         // as in the TCP header
  std::uint8_t ignore = 0;                                        // these do not matter
  How how = How::kExactly;

  bool operator==(const TcpFlagSpec&) const = default;
};

struct Signature {
  // Header.
  Response response = Response::kAlert;
  // IANA number; empty: any. ICMP stands for ICMPv6 as well.
  std::optional<std::uint8_t> protocol;
  Speech speech = Speech::kUnknown;  // "alert http ..."
  AddressSpec source;
  AddressSpec destination;
  PortSpec source_ports;
  PortSpec destination_ports;
  bool both_ways = false;  // "<>"

  // What has to be found.
  FlowSpec flow;
  std::vector<BufferTests> buffers;
  std::vector<FlowBit> flow_bits;
  std::optional<Range> payload_length;  // dsize
  bool payload_length_negated = false;
  std::optional<TcpFlagSpec> tcp_flags;
  std::optional<Range> icmp_type;
  std::optional<Range> icmp_code;
  std::optional<Range> ttl;
  std::optional<Threshold> threshold;
  std::optional<Threshold> detection_filter;
  bool silent = false;  // noalert

  // For people.
  std::string message;
  std::uint32_t group = 1;  // gid
  std::uint32_t id = 0;     // sid
  std::uint32_t revision = 0;
  std::string class_name;     // classtype
  std::uint8_t priority = 3;  // 1 is the most urgent
  std::vector<std::pair<std::string, std::string>> references;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::uint32_t line = 0;  // of its file

  bool operator==(const Signature&) const = default;
};

}  // namespace millrace::firewall::inspection
