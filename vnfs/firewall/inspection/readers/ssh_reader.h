// SPDX-License-Identifier: BSD-3-Clause
// Reads the identification that each side of an SSH connection begins with (RFC 4253 section 4.2):
// "SSH-2.0-OpenSSH_9.2p1 Debian-2". The rest is not read.
//
// Data path, of one worker. However the bytes are cut into segments, the same is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/event_sink.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::size_t kLongestSshIdentification = 255;  // with its line end
// Lines that a server sends before it.
inline constexpr std::size_t kMostBeforeSshIdentification = std::size_t{16} << 10U;

struct SshEvent {
  ReadAnomalySet anomalies;
  Bytes comment;       // behind the software
  const Parts& parts;  // protocol and software, or none when there is no identification
};

// Of one direction. All zeros: at the stream's beginning.
class SshReader {
 public:
  // `stream` is all of the direction's bytes that there are, from its first on; `ended`: and there will be no
  // more. Tells one event, and is over.
  ReadProgress advance(Bytes stream, bool ended, Side side, EventSink<SshEvent> sink) noexcept;

 private:
  std::uint32_t at_ = 0;    // all before it has been looked at
  std::uint32_t line_ = 0;  // where a line begins
  bool over_ = false;
};
static_assert(std::is_trivially_copyable_v<SshReader> && sizeof(SshReader) <= 32);

}  // namespace millrace::firewall::inspection::readers
