// SPDX-License-Identifier: BSD-3-Clause
// What frames of a capture carry, for tests: over TCP or UDP, over IPv4 or IPv6 without extension headers,
// over Ethernet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/corpus.h"
#include "tests/support/pcap_reader.h"

namespace millrace::testing {

// Throws std::out_of_range of a frame that is not long enough for it.
[[nodiscard]] inline std::string transport_payload(const CapturedPacket& packet) {
  const std::size_t link = packet.link_type == link_type::kEthernet ? 14 : 4;
  const auto& bytes = packet.bytes;
  const bool is_six = bytes.at(link) >> 4U == 6;
  const std::size_t header = is_six ? 40 : (bytes.at(link) & 0x0fU) * 4U;
  const std::size_t length_at = link + (is_six ? 4U : 2U);
  const std::size_t length = bytes.at(length_at) * 256U + bytes.at(length_at + 1) + (is_six ? 40U : 0U);
  const std::size_t protocol = bytes.at(link + (is_six ? 6U : 9U));
  const std::size_t transport = link + header;
  const std::size_t payload = transport + (protocol == 17 ? 8U : (bytes.at(transport + 12) >> 4U) * 4U);
  return {bytes.begin() + static_cast<std::ptrdiff_t>(payload),
          bytes.begin() + static_cast<std::ptrdiff_t>(std::min(link + length, bytes.size()))};
}

// Tests of captures, which skip where there are none.
class CaptureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    captures_ = corpus_folder() / "captures";
    if (!std::filesystem::exists(captures_)) GTEST_SKIP() << captures_ << " is not there";
  }
  // What these frames carry, from 1 on, joined.
  [[nodiscard]] std::string payload(const char* file, std::initializer_list<std::size_t> frames) const {
    const auto packets = read_capture(captures_ / file);
    std::string bytes;
    for (const std::size_t frame : frames) bytes += transport_payload(packets.value().at(frame - 1));
    return bytes;
  }

 private:
  std::filesystem::path captures_;
};

}  // namespace millrace::testing
