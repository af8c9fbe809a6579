// SPDX-License-Identifier: BSD-3-Clause
// A capture as a pcapng file, for Wireshark and its like (draft-ietf-opsawg-pcapng). Control thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/capture.h"
#include "common/core/drop_reason.h"

namespace millrace::core {

// What turns a worker's time stamps into time: one moment read on both clocks, and the TSC's rate.
struct CaptureClock {
  std::uint64_t tsc = 0;
  std::uint64_t unix_ns = 0;
  std::uint64_t tsc_hz = 1;

  [[nodiscard]] static CaptureClock now();
  [[nodiscard]] std::uint64_t unix_time_ns(std::uint64_t tsc_then) const noexcept;
};

struct CapturePort {
  PortId port;
  std::string name;
};

// The packets in order of time. Those received and sent carry their direction; those dropped carry none, and
// the reason's name as a comment ("dropped: no_route"). `ports` are all that packets may have come by;
// `reasons` are the function's, the core's are known.
[[nodiscard]] std::vector<std::uint8_t> capture_file(const CaptureJob& job,
                                                     std::span<const CapturePort> ports,
                                                     std::span<const DropReason> reasons,
                                                     const CaptureClock& clock);

// One packet that was received, as a section of its own: files of such may be appended to, and cut between
// any two. The comment may be empty.
[[nodiscard]] std::vector<std::uint8_t> capture_section(const CapturedPacket& packet, Bytes bytes,
                                                        const CapturePort& port, std::string_view comment,
                                                        const CaptureClock& clock);

}  // namespace millrace::core
