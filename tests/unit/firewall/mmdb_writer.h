// SPDX-License-Identifier: BSD-3-Clause
// Writes small MaxMind DB files, from the format's own description (https://maxmind.github.io/MaxMind-DB/):
// an IPv6 tree with 24-bit records, one data record {country: {iso_code: ..}} per network.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"

namespace millrace::testing_support {

class MmdbWriter {
 public:
  void add(const net::Prefix& prefix, std::string_view country) {
    std::array<std::uint8_t, 16> bits = prefix.address.bytes();
    unsigned length = prefix.length;
    if (prefix.address.is_v4()) {  // IPv4 lies in ::/96
      bits = {};
      for (std::size_t i = 0; i < 4; ++i) bits[12 + i] = prefix.address.bytes()[i];
      length += 96;
    }
    const auto offset = static_cast<std::uint32_t>(data_.size());
    data_ += control(kMap, 1) + text("country") + control(kMap, 1) + text("iso_code") + text(country);
    set(bits, length, {Record::kData, offset});
  }

  // The records of IPv6 at `prefix` lead to the IPv4 part of the tree, as ::ffff:0:0/96 and 2002::/16 do.
  void alias_v4(const net::Prefix& prefix) {
    set(prefix.address.bytes(), prefix.length, {Record::kNode, v4_root()});
  }

  [[nodiscard]] std::string file() const {
    std::string out;
    const auto count = static_cast<std::uint32_t>(nodes_.size());
    for (const auto& node : nodes_) {
      for (const Record& record : node) {
        std::uint32_t value = count;  // empty
        if (record.kind == Record::kNode) value = record.value;
        if (record.kind == Record::kData) value = count + 16 + record.value;
        for (const unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(value >> shift);
      }
    }
    out += std::string(16, '\0') + data_ + "\xab\xcd\xefMaxMind.com";
    out += control(kMap, 9) + text("node_count") + number(kUint32, count, 4) + text("record_size") +
           number(kUint16, 24, 2) + text("ip_version") + number(kUint16, 6, 2) + text("database_type") +
           text("Test-Country") + text("languages") + control(kArray, 0) +
           text("binary_format_major_version") + number(kUint16, 2, 2) + text("binary_format_minor_version") +
           number(kUint16, 0, 2) + text("build_epoch") + number(kUint64, 1, 1) + text("description") +
           control(kMap, 0);
    return out;
  }

 private:
  static constexpr unsigned kText = 2;
  static constexpr unsigned kUint16 = 5;
  static constexpr unsigned kUint32 = 6;
  static constexpr unsigned kMap = 7;
  static constexpr unsigned kUint64 = 9;
  static constexpr unsigned kArray = 11;

  struct Record {
    enum Kind : std::uint8_t { kEmpty, kNode, kData } kind = kEmpty;
    std::uint32_t value = 0;
  };

  static std::string control(unsigned type, std::size_t size) {
    if (type <= 7) return {static_cast<char>((type << 5U) | size)};
    return {static_cast<char>(size), static_cast<char>(type - 7)};
  }
  static std::string text(std::string_view value) {
    return control(kText, value.size()) + std::string(value);
  }
  static std::string number(unsigned type, std::uint64_t value, unsigned bytes) {
    std::string out = control(type, bytes);
    for (unsigned i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i));
    return out;
  }

  std::uint32_t node_at(const std::array<std::uint8_t, 16>& bits, unsigned depth) {
    std::uint32_t node = 0;
    for (unsigned i = 0; i < depth; ++i) {
      const unsigned side = (bits[i / 8] >> (7 - i % 8)) & 1U;
      if (nodes_[node][side].kind != Record::kNode) {
        nodes_[node][side] = {Record::kNode, static_cast<std::uint32_t>(nodes_.size())};
        nodes_.emplace_back();
      }
      node = nodes_[node][side].value;
    }
    return node;
  }
  void set(const std::array<std::uint8_t, 16>& bits, unsigned length, Record record) {
    const std::uint32_t node = node_at(bits, length - 1);
    nodes_[node][(bits[(length - 1) / 8] >> (7 - (length - 1) % 8)) & 1U] = record;
  }
  std::uint32_t v4_root() { return node_at({}, 96); }

  std::vector<std::array<Record, 2>> nodes_{1};
  std::string data_;
};

}  // namespace millrace::testing_support
